//! Runs: what was asked for, how far it is, how it ended.
//!
//! Which runs may work at the same time is decided under a lock on the panel's
//! row: no two running runs of a panel share a kind. Locks are taken in the
//! order panel, tasks, run.

use crate::error::StoreError;
use crate::outbox::{Outgoing, say};
use crate::pool::{Connection, Store};
use crate::tasks::{NewTask, Progress, TaskLease, insert_tasks, lock_task};
use chrono::{DateTime, Utc};
use common::types::event::{Event, EventType};
use common::types::id::{PanelId, RunId};
use common::types::message::Command;
use common::types::sync::{Kind, RunStatus, Target};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Double, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// A run, as stored.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct RunRow {
    /// The run's id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The panel it mirrors.
    #[diesel(sql_type = SqlUuid)]
    pub panel_id: Uuid,
    /// `full` or a kind's name.
    #[diesel(sql_type = Text)]
    pub target: String,
    /// Names of the kinds it mirrors.
    #[diesel(sql_type = Array<Text>)]
    pub kinds: Vec<String>,
    /// See [`RunStatus`].
    #[diesel(sql_type = Text)]
    pub status: String,
    /// Who asked for it.
    #[diesel(sql_type = Text)]
    pub requested_by: String,
    /// The run whose held removals it confirms.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub confirms_run_id: Option<Uuid>,
    /// Grows with every change of this row.
    #[diesel(sql_type = BigInt)]
    pub revision: i64,
    /// What is worked on.
    #[diesel(sql_type = Text)]
    pub step: String,
    /// 0 to 100; never falls; 100 only when COMPLETED.
    #[diesel(sql_type = Integer)]
    pub percentage: i32,
    /// Rows that the panel is known to have.
    #[diesel(sql_type = BigInt)]
    pub items_total: i64,
    /// Rows that are as the panel shows them.
    #[diesel(sql_type = BigInt)]
    pub items_synced: i64,
    /// Rows that were skipped.
    #[diesel(sql_type = BigInt)]
    pub items_failed: i64,
    /// Requests made to the panel.
    #[diesel(sql_type = BigInt)]
    pub requests: i64,
    /// A sentence for people.
    #[diesel(sql_type = Text)]
    pub last_message: String,
    /// The step that failed.
    #[diesel(sql_type = Nullable<Text>)]
    pub failed_step: Option<String>,
    /// Why it failed.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
    /// Removals held back, with the evidence.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub held: Option<Value>,
    /// When it was asked for.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When work began.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<DateTime<Utc>>,
    /// Last change.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub completed_at: Option<DateTime<Utc>>,
}

impl RunRow {
    /// The typed id.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        RunId(self.id)
    }

    /// The typed status.
    ///
    /// # Errors
    /// When the stored text is unknown.
    pub fn run_status(&self) -> Result<RunStatus, StoreError> {
        self.status.parse().map_err(|_unknown| StoreError::Corrupt(self.status.clone()))
    }
}

const COLUMNS: &str = "id, panel_id, target, kinds, status, requested_by, confirms_run_id, revision, step, \
    percentage, items_total, items_synced, items_failed, requests, last_message, failed_step, error, held, \
    created_at, started_at, updated_at, completed_at";

/// A run that is asked for.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The panel.
    pub panel: PanelId,
    /// Everything or one kind.
    pub target: Target,
    /// Leaves the users out of a full run.
    pub skip_users: bool,
    /// Who asks.
    pub requested_by: String,
    /// Id of the HTTP request, for the logs of all services.
    pub request_id: Option<String>,
}

/// The run that answers a trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct Triggered {
    /// A new run, or the one that covers what was asked for.
    pub run: RunRow,
    /// Whether it is new.
    pub new: bool,
}

/// What became of a cancel.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "made once a request")]
pub enum CancelOutcome {
    /// It is cancelled now, or was already.
    Cancelled(RunRow),
    /// It had ended in another way.
    Finished(RunRow),
    /// There is no such run.
    Unknown,
}

/// What became of a confirmation.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "made once a request")]
pub enum ConfirmOutcome {
    /// A run that looks again has been asked for.
    Started(RunRow),
    /// The run held nothing back, or has not ended.
    NothingHeld,
    /// A later run has listed the kind: confirm that one's holds.
    Superseded,
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

/// One kind's share of a run.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct RunKind {
    /// The step: a kind, `plan` or `reconcile`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Tasks in all.
    #[diesel(sql_type = BigInt)]
    pub tasks: i64,
    /// Tasks that are done.
    #[diesel(sql_type = BigInt)]
    pub done: i64,
    /// Tasks that failed.
    #[diesel(sql_type = BigInt)]
    pub failed_tasks: i64,
    /// Rows known.
    #[diesel(sql_type = BigInt)]
    pub items_total: i64,
    /// Rows as the panel shows them.
    #[diesel(sql_type = BigInt)]
    pub items_synced: i64,
    /// Rows skipped.
    #[diesel(sql_type = BigInt)]
    pub items_failed: i64,
    /// Why the first failed task failed.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct LogLine {
    /// `info`, `warning` or `error`.
    #[diesel(sql_type = Text)]
    pub level: String,
    /// A sentence.
    #[diesel(sql_type = Text)]
    pub message: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

/// A record that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct RunError {
    /// The kind.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// The node of allocations, else 0.
    #[diesel(sql_type = BigInt)]
    pub scope: i64,
    /// Position in the listing, counted from 0.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub position: Option<i64>,
    /// The panel's id, where it is known.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub remote_id: Option<i64>,
    /// What is wrong.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

impl Store {
    /// Asks for a run. A waiting or running run that covers the same kinds
    /// answers instead of a new one. The wake-up command goes out with the same
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a panel; when PostgreSQL cannot be
    /// asked.
    pub async fn run_trigger(&self, new: &NewRun) -> Result<Triggered, StoreError> {
        let kinds = new.target.kinds(new.skip_users);
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_panel(conn, new.panel).await?;
            let covering = open_runs(conn, new.panel)
                .await?
                .into_iter()
                .find(|run| run.confirms_run_id.is_none() && kinds_of(run).is_superset(&kinds));
            if let Some(run) = covering {
                return Ok(Triggered { run, new: false });
            }
            let run = insert_run(conn, new, &kinds, None).await?;
            Ok(Triggered { run, new: true })
        })
        .await
    }

    /// Asks for a run that looks again at what a run held back, and removes what
    /// is still missing.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_confirm(
        &self,
        held: RunId,
        requested_by: &str,
        request_id: Option<&str>,
    ) -> Result<ConfirmOutcome, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let Some(run) = find(conn, held).await? else {
                return Ok(ConfirmOutcome::Unknown);
            };
            lock_panel(conn, PanelId(run.panel_id)).await?;
            if run.held.is_none() || !run.run_status()?.is_final() {
                return Ok(ConfirmOutcome::NothingHeld);
            }
            let kinds = held_kinds(&run);
            for kind in &kinds {
                if listed_since(conn, &run, *kind).await? {
                    return Ok(ConfirmOutcome::Superseded);
                }
            }
            let open = open_runs(conn, PanelId(run.panel_id)).await?;
            if let Some(asked) = open.into_iter().find(|open| open.confirms_run_id == Some(held.0)) {
                return Ok(ConfirmOutcome::Started(asked));
            }
            let new = NewRun {
                panel: PanelId(run.panel_id),
                target: run.target.parse().unwrap_or(Target::Full),
                skip_users: false,
                requested_by: requested_by.to_owned(),
                request_id: request_id.map(ToOwned::to_owned),
            };
            Ok(ConfirmOutcome::Started(insert_run(conn, &new, &kinds, Some(held)).await?))
        })
        .await
    }

    /// Starts every waiting run that shares no kind with a running one of its
    /// panel, oldest first, and answers the started ones.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_start_waiting(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        let panels: Vec<PanelOnly> =
            sql_query("SELECT DISTINCT panel_id FROM sync_runs WHERE status = 'PENDING'")
                .load(&mut conn)
                .await?;
        let mut started = Vec::new();
        for PanelOnly { panel_id } in panels {
            let runs = conn
                .transaction(async move |conn| start_waiting(conn, PanelId(panel_id)).await)
                .await?;
            started.extend(runs);
        }
        Ok(started)
    }

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
            say(conn, vec![run_event(&run, EventType::SyncCancelled, json!({}))]).await?;
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
    /// said that nobody may ask does not count), and runs whose tasks have all
    /// ended without ending them. Answers what was ended.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_end_stuck(&self, limit: Duration) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        let stuck: Vec<Stuck> = sql_query(
            "SELECT r.id, r.step, \
               (SELECT string_agg(DISTINCT t.waits_for, '; ') FROM sync_tasks t \
                 WHERE t.run_id = r.id AND t.state = 'leased') AS waits_for, \
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
        .bind::<Double, _>(limit.as_secs_f64())
        .load(&mut conn)
        .await?;
        let mut ended = Vec::new();
        for run in stuck {
            let error = match (run.failed_error, run.waits_for) {
                (Some(error), _) => error,
                (None, Some(waits_for)) => format!(
                    "no progress for {} seconds; it waited for: {waits_for}",
                    limit.as_secs()
                ),
                (None, None) => format!("no progress for {} seconds", limit.as_secs()),
            };
            let ending = Ending::Failed {
                step: run.failed_kind.unwrap_or(run.step),
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

    /// Sums the tasks up into the run's row, unless that was done less than
    /// `pace` ago. Answers the new row when it was written.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_progress(
        &self,
        id: RunId,
        progress: &Progress,
        pace: Duration,
    ) -> Result<Option<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<RunRow> = sql_query(format!(
            "UPDATE sync_runs r SET step = $2, last_message = $3, \
               items_total = GREATEST(r.items_total, t.total), items_synced = t.synced, \
               items_failed = t.failed, requests = t.requests, \
               percentage = GREATEST(r.percentage, LEAST(99, \
                 CASE WHEN t.total > 0 THEN 100 * (t.synced + t.failed) / t.total ELSE 0 END))::int, \
               revision = r.revision + 1, progressed_at = GREATEST(r.progressed_at, now()), updated_at = now() \
             FROM (SELECT COALESCE(sum(items_total), 0)::bigint AS total, COALESCE(sum(items_synced), 0)::bigint AS synced, \
                     COALESCE(sum(items_failed), 0)::bigint AS failed, COALESCE(sum(requests), 0)::bigint AS requests \
                   FROM sync_tasks WHERE run_id = $1) t \
             WHERE r.id = $1 AND r.status = 'RUNNING' AND r.updated_at <= now() - make_interval(secs => $4) \
             RETURNING {columns}",
            columns = COLUMNS.split(", ").map(|name| format!("r.{}", name.trim())).collect::<Vec<_>>().join(", ")
        ))
        .bind::<SqlUuid, _>(id.0)
        .bind::<Text, _>(&progress.step)
        .bind::<Text, _>(&progress.message)
        .bind::<Double, _>(pace.as_secs_f64())
        .load(&mut conn)
        .await?;
        Ok(rows.into_iter().next())
    }

    /// A run by its id.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run(&self, id: RunId) -> Result<Option<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        find(&mut conn, id).await
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn runs(
        &self,
        target: Option<Target>,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM sync_runs WHERE $1 IS NULL OR target = $1 \
             ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
        ))
        .bind::<Nullable<Text>, _>(target.map(Target::as_str))
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(offset)
        .load(&mut conn)
        .await?)
    }

    /// The newest run of each target.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn runs_latest(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT DISTINCT ON (target) {COLUMNS} FROM sync_runs ORDER BY target, created_at DESC, id DESC"
        ))
        .load(&mut conn)
        .await?)
    }

    /// Runs that have not ended.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn runs_open(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM sync_runs WHERE status IN ('PENDING', 'RUNNING') ORDER BY created_at, id"
        ))
        .load(&mut conn)
        .await?)
    }

    /// The steps of a run, summed up from its tasks.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_kinds(&self, id: RunId) -> Result<Vec<RunKind>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT kind, count(*) AS tasks, count(*) FILTER (WHERE state = 'done') AS done, \
               count(*) FILTER (WHERE state = 'failed') AS failed_tasks, \
               COALESCE(sum(items_total), 0)::bigint AS items_total, \
               COALESCE(sum(items_synced), 0)::bigint AS items_synced, \
               COALESCE(sum(items_failed), 0)::bigint AS items_failed, min(error) AS error \
             FROM sync_tasks WHERE run_id = $1 GROUP BY kind ORDER BY min(stage), min(ordinal)",
        )
        .bind::<SqlUuid, _>(id.0)
        .load(&mut conn)
        .await?)
    }

    /// A run's log, oldest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_logs(&self, id: RunId) -> Result<Vec<LogLine>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query("SELECT level, message, created_at FROM sync_logs WHERE run_id = $1 ORDER BY id")
            .bind::<SqlUuid, _>(id.0)
            .load(&mut conn)
            .await?)
    }

    /// Adds a line to a run's log.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_log(&self, id: RunId, level: &str, message: &str) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        log(&mut conn, id, level, message).await
    }

    /// Records that a run skipped.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_errors(&self, id: RunId, limit: i64) -> Result<Vec<RunError>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT kind, scope, position, remote_id, reason, created_at FROM sync_errors \
             WHERE run_id = $1 ORDER BY id LIMIT $2",
        )
        .bind::<SqlUuid, _>(id.0)
        .bind::<BigInt, _>(limit)
        .load(&mut conn)
        .await?)
    }
}

#[derive(QueryableByName)]
struct PanelOnly {
    #[diesel(sql_type = SqlUuid)]
    panel_id: Uuid,
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
    failed_kind: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    failed_error: Option<String>,
}

async fn find(conn: &mut Connection, id: RunId) -> Result<Option<RunRow>, StoreError> {
    let rows: Vec<RunRow> = sql_query(format!("SELECT {COLUMNS} FROM sync_runs WHERE id = $1"))
        .bind::<SqlUuid, _>(id.0)
        .load(conn)
        .await?;
    Ok(rows.into_iter().next())
}

async fn lock_panel(conn: &mut Connection, panel: PanelId) -> Result<(), StoreError> {
    let found: Vec<PanelOnly> =
        sql_query("SELECT id AS panel_id FROM panels WHERE id = $1 FOR NO KEY UPDATE")
            .bind::<SqlUuid, _>(panel.0)
            .load(conn)
            .await?;
    if found.is_empty() { Err(StoreError::NotFound("panel")) } else { Ok(()) }
}

async fn open_runs(conn: &mut Connection, panel: PanelId) -> Result<Vec<RunRow>, StoreError> {
    Ok(sql_query(format!(
        "SELECT {COLUMNS} FROM sync_runs WHERE panel_id = $1 AND status IN ('PENDING', 'RUNNING') \
         ORDER BY created_at, id"
    ))
    .bind::<SqlUuid, _>(panel.0)
    .load(conn)
    .await?)
}

fn kinds_of(run: &RunRow) -> BTreeSet<Kind> {
    run.kinds.iter().filter_map(|kind| kind.parse().ok()).collect()
}

/// `held` is an object with one entry a kind.
fn held_kinds(run: &RunRow) -> BTreeSet<Kind> {
    run.held
        .as_ref()
        .and_then(Value::as_object)
        .map(|held| held.keys().filter_map(|kind| kind.parse().ok()).collect())
        .unwrap_or_default()
}

async fn listed_since(conn: &mut Connection, run: &RunRow, kind: Kind) -> Result<bool, StoreError> {
    let rows: Vec<PanelOnly> = sql_query(
        "SELECT panel_id FROM panel_kinds WHERE panel_id = $1 AND kind = $2 AND last_run_id <> $3 \
           AND last_listed_at > $4",
    )
    .bind::<SqlUuid, _>(run.panel_id)
    .bind::<Text, _>(kind.as_str())
    .bind::<SqlUuid, _>(run.id)
    .bind::<Nullable<Timestamptz>, _>(run.completed_at)
    .load(conn)
    .await?;
    Ok(!rows.is_empty())
}

async fn insert_run(
    conn: &mut Connection,
    new: &NewRun,
    kinds: &BTreeSet<Kind>,
    confirms: Option<RunId>,
) -> Result<RunRow, StoreError> {
    let id = RunId::new();
    let run: RunRow = sql_query(format!(
        "INSERT INTO sync_runs (id, panel_id, target, kinds, status, requested_by, request_id, confirms_run_id) \
         VALUES ($1, $2, $3, $4, 'PENDING', $5, $6, $7) RETURNING {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(id.0)
    .bind::<SqlUuid, _>(new.panel.0)
    .bind::<Text, _>(new.target.as_str())
    .bind::<Array<Text>, _>(kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())
    .bind::<Text, _>(&new.requested_by)
    .bind::<Nullable<Text>, _>(&new.request_id)
    .bind::<Nullable<SqlUuid>, _>(confirms.map(|run| run.0))
    .get_result(conn)
    .await?;
    log(conn, id, "info", &format!("requested by {}", new.requested_by)).await?;
    let command = Command::SyncRunV1 { run_id: id };
    let wake = Outgoing::command(&command, id.to_string(), new.request_id.as_deref());
    say(conn, vec![wake]).await?;
    Ok(run)
}

async fn start_waiting(conn: &mut Connection, panel: PanelId) -> Result<Vec<RunRow>, StoreError> {
    lock_panel(conn, panel).await?;
    let mut taken: BTreeSet<Kind> = BTreeSet::new();
    let mut started = Vec::new();
    for run in open_runs(conn, panel).await? {
        let kinds = kinds_of(&run);
        // A waiting run keeps its place: later ones that share a kind stay behind.
        let free = taken.is_disjoint(&kinds);
        taken.extend(&kinds);
        if run.run_status()? == RunStatus::Running || !free {
            continue;
        }
        let running_shares = open_running_shares(conn, panel, &run).await?;
        if running_shares {
            continue;
        }
        let run: RunRow = sql_query(format!(
            "UPDATE sync_runs SET status = 'RUNNING', started_at = now(), progressed_at = now(), \
               updated_at = now(), revision = revision + 1 WHERE id = $1 RETURNING {COLUMNS}"
        ))
        .bind::<SqlUuid, _>(run.id)
        .get_result(conn)
        .await?;
        let plan = NewTask { kind: "plan".to_owned(), stage: 0, ordinal: 0, work: json!({}), items_total: 0 };
        insert_tasks(conn, run.run_id(), &[plan]).await?;
        say(conn, vec![run_event(&run, EventType::SyncStarted, json!({}))]).await?;
        log(conn, run.run_id(), "info", "started").await?;
        started.push(run);
    }
    Ok(started)
}

async fn open_running_shares(
    conn: &mut Connection,
    panel: PanelId,
    run: &RunRow,
) -> Result<bool, StoreError> {
    let rows: Vec<PanelOnly> = sql_query(
        "SELECT panel_id FROM sync_runs WHERE panel_id = $1 AND status = 'RUNNING' AND kinds && $2 LIMIT 1",
    )
    .bind::<SqlUuid, _>(panel.0)
    .bind::<Array<Text>, _>(&run.kinds)
    .load(conn)
    .await?;
    Ok(!rows.is_empty())
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
        Ending::Completed { .. } => run_event(
            &run,
            EventType::SyncCompleted,
            json!({ "seconds": seconds(&run), "items_total": run.items_total,
                    "items_synced": run.items_synced, "items_failed": run.items_failed }),
        ),
        Ending::Failed { step, error, .. } => run_event(
            &run,
            EventType::SyncFailed,
            json!({ "seconds": seconds(&run), "failed_step": step, "error": error }),
        ),
    }];
    if let Some(held) = &run.held {
        events.push(run_event(&run, EventType::SyncHeld, json!({ "held": held })));
    }
    say(conn, events).await?;
    let sentence = match ending {
        Ending::Completed { .. } => "completed".to_owned(),
        Ending::Failed { step, error, .. } => format!("failed in {step}: {error}"),
    };
    log(conn, id, if run.error.is_some() { "error" } else { "info" }, &sentence).await?;
    Ok(run)
}

fn seconds(run: &RunRow) -> f64 {
    let end = run.completed_at.unwrap_or(run.updated_at);
    let length = end - run.started_at.unwrap_or(run.created_at);
    length.to_std().unwrap_or_default().as_secs_f64()
}

fn run_event(run: &RunRow, event_type: EventType, more: Value) -> Outgoing {
    let mut data = json!({ "panel_id": run.panel_id, "kind": run.target });
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    Outgoing::event(Event::new(event_type, run.id.to_string(), Utc::now(), data))
}

pub(crate) async fn log(
    conn: &mut Connection,
    id: RunId,
    level: &str,
    message: &str,
) -> Result<(), StoreError> {
    sql_query("INSERT INTO sync_logs (run_id, level, message) VALUES ($1, $2, $3)")
        .bind::<SqlUuid, _>(id.0)
        .bind::<Text, _>(level)
        .bind::<Text, _>(message)
        .execute(conn)
        .await?;
    Ok(())
}
