//! The second look: the panel is asked anew for rows that a listing lacks.

use super::decide::Proven;
use super::first_look::Missing;
use super::look::{self, Answer};
use super::unlisted;
use crate::task::{Task, TaskError};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use store::{RemovalScope, Resource};
use uuid::Uuid;

/// What the second look found.
#[derive(Default)]
pub struct SecondLook {
    /// Which rows are gone.
    pub proven: Proven,
    /// Rows whose place another uuid takes.
    pub replaced: BTreeSet<Uuid>,
    /// What was asked, and what came of it.
    pub evidence: Vec<Value>,
}

/// Asks the panel anew for rows that a listing lacks.
pub async fn second_look(
    task: &Task,
    resource: Resource,
    missing: Vec<Missing>,
) -> Result<SecondLook, TaskError> {
    let mut result = SecondLook::default();
    let window = Duration::from_secs(u64::from(task.state.config.sync.hold_window_hours) * 3600);
    let panel = task.lease.panel_id;
    for Missing {
        scope,
        candidates,
        hides,
    } in missing
    {
        if candidates.is_empty() {
            continue;
        }
        let few = candidates.len() <= task.state.config.sync.second_look_rows as usize;
        let by_answer = matches!(
            resource,
            Resource::ServerVariable
                | Resource::Subuser
                | Resource::Database
                | Resource::Egg
                | Resource::EggVariable
        );
        let mut gone = BTreeSet::new();
        let how = if by_answer {
            gone.extend(candidates.iter().map(|row| row.id));
            "the answer that lists them whole"
        } else if few {
            let mut unclear = Vec::new();
            for candidate in &candidates {
                match look::own_address(task, resource, candidate).await? {
                    Answer::Gone => {
                        gone.insert(candidate.id);
                    }
                    // Another uuid in the place of a live row is noted as such.
                    Answer::There(rows) => {
                        unlisted::merge_alone(task, resource, rows).await?;
                    }
                    Answer::Unclear(reason) => {
                        let reason =
                            format!("no listing shows it and it may not be gone: {reason}");
                        unclear.push((candidate.remote_id, reason));
                    }
                }
            }
            if hides {
                // Those that it hides, most likely: one row is reported once.
                for (id, reason) in unclear {
                    unlisted::warn(task, resource, &format!("{id}: {reason}")).await?;
                }
            } else {
                unlisted::report(task, resource, scope, unclear).await?;
            }
            "each row's own address"
        } else {
            let node = match scope {
                RemovalScope::Node(node) => node,
                RemovalScope::Panel => 0,
            };
            if let Some(ids) = look::all_ids(task, resource, node).await? {
                gone.extend(
                    candidates
                        .iter()
                        .filter(|row| !ids.contains(&row.remote_id))
                        .map(|row| row.id),
                );
                "a second complete listing"
            } else {
                unlisted::warn(
                    task,
                    resource,
                    "the second listing changed, too; nothing of it is removed",
                )
                .await?;
                "a second listing that changed, too"
            }
        };
        result.evidence.push(json!({
            "scope": match scope { RemovalScope::Panel => json!("panel"), RemovalScope::Node(node) => json!({ "node": node }) },
            "first_look": candidates.len(), "second_look": gone.len(), "asked": how,
            "at": chrono::Utc::now(),
        }));
        match scope {
            RemovalScope::Panel => result.proven.gone.extend(gone),
            RemovalScope::Node(node) => {
                let counts = task
                    .state
                    .store
                    .resource_counts(panel, resource, scope, window)
                    .await?;
                result.proven.by_node.insert(node, (gone, counts));
            }
        }
    }
    let replaced = task
        .state
        .store
        .replaced(task.lease.run_id, resource)
        .await?;
    for candidate in replaced {
        result.proven.gone.insert(candidate.id);
        result.replaced.insert(candidate.id);
    }
    result.proven.counts = task
        .state
        .store
        .resource_counts(panel, resource, RemovalScope::Panel, window)
        .await?;
    Ok(result)
}
