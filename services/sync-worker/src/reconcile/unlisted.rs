//! What is written of rows that no listing showed.

use crate::task::{Task, TaskError};
use common::types::panel::BadRecord;
use serde_json::Value;
use store::{PageCommit, PageRows, RemovalScope, Resource};

/// Merges a row that was read by itself.
pub async fn merge_alone(task: &Task, resource: Resource, rows: PageRows) -> Result<(), TaskError> {
    commit(task, resource, RemovalScope::Panel, rows, Vec::new()).await
}

/// Records what the panel does not tell of rows, by their ids on it.
pub async fn report(
    task: &Task,
    resource: Resource,
    scope: RemovalScope,
    rows: Vec<(i64, String)>,
) -> Result<(), TaskError> {
    if rows.is_empty() {
        return Ok(());
    }
    let bad = |(id, reason)| BadRecord {
        id: Some(id),
        position: 0,
        reason: format!("{}: {reason}", resource.table()),
    };
    let rows = rows.into_iter().map(bad).collect();
    commit(task, resource, scope, PageRows::Locations(Vec::new()), rows).await
}

/// Says in the run's log why something is not removed.
pub async fn warn(task: &Task, resource: Resource, why: &str) -> Result<(), TaskError> {
    let sentence = format!("{}: {why}", resource.table());
    let store = &task.state.store;
    Ok(store.run_log(&task.lease, "warning", &sentence).await?)
}

async fn commit(
    task: &Task,
    resource: Resource,
    scope: RemovalScope,
    rows: PageRows,
    bad: Vec<BadRecord>,
) -> Result<(), TaskError> {
    let commit = PageCommit {
        rows,
        kind: resource.kind(),
        scope: match scope {
            RemovalScope::Panel => 0,
            RemovalScope::Node(node) => node,
        },
        position: 0,
        total: 0,
        total_constant: true,
        bad,
        poison: Vec::new(),
        listing: false,
        checkpoint: Value::Null,
        items_total: 0,
        requests: 0,
    };
    task.commit(&commit).await?;
    Ok(())
}
