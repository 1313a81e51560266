//! Runs in the form that they are shown in.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use store::{RunKind, RunRow, TaskRow};
use uuid::Uuid;

/// A moment, to the second.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A run.
#[derive(Serialize)]
pub struct RunView<'a> {
    id: Uuid,
    panel_id: Uuid,
    target: &'a str,
    kinds: &'a [String],
    status: &'a str,
    requested_by: &'a str,
    confirms_run_id: Option<Uuid>,
    step: &'a str,
    percentage: i32,
    items_total: i64,
    items_synced: i64,
    items_failed: i64,
    requests: i64,
    message: &'a str,
    failed_step: Option<&'a str>,
    error: Option<&'a str>,
    held: Option<&'a Value>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
}

impl<'a> RunView<'a> {
    /// Everything that is known of it.
    pub fn of(run: &'a RunRow) -> Self {
        Self {
            id: run.id,
            panel_id: run.panel_id,
            target: &run.target,
            kinds: &run.kinds,
            status: &run.status,
            requested_by: &run.requested_by,
            confirms_run_id: run.confirms_run_id,
            step: &run.step,
            percentage: run.percentage,
            items_total: run.items_total,
            items_synced: run.items_synced,
            items_failed: run.items_failed,
            requests: run.requests,
            message: &run.last_message,
            failed_step: run.failed_step.as_deref(),
            error: run.error.as_deref(),
            held: run.held.as_ref(),
            created_at: run.created_at,
            started_at: run.started_at,
            updated_at: run.updated_at,
            completed_at: run.completed_at,
        }
    }
}

/// A step of a run.
#[derive(Serialize)]
pub struct StepView<'a> {
    step: &'a str,
    tasks: i64,
    done: i64,
    failed: i64,
    items_total: i64,
    items_synced: i64,
    items_failed: i64,
    error: Option<&'a str>,
}

impl<'a> StepView<'a> {
    /// Summed up from its tasks.
    pub fn of(kind: &'a RunKind) -> Self {
        Self {
            step: &kind.kind,
            tasks: kind.tasks,
            done: kind.done,
            failed: kind.failed_tasks,
            items_total: kind.items_total,
            items_synced: kind.items_synced,
            items_failed: kind.items_failed,
            error: kind.error.as_deref(),
        }
    }
}

/// A task.
#[derive(Serialize)]
pub struct TaskView<'a> {
    id: Uuid,
    kind: &'a str,
    state: &'a str,
    worker_id: Option<Uuid>,
    lost_leases: i32,
    items_synced: i64,
    items_failed: i64,
    waits_for: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> TaskView<'a> {
    /// As an operator sees it.
    pub fn of(task: &'a TaskRow) -> Self {
        Self {
            id: task.id,
            kind: &task.kind,
            state: &task.state,
            worker_id: task.worker_id,
            lost_leases: task.lost_leases,
            items_synced: task.items_synced,
            items_failed: task.items_failed,
            waits_for: task.waits_for.as_deref(),
            error: task.error.as_deref(),
        }
    }
}
