//! Claiming tasks, and keeping them.

use super::TaskLease;
use crate::error::StoreError;
use crate::pool::Store;
use common::types::id::{PanelId, RunId, TaskId, WorkerId};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Double, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// Serialises claims, so that the count of leased tasks is true.
const CLAIM_LOCK: i64 = 0x006e_6f64_655f_636c;

/// The rules of claiming.
#[derive(Debug, Clone, Copy)]
pub struct ClaimSettings {
    /// How long a lease lasts without renewal.
    pub lease: Duration,
    /// Leased tasks per panel, over all workers: the panel's concurrency.
    pub concurrency: u32,
    /// Leased tasks per panel of the claiming worker: its part of that.
    pub share: u32,
    /// After so many lost leases a task counts as failed.
    pub max_lost_leases: u32,
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

impl Store {
    /// Claims a task that may be worked on: of a running run, in its first
    /// unfinished stage, within the panel's concurrency, open or with a lease
    /// that has run out. Those that stepped back come last, and not before their time;
    /// before them the others of their kinds.
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
                    .bind::<BigInt, _>(i64::from(settings.share))
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
            kinds: row
                .kinds
                .iter()
                .filter_map(|kind| kind.parse().ok())
                .collect(),
            announced: row
                .announced
                .iter()
                .filter_map(|kind| kind.parse().ok())
                .collect(),
            confirms: row.confirms_run_id.map(RunId),
            lasts: settings.lease,
        }))
    }

    /// Renews the leases that a worker knows to hold, each a task and its fence,
    /// and tells which of them still stand: a task that is missing in the answer
    /// was cancelled or taken over, and must be dropped. A lease that the worker
    /// does not know, because the answer to its claim or the end of its work was
    /// lost on the way, is left to run out.
    ///
    /// It waits for nobody. A task whose row is locked is in the middle of a
    /// transaction of its own, which renews its lease when it commits (and no claim
    /// takes it until then); waiting for it would cost its siblings theirs.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn task_heartbeat(
        &self,
        held: &[(TaskId, i64)],
        lease: Duration,
    ) -> Result<Vec<(TaskId, i64)>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<HeldRow> = sql_query(
            "WITH standing AS (SELECT t.id, t.fence FROM unnest($1::uuid[], $2::bigint[]) AS h (id, fence) \
               JOIN sync_tasks t ON t.id = h.id AND t.fence = h.fence AND t.state = 'leased' \
               JOIN sync_runs r ON r.id = t.run_id AND r.status = 'RUNNING'), \
             free AS (SELECT t.id FROM sync_tasks t JOIN standing s ON s.id = t.id AND s.fence = t.fence \
               WHERE t.state = 'leased' FOR UPDATE OF t SKIP LOCKED), \
             renewed AS (UPDATE sync_tasks t SET lease_until = now() + make_interval(secs => $3) \
               FROM free WHERE t.id = free.id) \
             SELECT id, fence FROM standing",
        )
        .bind::<Array<SqlUuid>, _>(held.iter().map(|(task, _)| task.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(held.iter().map(|(_, fence)| *fence).collect::<Vec<_>>())
        .bind::<Double, _>(lease.as_secs_f64())
        .load(&mut conn)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| (TaskId(row.id), row.fence))
            .collect())
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
        Ok(rows
            .into_iter()
            .map(|row| (TaskId(row.id), row.fence))
            .collect())
    }
}

/// $1 worker, $2 lease in seconds, $3 concurrency, $4 lost leases, $5 share.
///
/// A row that is locked belongs to a worker in the middle of a transaction,
/// perhaps one that was paused there: claims pass by, and PostgreSQL ends such a
/// session (see the pool). Locking looks at the row's newest version, so a task
/// that its late worker has just ended is not claimed again.
const CLAIM: &str = "
WITH expired AS (
    SELECT t.id FROM sync_tasks t JOIN sync_runs r ON r.id = t.run_id
    WHERE r.status = 'RUNNING' AND t.state = 'leased'
      AND t.lease_until < now() AND t.lost_leases + 1 >= $4
    FOR UPDATE OF t SKIP LOCKED
), spent AS (
    UPDATE sync_tasks t
    SET state = 'failed', fence = t.fence + 1, lost_leases = t.lost_leases + 1, finished_at = now(), waits_for = NULL,
        error = 'the task cost ' || (t.lost_leases + 1) || ' workers their lease'
                || COALESCE(': ' || t.waits_for, '')
    FROM expired WHERE t.id = expired.id
    RETURNING t.id
), unfinished AS (
    SELECT t.id, t.run_id, t.stage, t.ordinal, t.not_before, t.worker_id, r.panel_id, r.started_at,
           bool_or(t.not_before IS NOT NULL) OVER (PARTITION BY t.run_id, t.kind) AS stepped_back,
           t.state = 'leased' AND t.lease_until >= now() AS busy,
           min(t.stage) OVER (PARTITION BY t.run_id) AS first_stage
    FROM sync_tasks t JOIN sync_runs r ON r.id = t.run_id
    WHERE t.state IN ('open', 'leased') AND r.status = 'RUNNING'
      AND t.id NOT IN (SELECT id FROM spent)
), chosen AS (
    SELECT t.id FROM unfinished u JOIN sync_tasks t ON t.id = u.id
    WHERE NOT u.busy AND u.stage = u.first_stage AND (u.not_before IS NULL OR u.not_before <= now())
      AND (t.state = 'open' OR (t.state = 'leased' AND t.lease_until < now()))
      AND (SELECT count(*) FROM unfinished b WHERE b.panel_id = u.panel_id AND b.busy) < $3
      AND (SELECT count(*) FROM unfinished b
           WHERE b.panel_id = u.panel_id AND b.busy AND b.worker_id = $1) < $5
    ORDER BY u.started_at, u.not_before NULLS FIRST, u.stepped_back, u.ordinal
    LIMIT 1
    FOR UPDATE OF t SKIP LOCKED
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
