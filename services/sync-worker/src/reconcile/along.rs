//! What goes along with a parent that is removed, and what stays.

use super::decide::Proven;
use crate::task::{Task, TaskError};
use common::types::sync::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::{RemovalScope, Resource};
use uuid::Uuid;

/// What stays when another uuid takes a row's place, because it may belong to the
/// row that stands there now: allocations are listed with their node's id, and
/// databases with their server's, if this run has `read` them.
pub fn staying(resource: Resource, read: &BTreeSet<Kind>) -> &'static [Resource] {
    match resource {
        Resource::Node => &[Resource::Allocation],
        Resource::Server if !read.contains(&Kind::Databases) => &[Resource::Database],
        _ => &[],
    }
}

/// Rows that would go along are counted with their own kind.
pub async fn count_with_parents(
    task: &Task,
    read: &BTreeSet<Kind>,
    proven: &mut BTreeMap<Resource, Proven>,
    replaced: &BTreeMap<Resource, BTreeSet<Uuid>>,
) -> Result<(), TaskError> {
    let window = Duration::from_secs(u64::from(task.state.config.sync.hold_window_hours) * 3600);
    for parent in [Resource::Server, Resource::Nest, Resource::Node] {
        let Some(found) = proven.get(&parent) else {
            continue;
        };
        let parents: Vec<Uuid> = found.gone.iter().copied().collect();
        if parents.is_empty() {
            continue;
        }
        let replaced = replaced.get(&parent);
        let stay = staying(parent, read);
        for (child, mut rows) in task.state.store.children_of(parent, &parents).await? {
            if !matches!(
                child,
                Resource::Database | Resource::Egg | Resource::Allocation
            ) {
                continue;
            }
            if stay.contains(&child) {
                rows.retain(|(_, of)| !replaced.is_some_and(|others| others.contains(of)));
            }
            let counts = task
                .state
                .store
                .resource_counts(task.lease.panel_id, child, RemovalScope::Panel, window)
                .await?;
            let found = proven.entry(child).or_default();
            found.counts = counts;
            found.with_parent.extend(rows);
        }
    }
    Ok(())
}
