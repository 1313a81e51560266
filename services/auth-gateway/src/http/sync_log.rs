//! A run as callers see it: a "sync log", with what the website's progress bar
//! reads in `metadata`. Names there mix two styles because existing clients read
//! them so; times are RFC 3339 outside of `metadata` and Unix seconds within.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use common::types::sync::RunStatus;
use paperclip::actix::Apiv2Schema;
use serde::Serialize;
use serde_json::Value;
use store::{RunKind, RunRow, StoreError};
use uuid::Uuid;

/// One sync.
#[derive(Debug, Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct SyncLog {
    /// The run's id.
    id: Uuid,
    /// `full`, or the kind.
    r#type: String,
    status: Status,
    /// Rows that the panel is known to have.
    items_total: i64,
    /// Rows that are as the panel shows them.
    items_synced: i64,
    /// Records that were skipped.
    items_failed: i64,
    /// Why it failed.
    error: Option<String>,
    metadata: Metadata,
    /// When it began; while it waits, when it was asked for.
    started_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
}

/// Where a run stands; the last three are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Apiv2Schema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Pending,
    Running,
    Completed,
    Failed,
    Cancelled,
}

/// How far a run is, and how it ended.
#[derive(Debug, Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// What is worked on.
    step: String,
    items_total: i64,
    /// Synced and skipped together.
    items_processed: i64,
    /// 0 to 100; never falls; 100 only when completed.
    percentage: i32,
    /// The same, under the name that the progress bar reads.
    progress: i32,
    /// A sentence for people.
    last_message: String,
    /// Unix seconds.
    last_updated: i64,
    #[serde(rename = "requested_by")]
    requested_by: String,
    /// Requests made to the panel.
    requests: i64,
    /// The step that failed.
    #[serde(rename = "failed_step")]
    failed_step: Option<String>,
    /// Why it failed.
    error: Option<String>,
    /// Removals that were held back, by kind, with the evidence.
    held: Option<Value>,
    /// The run whose held removals this one confirms.
    confirms: Option<Uuid>,
    /// Seconds from its begin to its end.
    duration: Option<f64>,
    /// Unix seconds.
    #[serde(rename = "completed_at")]
    completed_at: Option<i64>,
    /// Every step; only where a single run is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<Step>>,
}

/// One step of a run.
#[derive(Debug, Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// A kind, `plan` or `reconcile`.
    step: String,
    items_total: i64,
    items_synced: i64,
    items_failed: i64,
    tasks_total: i64,
    tasks_done: i64,
    tasks_failed: i64,
    /// Why the first failed task failed.
    error: Option<String>,
}

/// Which run answers a request.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct RunReference {
    sync_log_id: Uuid,
    /// The same id: the run is the task.
    task_id: Uuid,
    status: Status,
    /// Set where a run that was already there answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// A page of sync logs, newest first.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct SyncLogPage {
    pub logs: Vec<SyncLog>,
    pub limit: i64,
    pub offset: i64,
}

/// The newest sync log of each type.
#[derive(Debug, Serialize, Apiv2Schema)]
#[serde(transparent)]
pub struct LatestSyncLogs(pub BTreeMap<String, SyncLog>);

impl SyncLog {
    /// The run without its steps.
    ///
    /// # Errors
    /// Its stored status is unknown.
    pub fn of(run: &RunRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: run.id,
            r#type: run.target.clone(),
            status: run.run_status()?.into(),
            items_total: run.items_total,
            items_synced: run.items_synced,
            items_failed: run.items_failed,
            error: run.error.clone(),
            metadata: Metadata::of(run),
            started_at: run.started_at.unwrap_or(run.created_at),
            completed_at: run.completed_at,
        })
    }

    /// Adds the steps.
    #[must_use]
    pub fn with_steps(mut self, steps: Vec<RunKind>) -> Self {
        self.metadata.steps = Some(steps.into_iter().map(Step::from).collect());
        self
    }
}

impl Metadata {
    fn of(run: &RunRow) -> Self {
        let duration = run.completed_at.map(|end| {
            let length = end - run.started_at.unwrap_or(run.created_at);
            length.to_std().unwrap_or_default().as_secs_f64()
        });
        Self {
            step: run.step.clone(),
            items_total: run.items_total,
            items_processed: run.items_synced + run.items_failed,
            percentage: run.percentage,
            progress: run.percentage,
            last_message: run.last_message.clone(),
            last_updated: run.updated_at.timestamp(),
            requested_by: run.requested_by.clone(),
            requests: run.requests,
            failed_step: run.failed_step.clone(),
            error: run.error.clone(),
            held: run.held.clone(),
            confirms: run.confirms_run_id,
            duration,
            completed_at: run.completed_at.map(|end| end.timestamp()),
            steps: None,
        }
    }
}

impl From<RunKind> for Step {
    fn from(step: RunKind) -> Self {
        Self {
            step: step.kind,
            items_total: step.items_total,
            items_synced: step.items_synced,
            items_failed: step.items_failed,
            tasks_total: step.tasks,
            tasks_done: step.done,
            tasks_failed: step.failed_tasks,
            error: step.error,
        }
    }
}

impl From<RunStatus> for Status {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Pending => Self::Pending,
            RunStatus::Running => Self::Running,
            RunStatus::Completed => Self::Completed,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl RunReference {
    /// A reference to a run, with a remark where one is due.
    ///
    /// # Errors
    /// Its stored status is unknown.
    pub fn to(run: &RunRow, message: Option<&str>) -> Result<Self, StoreError> {
        Ok(Self {
            sync_log_id: run.id,
            task_id: run.id,
            status: run.run_status()?.into(),
            message: message.map(str::to_owned),
        })
    }
}
