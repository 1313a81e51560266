//! How far a run is, and what it has to say: written by the worker that holds
//! one of its tasks, and by no other.

use super::log;
use super::row::{COLUMNS, RunRow};
use crate::error::StoreError;
use crate::pool::Store;
use crate::tasks::{Progress, TaskLease, lock_task};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use std::time::Duration;

impl Store {
    /// Sums the tasks up into the run's row, unless that was done less than
    /// `pace` ago, or the lease was lost; a task that has ended had it. Answers the new row when it was written.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn run_progress(
        &self,
        lease: &TaskLease,
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
             FROM (SELECT LEAST(COALESCE(sum(items_total), 0), 9000000000000000000)::bigint AS total, COALESCE(sum(items_synced), 0)::bigint AS synced, \
                     COALESCE(sum(items_failed), 0)::bigint AS failed, COALESCE(sum(requests), 0)::bigint AS requests \
                   FROM sync_tasks WHERE run_id = $1) t, \
                  (SELECT id FROM sync_tasks WHERE id = $5 AND fence = $6 FOR UPDATE) mine \
             WHERE r.id = $1 AND r.status = 'RUNNING' AND r.updated_at <= now() - make_interval(secs => $4) \
             RETURNING {columns}",
            columns = COLUMNS.split(", ").map(|name| format!("r.{}", name.trim())).collect::<Vec<_>>().join(", ")
        ))
        .bind::<SqlUuid, _>(lease.run_id.0)
        .bind::<Text, _>(&progress.step)
        .bind::<Text, _>(&progress.message)
        .bind::<Double, _>(pace.as_secs_f64())
        .bind::<SqlUuid, _>(lease.task_id.0)
        .bind::<BigInt, _>(lease.fence)
        .load(&mut conn)
        .await?;
        Ok(rows.into_iter().next())
    }

    /// Adds a line to a run's log.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn run_log(
        &self,
        lease: &TaskLease,
        level: &str,
        message: &str,
    ) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            log(conn, lease.run_id, level, message).await
        })
        .await
    }
}
