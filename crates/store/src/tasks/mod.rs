//! Tasks: units of a run, owned by lease and guarded by a fence.
//!
//! A worker claims a task for some seconds and renews the lease while it works.
//! Each claim and each cancel raises the task's fence. Every transaction of a
//! task first locks the task's row and compares the fence and the run's state:
//! a worker that was paused past its lease, or cut off, writes nothing more.

mod claim;
mod end;
mod silence;

pub use claim::ClaimSettings;

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::id::{PanelId, RunId, TaskId, WorkerId};
use common::types::sync::Kind;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// A task to add to a run.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// `plan`, a [`Kind`]'s name, or `reconcile`.
    pub kind: String,
    /// A stage begins when the ones before it have ended.
    pub stage: i32,
    /// Order within the stage.
    pub ordinal: i32,
    /// What to do; the worker's own format.
    pub work: Value,
    /// Rows it is expected to bring; 0: unknown.
    pub items_total: i64,
}

/// The right to work on a task.
#[derive(Debug, Clone)]
pub struct TaskLease {
    /// The task.
    pub task_id: TaskId,
    /// Its run.
    pub run_id: RunId,
    /// The run's panel.
    pub panel_id: PanelId,
    /// Who holds the lease.
    pub worker_id: WorkerId,
    /// Must still be the task's fence when something is written.
    pub fence: i64,
    /// See [`NewTask::kind`].
    pub kind: String,
    /// See [`NewTask::work`].
    pub work: Value,
    /// Where an earlier worker got to.
    pub checkpoint: Option<Value>,
    /// Kinds of the run.
    pub kinds: BTreeSet<Kind>,
    /// Kinds whose rows are announced one by one, having been listed before.
    pub announced: BTreeSet<Kind>,
    /// The run whose held removals this run confirms.
    pub confirms: Option<RunId>,
    /// How long the lease lasts without renewal.
    pub lasts: Duration,
}

impl TaskLease {
    /// Whether changes of a kind's rows are announced one by one.
    #[must_use]
    pub fn announces(&self, kind: Kind) -> bool {
        self.announced.contains(&kind)
    }
}

/// How far a run is, for those who watch.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Name of the step that is worked on.
    pub step: String,
    /// A sentence for people.
    pub message: String,
}

/// A task, for operators.
#[derive(Debug, Clone, QueryableByName)]
pub struct TaskRow {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// See [`NewTask::kind`].
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// `open`, `leased`, `done`, `failed` or `cancelled`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Who works, or worked, on it.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub worker_id: Option<Uuid>,
    /// How many leases were lost.
    #[diesel(sql_type = Integer)]
    pub lost_leases: i32,
    /// Rows that are as the panel shows them.
    #[diesel(sql_type = BigInt)]
    pub items_synced: i64,
    /// Rows that were skipped.
    #[diesel(sql_type = BigInt)]
    pub items_failed: i64,
    /// What it waits for.
    #[diesel(sql_type = Nullable<Text>)]
    pub waits_for: Option<String>,
    /// Why it failed.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    #[expect(dead_code, reason = "only its existence matters")]
    id: Uuid,
}

/// Locks the lease's task row; the first statement of each of its transactions.
pub(crate) async fn lock_task(conn: &mut Connection, lease: &TaskLease) -> Result<(), StoreError> {
    let found: Vec<Found> = sql_query(
        "SELECT t.id FROM sync_tasks t JOIN sync_runs r ON r.id = t.run_id \
         WHERE t.id = $1 AND t.fence = $2 AND t.state = 'leased' AND r.status = 'RUNNING' \
         FOR UPDATE OF t",
    )
    .bind::<SqlUuid, _>(lease.task_id.0)
    .bind::<BigInt, _>(lease.fence)
    .load(conn)
    .await?;
    if found.is_empty() {
        Err(StoreError::FenceLost)
    } else {
        Ok(())
    }
}

pub(crate) async fn insert_tasks(
    conn: &mut Connection,
    run: RunId,
    tasks: &[NewTask],
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = tasks.iter().map(|_| TaskId::new().0).collect();
    sql_query(format!(
        "WITH added AS (INSERT INTO sync_tasks (id, run_id, kind, stage, ordinal, work, items_total) \
           SELECT i.id, $1, i.kind, i.stage, i.ordinal, i.work, i.items_total \
           FROM unnest($2::uuid[], $3::text[], $4::int[], $5::int[], $6::jsonb[], $7::bigint[]) \
             AS i (id, kind, stage, ordinal, work, items_total)) \
         SELECT pg_notify('{}', '')",
        crate::wake::TASKS_CHANNEL
    ))
    .bind::<SqlUuid, _>(run.0)
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(tasks.iter().map(|task| task.kind.as_str()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(tasks.iter().map(|task| task.stage).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(tasks.iter().map(|task| task.ordinal).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(tasks.iter().map(|task| &task.work).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(tasks.iter().map(|task| task.items_total).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// The tasks of a run. One that is worked on while the panel wants to be left
    /// alone waits for that, whatever else it says.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn tasks(&self, run: RunId) -> Result<Vec<TaskRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT t.id, t.kind, t.state, t.worker_id, t.lost_leases, t.items_synced, t.items_failed, t.error, \
               CASE WHEN t.state = 'leased' AND p.application_blocked_until > now() \
                 THEN 'the panel''s rate limit, until ' || \
                   to_char(p.application_blocked_until AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
                 ELSE t.waits_for END AS waits_for \
             FROM sync_tasks t JOIN sync_runs r ON r.id = t.run_id JOIN panels p ON p.id = r.panel_id \
             WHERE t.run_id = $1 ORDER BY t.stage, t.ordinal",
        )
        .bind::<SqlUuid, _>(run.0)
        .load(&mut conn)
        .await?)
    }
}
