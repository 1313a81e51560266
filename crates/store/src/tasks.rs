//! Tasks: units of a run, owned by lease and guarded by a fence.
//!
//! A worker claims a task for some seconds and renews the lease while it works.
//! Each claim and each cancel raises the task's fence. Every transaction of a
//! task first locks the task's row and compares the fence and the run's state:
//! a worker that was paused past its lease, or cut off, writes nothing more.

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::id::{PanelId, RunId, TaskId, WorkerId};
use common::types::sync::Kind;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Double, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// Serialises claims, so that the count of leased tasks is true.
const CLAIM_LOCK: i64 = 0x006e_6f64_655f_636c;

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
}

impl TaskLease {
    /// Whether changes of a kind's rows are announced one by one.
    #[must_use]
    pub fn announces(&self, kind: Kind) -> bool {
        self.announced.contains(&kind)
    }
}

/// The rules of claiming.
#[derive(Debug, Clone, Copy)]
pub struct ClaimSettings {
    /// How long a lease lasts without renewal.
    pub lease: Duration,
    /// Leased tasks per panel, over all workers: the panel's concurrency.
    pub concurrency: u32,
    /// After so many lost leases a task counts as failed.
    pub max_lost_leases: u32,
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
struct ClaimRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    run_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    panel_id: Uuid,
    #[diesel(sql_type = BigInt)]
    fence: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Jsonb)]
    work: Value,
    #[diesel(sql_type = Nullable<Jsonb>)]
    checkpoint: Option<Value>,
    #[diesel(sql_type = Array<Text>)]
    kinds: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    announced: Vec<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    confirms_run_id: Option<Uuid>,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    fence: i64,
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
    if found.is_empty() { Err(StoreError::FenceLost) } else { Ok(()) }
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

async fn end_task(
    conn: &mut Connection,
    lease: &TaskLease,
    state: &str,
    error: Option<&str>,
    requests: u32,
) -> Result<(), StoreError> {
    sql_query(
        "UPDATE sync_tasks SET state = $2, error = $3, requests = requests + $4, finished_at = now(), \
           lease_until = NULL, waits_for = NULL WHERE id = $1",
    )
    .bind::<SqlUuid, _>(lease.task_id.0)
    .bind::<Text, _>(state)
    .bind::<Nullable<Text>, _>(error)
    .bind::<BigInt, _>(i64::from(requests))
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Claims a task that may be worked on: of a running run, in its first
    /// unfinished stage, within the panel's concurrency, open or with a lease
    /// that has run out.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn task_claim(
        &self,
        worker: WorkerId,
        settings: ClaimSettings,
    ) -> Result<Option<TaskLease>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<ClaimRow> = conn
            .transaction(async move |conn| {
                sql_query("SELECT pg_advisory_xact_lock($1)")
                    .bind::<BigInt, _>(CLAIM_LOCK)
                    .execute(conn)
                    .await?;
                sql_query(CLAIM)
                    .bind::<SqlUuid, _>(worker.0)
                    .bind::<Double, _>(settings.lease.as_secs_f64())
                    .bind::<BigInt, _>(i64::from(settings.concurrency))
                    .bind::<Integer, _>(i32::try_from(settings.max_lost_leases).unwrap_or(i32::MAX))
                    .load(conn)
                    .await
                    .map_err(StoreError::from)
            })
            .await?;
        Ok(rows.into_iter().next().map(|row| TaskLease {
            task_id: TaskId(row.id),
            run_id: RunId(row.run_id),
            panel_id: PanelId(row.panel_id),
            worker_id: worker,
            fence: row.fence,
            kind: row.kind,
            work: row.work,
            checkpoint: row.checkpoint,
            kinds: row.kinds.iter().filter_map(|kind| kind.parse().ok()).collect(),
            announced: row.announced.iter().filter_map(|kind| kind.parse().ok()).collect(),
            confirms: row.confirms_run_id.map(RunId),
        }))
    }

    /// Renews a worker's leases and tells which ones it still holds: a task that
    /// is missing here was cancelled or taken over, and must be dropped.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn task_heartbeat(
        &self,
        worker: WorkerId,
        lease: Duration,
    ) -> Result<Vec<(TaskId, i64)>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<HeldRow> = sql_query(
            "UPDATE sync_tasks t SET lease_until = now() + make_interval(secs => $2) \
             FROM sync_runs r WHERE r.id = t.run_id AND r.status = 'RUNNING' \
               AND t.worker_id = $1 AND t.state = 'leased' \
             RETURNING t.id, t.fence",
        )
        .bind::<SqlUuid, _>(worker.0)
        .bind::<Double, _>(lease.as_secs_f64())
        .load(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| (TaskId(row.id), row.fence)).collect())
    }

    /// Which leases a worker holds, without renewing them.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn task_held(&self, worker: WorkerId) -> Result<Vec<(TaskId, i64)>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<HeldRow> = sql_query(
            "SELECT t.id, t.fence FROM sync_tasks t JOIN sync_runs r ON r.id = t.run_id \
             WHERE r.status = 'RUNNING' AND t.worker_id = $1 AND t.state = 'leased'",
        )
        .bind::<SqlUuid, _>(worker.0)
        .load(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| (TaskId(row.id), row.fence)).collect())
    }

    /// Ends the planning task and adds what it planned, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn task_plan(
        &self,
        lease: &TaskLease,
        tasks: &[NewTask],
        requests: u32,
    ) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            insert_tasks(conn, lease.run_id, tasks).await?;
            end_task(conn, lease, "done", None, requests).await
        })
        .await
    }

    /// Ends a task well.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn task_done(&self, lease: &TaskLease) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            end_task(conn, lease, "done", None, 0).await?;
            notify_tasks(conn).await
        })
        .await
    }

    /// Ends a task badly; the run goes on with the others and ends FAILED.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn task_failed(&self, lease: &TaskLease, reason: &str) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            end_task(conn, lease, "failed", Some(reason), 0).await?;
            crate::runs::log(conn, lease.run_id, "error", &format!("{}: {reason}", lease.kind)).await?;
            notify_tasks(conn).await
        })
        .await
    }

    /// Gives a task back unfinished: another worker goes on at its checkpoint.
    /// Used when a worker shuts down; it costs no lost lease.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn task_release(&self, lease: &TaskLease) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            sql_query(
                "UPDATE sync_tasks SET state = 'open', fence = fence + 1, worker_id = NULL, lease_until = NULL \
                 WHERE id = $1",
            )
            .bind::<SqlUuid, _>(lease.task_id.0)
            .execute(conn)
            .await?;
            notify_tasks(conn).await
        })
        .await
    }

    /// Says what a task waits for.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn task_waits(&self, lease: &TaskLease, what: &str) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query("UPDATE sync_tasks SET waits_for = $3 WHERE id = $1 AND fence = $2")
            .bind::<SqlUuid, _>(lease.task_id.0)
            .bind::<BigInt, _>(lease.fence)
            .bind::<Text, _>(what)
            .execute(&mut conn)
            .await?;
        Ok(())
    }

    /// The tasks of a run.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn tasks(&self, run: RunId) -> Result<Vec<TaskRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT id, kind, state, worker_id, lost_leases, items_synced, items_failed, waits_for, error \
             FROM sync_tasks WHERE run_id = $1 ORDER BY stage, ordinal",
        )
        .bind::<SqlUuid, _>(run.0)
        .load(&mut conn)
        .await?)
    }
}

async fn notify_tasks(conn: &mut Connection) -> Result<(), StoreError> {
    sql_query(format!("SELECT pg_notify('{}', '')", crate::wake::TASKS_CHANNEL))
        .execute(conn)
        .await?;
    Ok(())
}

/// $1 worker, $2 lease in seconds, $3 concurrency, $4 lost leases.
const CLAIM: &str = "
WITH spent AS (
    UPDATE sync_tasks t
    SET state = 'failed', fence = t.fence + 1, lost_leases = t.lost_leases + 1, finished_at = now(),
        error = 'the task cost ' || (t.lost_leases + 1) || ' workers their lease'
    FROM sync_runs r
    WHERE r.id = t.run_id AND r.status = 'RUNNING' AND t.state = 'leased'
      AND t.lease_until < now() AND t.lost_leases + 1 >= $4
    RETURNING t.id
), unfinished AS (
    SELECT t.id, t.run_id, t.stage, t.ordinal, r.panel_id, r.started_at,
           t.state = 'leased' AND t.lease_until >= now() AS busy,
           min(t.stage) OVER (PARTITION BY t.run_id) AS first_stage
    FROM sync_tasks t JOIN sync_runs r ON r.id = t.run_id
    WHERE t.state IN ('open', 'leased') AND r.status = 'RUNNING'
      AND t.id NOT IN (SELECT id FROM spent)
), chosen AS (
    SELECT u.id FROM unfinished u
    WHERE NOT u.busy AND u.stage = u.first_stage
      AND (SELECT count(*) FROM unfinished b WHERE b.panel_id = u.panel_id AND b.busy) < $3
    ORDER BY u.started_at, u.ordinal
    LIMIT 1
), claimed AS (
    UPDATE sync_tasks t
    SET state = 'leased', fence = t.fence + 1, worker_id = $1,
        lease_until = now() + make_interval(secs => $2),
        lost_leases = t.lost_leases + (t.state = 'leased')::int,
        started_at = COALESCE(t.started_at, now())
    FROM chosen WHERE t.id = chosen.id
    RETURNING t.*
)
SELECT c.id, c.run_id, r.panel_id, c.fence, c.kind, c.work, c.checkpoint, r.kinds, r.confirms_run_id,
       ARRAY(SELECT k.kind FROM panel_kinds k WHERE k.panel_id = r.panel_id) AS announced
FROM claimed c JOIN sync_runs r ON r.id = c.run_id";
