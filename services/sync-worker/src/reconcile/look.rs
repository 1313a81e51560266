//! The second look: the panel is asked anew about rows that a listing did not
//! show. A few are asked for at their own address; for many a second complete
//! listing is read.

use crate::ask::may_pass;
use crate::list::{Read, read};
use crate::task::{Task, TaskError};
use crate::work::{RECONCILE, Source, has_next};
use common::types::panel::{Lookup, PageRequest, ServerIncludes};
use panels::PanelError;
use std::collections::BTreeSet;
use store::{Candidate, PageRows, Resource, ServerParts};

/// What a row's own address says.
pub enum Answer {
    /// It is gone.
    Gone,
    /// A row stands under its id: this one or, where its uuid is another, one that takes
    /// its place.
    There(PageRows),
    /// Nobody can tell.
    Unclear(String),
}

/// Includes of a server that is merged by itself.
fn include(task: &Task) -> ServerIncludes {
    use common::types::sync::Kind;
    let servers = task.lease.kinds.contains(&Kind::Servers);
    ServerIncludes {
        allocations: servers,
        variables: servers,
        subusers: servers,
        databases: task.lease.kinds.contains(&Kind::Databases),
    }
}

fn parts(task: &Task) -> ServerParts {
    use common::types::sync::Kind;
    ServerParts {
        servers: task.lease.kinds.contains(&Kind::Servers),
        databases: task.lease.kinds.contains(&Kind::Databases),
    }
}

/// Rows of a kind that stay without any answer, each of which takes minutes, until no more
/// are asked for.
const MOST_SILENT: u32 = 3;

/// Asks for a row at its own address.
pub async fn own_address(
    task: &Task,
    resource: Resource,
    candidate: &Candidate,
) -> Result<Answer, TaskError> {
    let answer = ask_for(task, resource, candidate).await;
    note(task, resource).await;
    match answer {
        Err(TaskError::Panel(error)) if may_pass(&error) => {
            if task.stayed_silent(resource.kind()) < MOST_SILENT {
                return Ok(Answer::Unclear(error.to_string()));
            }
            Err(TaskError::Panel(error))
        }
        answer => answer,
    }
    .map_err(|error| {
        named(error, || {
            format!("{} {}", resource.table(), candidate.remote_id)
        })
    })
}

/// Each answer, and each that is given up, gets the run further, however slowly they come.
async fn note(task: &Task, resource: Resource) {
    let message = format!("{}: second look", resource.table());
    task.pace
        .note(&task.state, &task.lease, RECONCILE, message)
        .await;
}

async fn ask_for(
    task: &Task,
    resource: Resource,
    candidate: &Candidate,
) -> Result<Answer, TaskError> {
    let panel = &task.panel;
    let id = candidate.remote_id;
    let answer = match resource {
        Resource::Location => judge(task.ask(|| panel.location(id)).await?, PageRows::Locations),
        Resource::Node => judge(task.ask(|| panel.node(id)).await?, PageRows::Nodes),
        Resource::Nest => judge(task.ask(|| panel.nest(id)).await?, PageRows::Nests),
        Resource::User => judge(task.ask(|| panel.user(id)).await?, PageRows::Users),
        Resource::Server => {
            let include = include(task);
            let parts = parts(task);
            judge(task.ask(|| panel.server(id, include)).await?, |rows| {
                PageRows::Servers { rows, parts }
            })
        }
        Resource::Allocation => {
            let node = candidate.scope;
            let (ip, port) = (
                candidate.ip.as_deref().unwrap_or_default(),
                candidate.port.unwrap_or_default(),
            );
            let found = match task.ask(|| panel.allocation(node, ip, port)).await {
                // An address that the panel's filter would misread cannot be asked for.
                Err(TaskError::Panel(error @ PanelError::InvalidRequest(_))) => {
                    return Ok(Answer::Unclear(error.to_string()));
                }
                found => found?,
            };
            match found {
                // The address may have been given to a new row meanwhile.
                Lookup::Found(row) if row.id != id => Answer::Gone,
                found => judge(found, |rows| PageRows::Allocations { node, rows }),
            }
        }
        // Listed whole by one good answer: needs no second look.
        Resource::ServerVariable
        | Resource::Subuser
        | Resource::Database
        | Resource::Egg
        | Resource::EggVariable => Answer::Gone,
    };
    Ok(answer)
}

/// An operator has to know what was asked for when the panel refused.
fn named(error: TaskError, asked: impl FnOnce() -> String) -> TaskError {
    match error {
        TaskError::Panel(error) => TaskError::Failed(format!("{}: {error}", asked())),
        other => other,
    }
}

fn judge<T>(found: Lookup<T>, wrap: impl FnOnce(Vec<T>) -> PageRows) -> Answer {
    match found {
        Lookup::Gone => Answer::Gone,
        Lookup::Unreadable(reason) => Answer::Unclear(reason),
        Lookup::Found(row) => Answer::There(wrap(vec![row])),
    }
}

/// Reads a listing once more, for its ids only. `None`: it was not complete, so
/// it proves nothing.
pub async fn all_ids(
    task: &Task,
    resource: Resource,
    node: i64,
) -> Result<Option<BTreeSet<i64>>, TaskError> {
    let config = &task.state.config.panel;
    let (source, size) = match resource {
        Resource::Location => (Source::Locations, config.page_size),
        Resource::Node => (Source::Nodes, config.page_size),
        Resource::Nest => (Source::Nests, config.page_size),
        Resource::User => (Source::Users, config.page_size),
        Resource::Server => (
            Source::Servers {
                include: ServerIncludes::default(),
                servers: true,
                databases: false,
            },
            config.page_size,
        ),
        Resource::Allocation => (Source::Allocations { node }, config.allocation_page_size),
        _ => return Ok(None),
    };
    let mut ids = BTreeSet::new();
    let mut first_total = None;
    let mut page = PageRequest { number: 1, size };
    loop {
        let answer = read(task, &source, page).await;
        note(task, resource).await;
        let answer: Read = match answer {
            // The node has gone meanwhile, and takes its allocations along another time.
            Err(TaskError::Panel(PanelError::NotFound)) => return Ok(None),
            answer => answer.map_err(|error| {
                named(error, || {
                    format!("a second listing of {}", resource.table())
                })
            })?,
        };
        let listing = answer.listing();
        ids.extend(listing.ids);
        let constant =
            listing.total_constant && *first_total.get_or_insert(listing.total) == listing.total;
        if !constant {
            return Ok(None);
        }
        if !has_next(page, None, listing.total, listing.empty) {
            return Ok((ids.len() as u64 == listing.total).then_some(ids));
        }
        page.number += 1;
    }
}
