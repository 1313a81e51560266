//! The first look: which live rows did the run's listings not show?

use super::look::{self, Answer};
use super::unlisted;
use crate::task::{Task, TaskError};
use common::types::sync::Kind;
use std::collections::{BTreeMap, BTreeSet};
use store::{Candidate, Listing, RemovalScope, Resource};
use uuid::Uuid;

/// Rows that one listing did not show.
pub struct Missing {
    /// The listing.
    pub scope: RemovalScope,
    /// The rows.
    pub candidates: Vec<Candidate>,
    /// Whether it hides rows that have been reported by their positions.
    pub hides: bool,
}

/// What a listing says about the rows that it does not show.
#[derive(Debug, PartialEq, Eq)]
enum Worth {
    /// It is complete.
    Complete,
    /// Only rows that the panel cannot send are missing from it.
    AllButPoison,
    /// It changed while it was read.
    Moved,
    /// Rows were sent whose id could not be told.
    Unidentified,
}

fn worth(listing: &Listing) -> Worth {
    if listing.unidentified > 0 {
        return Worth::Unidentified;
    }
    if !listing.constant {
        return Worth::Moved;
    }
    if listing.distinct == listing.total {
        return Worth::Complete;
    }
    if listing.poisoned > 0 && listing.distinct + listing.poisoned == listing.total {
        return Worth::AllButPoison;
    }
    Worth::Moved
}

/// Live rows of a resource that the run has not seen, listing by listing.
pub async fn missing(task: &Task, resource: Resource) -> Result<Vec<Missing>, TaskError> {
    let store = &task.state.store;
    let (run, panel) = (task.lease.run_id, task.lease.panel_id);
    let kind = resource.kind();
    match resource {
        Resource::ServerVariable
        | Resource::Subuser
        | Resource::Database
        | Resource::Egg
        | Resource::EggVariable => {
            let candidates = store.noted_missing(run, resource).await?;
            return Ok(vec![Missing {
                scope: RemovalScope::Panel,
                candidates,
                hides: false,
            }]);
        }
        _ => {}
    }
    let mut missing = Vec::new();
    for listing in store.listings(run, kind).await? {
        let scope = if resource == Resource::Allocation {
            RemovalScope::Node(listing.scope)
        } else {
            RemovalScope::Panel
        };
        // Where a row is hidden in it, a second listing proves no more than the first.
        let (mut candidates, may_list) = match worth(&listing) {
            Worth::Complete => (store.unseen(run, panel, resource, scope).await?, true),
            Worth::AllButPoison => (store.unseen(run, panel, resource, scope).await?, false),
            Worth::Moved => {
                let Some(ids) = look::all_ids(task, resource, listing.scope).await? else {
                    let why = "the listing changed each time it was read; nothing of it is removed";
                    unlisted::warn(task, resource, why).await?;
                    continue;
                };
                read_missed(task, resource, &listing, &ids).await?;
                let mut unseen = store.unseen(run, panel, resource, scope).await?;
                unseen.retain(|row| !ids.contains(&row.remote_id));
                (unseen, true)
            }
            Worth::Unidentified => {
                let why =
                    "rows that cannot be identified stand in the listing; nothing of it is removed";
                unlisted::warn(task, resource, why).await?;
                continue;
            }
        };
        let few = task.state.config.sync.second_look_rows as usize;
        if !may_list && candidates.len() > few {
            let why = format!(
                "only {few} of {} missing rows are asked for",
                candidates.len()
            );
            unlisted::warn(task, resource, &why).await?;
            candidates.truncate(few);
        }
        missing.push(Missing {
            scope,
            candidates,
            hides: listing.poisoned > 0,
        });
    }
    Ok(missing)
}

/// Merges rows that slipped past while the listing moved, as far as they have an
/// address of their own. More than a few are left to the next run.
async fn read_missed(
    task: &Task,
    resource: Resource,
    listing: &Listing,
    ids: &BTreeSet<i64>,
) -> Result<(), TaskError> {
    if resource == Resource::Allocation {
        return Ok(());
    }
    let seen = task
        .state
        .store
        .seen(task.lease.run_id, resource.kind(), listing.scope)
        .await?;
    let few = task.state.config.sync.second_look_rows as usize;
    for id in ids.difference(&seen).take(few) {
        let missed = Candidate::unknown(*id, listing.scope);
        match look::own_address(task, resource, &missed).await? {
            Answer::There(rows) => {
                unlisted::merge_alone(task, resource, rows).await?;
            }
            Answer::Gone => {}
            Answer::Unclear(reason) => {
                let reason = format!("it was listed late and cannot be read: {reason}");
                let rows = vec![(*id, reason)];
                unlisted::report(task, resource, RemovalScope::Panel, rows).await?;
            }
        }
    }
    Ok(())
}

/// Databases (allocations) that no answer can list any more, because their server
/// (node) is gone, and that do not go with it. They hang on a parent: its address
/// decides.
pub async fn of_gone_parents(
    task: &Task,
    resource: Resource,
    read: &BTreeSet<Kind>,
) -> Result<BTreeSet<Uuid>, TaskError> {
    let (parent, listing) = match resource {
        Resource::Database if read.contains(&Kind::Servers) => (Resource::Server, Kind::Servers),
        Resource::Database => (Resource::Server, Kind::Databases),
        Resource::Allocation if read.contains(&Kind::Nodes) => (Resource::Node, Kind::Nodes),
        _ => return Ok(BTreeSet::new()),
    };
    let (run, panel) = (task.lease.run_id, task.lease.panel_id);
    let store = &task.state.store;
    let listings = store.listings(run, listing).await?;
    if !listings.iter().all(|read| worth(read) == Worth::Complete) {
        return Ok(BTreeSet::new());
    }
    let mut by_parent: BTreeMap<i64, Vec<Candidate>> = BTreeMap::new();
    for row in store.left_behind(run, panel, resource, listing).await? {
        by_parent.entry(row.scope).or_default().push(row);
    }
    let few = by_parent.len() <= task.state.config.sync.second_look_rows as usize;
    let listed = if few {
        None
    } else {
        look::all_ids(task, parent, 0).await?
    };
    let mut gone = BTreeSet::new();
    for (id, rows) in by_parent {
        let is_gone = match &listed {
            Some(ids) => !ids.contains(&id),
            None if few => is_gone(task, parent, id).await?,
            None => false,
        };
        if is_gone {
            gone.extend(rows.iter().map(|row| row.id));
        }
    }
    Ok(gone)
}

async fn is_gone(task: &Task, parent: Resource, id: i64) -> Result<bool, TaskError> {
    match look::own_address(task, parent, &Candidate::unknown(id, 0)).await? {
        Answer::Gone => Ok(true),
        Answer::There(_) => Ok(false),
        Answer::Unclear(reason) => {
            unlisted::warn(
                task,
                parent,
                &format!("{id} is not known to be gone: {reason}"),
            )
            .await?;
            Ok(false)
        }
    }
}

/// Whether every page of a kind's listings was read. Databases are listed with
/// their servers.
pub async fn was_read(task: &Task, kind: Kind) -> Result<bool, TaskError> {
    let listings = match kind {
        Kind::Databases if task.lease.kinds.contains(&Kind::Servers) => Kind::Servers,
        other => other,
    };
    let listings = task
        .state
        .store
        .listings(task.lease.run_id, listings)
        .await?;
    if listings.is_empty() {
        // A panel without nodes has no listing of allocations.
        return Ok(kind == Kind::Allocations);
    }
    Ok(listings
        .iter()
        .all(|listing| listing.distinct + listing.unidentified + listing.poisoned >= listing.total))
}
