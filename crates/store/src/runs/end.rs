//! How runs end: well, badly, by request, or for want of progress.

use super::begin::lock_panel;
use super::row::{COLUMNS, RunRow, find};
use super::{end_event, log};
use crate::error::StoreError;
use crate::outbox::say;
use crate::pool::{Connection, Store};
use crate::tasks::{TaskLease, lock_task};
use common::types::event::EventType;
use common::types::id::{PanelId, RunId};
use common::types::sync::RunStatus;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// What became of a cancel.
#[derive(Debug, Clone, PartialEq)]
pub enum CancelOutcome {
    /// It is cancelled now, or was already.
    Cancelled(RunRow),
    /// It had ended in another way.
    Finished(RunRow),
    /// There is no such run.
    Unknown,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// Well; with what was held back.
    Completed {
        /// Removals held back, with the evidence.
        held: Option<Value>,
    },
    /// Badly.
    Failed {
        /// The step that failed.
        step: String,
        /// Why.
        error: String,
        /// Removals held back, with the evidence.
        held: Option<Value>,
    },
}

impl Store {
    /// Ends a run as CANCELLED and raises the fences of its tasks: no write of
    /// the run follows this transaction.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_cancel(&self, id: RunId) -> Result<CancelOutcome, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let Some(run) = find(conn, id).await? else {
                return Ok(CancelOutcome::Unknown);
            };
            // A run that is being started has its first task by then.
            lock_panel(conn, PanelId(run.panel_id)).await?;
            match run.run_status()? {
                RunStatus::Cancelled => return Ok(CancelOutcome::Cancelled(run)),
                RunStatus::Completed | RunStatus::Failed => return Ok(CancelOutcome::Finished(run)),
                RunStatus::Pending | RunStatus::Running => {}
            }
            close_tasks(conn, id).await?;
            let ended: Vec<RunRow> = sql_query(format!(
                "UPDATE sync_runs SET status = 'CANCELLED', completed_at = now(), updated_at = now(), \
                   revision = revision + 1, last_message = 'Cancelled' \
                 WHERE id = $1 AND status IN ('PENDING', 'RUNNING') RETURNING {COLUMNS}"
            ))
            .bind::<SqlUuid, _>(id.0)
            .load(conn)
            .await?;
            let Some(run) = ended.into_iter().next() else {
                // It ended while we waited for its tasks.
                let run = find(conn, id).await?.ok_or(StoreError::NotFound("run"))?;
                return Ok(match run.run_status()? {
                    RunStatus::Cancelled => CancelOutcome::Cancelled(run),
                    _ => CancelOutcome::Finished(run),
                });
            };
            say(conn, vec![end_event(&run, EventType::SyncCancelled, json!({}))]).await?;
            log(conn, id, "info", "cancelled by request").await?;
            Ok(CancelOutcome::Cancelled(run))
        })
        .await
    }

    /// Ends a run from its last task, which ends with it.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn run_finish(
        &self,
        lease: &TaskLease,
        ending: &Ending,
        requests: u32,
    ) -> Result<RunRow, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            sql_query(
                "UPDATE sync_tasks SET state = 'done', requests = requests + $2, finished_at = now(), \
                   lease_until = NULL WHERE id = $1",
            )
            .bind::<SqlUuid, _>(lease.task_id.0)
            .bind::<BigInt, _>(i64::from(requests))
            .execute(conn)
            .await?;
            end_run(conn, lease.run_id, ending).await
        })
        .await
    }

    /// Ends runs that have made no progress for `limit` (time in which the panel
    /// said that nobody may ask does not count; none: however long that is), and runs
    /// whose tasks have all ended without ending them. Answers what was ended.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_end_stuck(&self, limit: Option<Duration>) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        let stuck: Vec<Stuck> = sql_query(
            "SELECT r.id, r.step, \
               (SELECT string_agg(DISTINCT t.waits_for, '; ') FROM sync_tasks t \
                 WHERE t.run_id = r.id AND t.state IN ('open', 'leased')) AS waits_for, \
               (SELECT t.kind FROM sync_tasks t WHERE t.run_id = r.id AND t.state IN ('open', 'leased') \
                 ORDER BY t.waits_for IS NULL, t.state = 'open', t.stage, t.started_at LIMIT 1) AS waiting_kind, \
               (SELECT t.kind FROM sync_tasks t WHERE t.run_id = r.id AND t.state = 'failed' \
                 ORDER BY t.finished_at LIMIT 1) AS failed_kind, \
               (SELECT t.error FROM sync_tasks t WHERE t.run_id = r.id AND t.state = 'failed' \
                 ORDER BY t.finished_at LIMIT 1) AS failed_error \
             FROM sync_runs r WHERE r.status = 'RUNNING' AND ( \
               GREATEST(COALESCE(r.progressed_at, r.started_at), \
                 (SELECT LEAST(p.application_blocked_until, now()) FROM panels p \
                   WHERE p.id = r.panel_id AND p.application_blocked_until IS NOT NULL)) \
                 < now() - make_interval(secs => $1) \
               OR NOT EXISTS (SELECT 1 FROM sync_tasks t WHERE t.run_id = r.id AND t.state IN ('open', 'leased')))",
        )
        .bind::<Nullable<Double>, _>(limit.map(|limit| limit.as_secs_f64()))
        .load(&mut conn)
        .await?;
        let seconds = limit.unwrap_or_default().as_secs();
        let mut ended = Vec::new();
        for run in stuck {
            let error = match (run.failed_error, run.waits_for) {
                (Some(error), _) => error,
                (None, Some(waits_for)) => {
                    format!("no progress for {seconds} seconds; it waited for: {waits_for}")
                }
                (None, None) => format!(
                    "no progress for {seconds} seconds; no worker has said what it waited for"
                ),
            };
            let ending = Ending::Failed {
                step: run.failed_kind.or(run.waiting_kind).unwrap_or(run.step),
                error,
                held: None,
            };
            let (id, ending) = (RunId(run.id), &ending);
            let row = conn
                .transaction(async move |conn| {
                    close_tasks(conn, id).await?;
                    end_run(conn, id, ending).await
                })
                .await;
            match row {
                Ok(row) => ended.push(row),
                // Somebody else ended it first.
                Err(StoreError::FenceLost) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ended)
    }
}

#[derive(QueryableByName)]
struct Stuck {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    step: String,
    #[diesel(sql_type = Nullable<Text>)]
    waits_for: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    waiting_kind: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    failed_kind: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    failed_error: Option<String>,
}

/// Raises the fences of a run's tasks; waits for transactions in flight.
async fn close_tasks(conn: &mut Connection, id: RunId) -> Result<(), StoreError> {
    sql_query(
        "WITH locked AS (SELECT id FROM sync_tasks WHERE run_id = $1 AND state IN ('open', 'leased') \
           ORDER BY id FOR UPDATE) \
         UPDATE sync_tasks t SET state = 'cancelled', fence = t.fence + 1, finished_at = now() \
         FROM locked WHERE t.id = locked.id",
    )
    .bind::<SqlUuid, _>(id.0)
    .execute(conn)
    .await?;
    Ok(())
}

async fn end_run(conn: &mut Connection, id: RunId, ending: &Ending) -> Result<RunRow, StoreError> {
    let (status, step, error, held) = match ending {
        Ending::Completed { held } => ("COMPLETED", None, None, held),
        Ending::Failed { step, error, held } => ("FAILED", Some(step), Some(error), held),
    };
    let rows: Vec<RunRow> = sql_query(format!(
        "UPDATE sync_runs r SET status = $2, failed_step = $3, error = $4, held = $5, completed_at = now(), \
           updated_at = now(), revision = r.revision + 1, \
           percentage = CASE WHEN $2 = 'COMPLETED' THEN 100 ELSE r.percentage END, \
           step = CASE WHEN $2 = 'COMPLETED' THEN 'completed' ELSE r.step END, \
           last_message = CASE WHEN $2 = 'COMPLETED' THEN 'Sync completed' ELSE 'Sync failed' END, \
           items_total = t.synced + t.failed, items_synced = t.synced, items_failed = t.failed, requests = t.requests \
         FROM (SELECT COALESCE(sum(items_synced), 0)::bigint AS synced, COALESCE(sum(items_failed), 0)::bigint AS failed, \
                 COALESCE(sum(requests), 0)::bigint AS requests FROM sync_tasks WHERE run_id = $1) t \
         WHERE r.id = $1 AND r.status = 'RUNNING' RETURNING {columns}",
        columns = COLUMNS.split(", ").map(|name| format!("r.{}", name.trim())).collect::<Vec<_>>().join(", ")
    ))
    .bind::<SqlUuid, _>(id.0)
    .bind::<Text, _>(status)
    .bind::<Nullable<Text>, _>(step)
    .bind::<Nullable<Text>, _>(error)
    .bind::<Nullable<Jsonb>, _>(held)
    .load(conn)
    .await?;
    let run = rows.into_iter().next().ok_or(StoreError::FenceLost)?;
    let mut events = vec![match ending {
        Ending::Completed { .. } => end_event(&run, EventType::SyncCompleted, json!({})),
        Ending::Failed { step, error, .. } => end_event(
            &run,
            EventType::SyncFailed,
            json!({ "failed_step": step, "error": error }),
        ),
    }];
    if let Some(held) = &run.held {
        let held = json!({ "held": held });
        events.push(end_event(&run, EventType::SyncHeld, held));
    }
    say(conn, events).await?;
    let sentence = match ending {
        Ending::Completed { .. } => "completed".to_owned(),
        Ending::Failed { step, error, .. } => format!("failed in {step}: {error}"),
    };
    log(
        conn,
        id,
        if run.error.is_some() { "error" } else { "info" },
        &sentence,
    )
    .await?;
    Ok(run)
}
