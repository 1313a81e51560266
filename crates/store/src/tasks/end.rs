//! Ends of tasks, and what they wait for.

use super::silence::{self, Kin};
use super::{NewTask, TaskLease, insert_tasks, lock_task};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::TimeDelta;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use std::time::Duration;

impl Store {
    /// Ends a task well and adds those that follow from it, in one transaction.
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
            fail(conn, lease, reason).await?;
            notify_tasks(conn).await
        })
        .await
    }

    /// Ends a task whose listing stayed without an answer for `silence`. With the third of a
    /// kind, if none of it was read within that time, is being read or was begun since the
    /// first one ended, those end that wait to be begun or stepped back: each would be waited
    /// for as long.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn task_silent(
        &self,
        lease: &TaskLease,
        reason: &str,
        silence: Duration,
    ) -> Result<(), StoreError> {
        let silence = TimeDelta::from_std(silence).unwrap_or(TimeDelta::MAX);
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            fail(conn, lease, reason).await?;
            // What it waited for tells it from those that the panel refused.
            sql_query("UPDATE sync_tasks SET waits_for = error WHERE id = $1")
                .bind::<SqlUuid, _>(lease.task_id.0)
                .execute(conn)
                .await?;
            let kin: Vec<Kin> = sql_query(
                "SELECT t.id, t.state, t.work ->> 'do' IS NOT DISTINCT FROM 'list' AS lists, t.not_before IS NOT NULL AS stepped_back, \
                   t.waits_for IS NOT NULL AS waited, t.items_synced, t.started_at, t.finished_at \
                 FROM sync_tasks t JOIN sync_tasks me ON (me.run_id, me.stage, me.kind) = (t.run_id, t.stage, t.kind) WHERE me.id = $1",
            )
            .bind::<SqlUuid, _>(lease.task_id.0)
            .load(conn)
            .await?;
            // One that is locked is just being claimed, or its run ended.
            let ended = sql_query(
                "UPDATE sync_tasks SET state = 'failed', fence = fence + 1, finished_at = now(), error = $2 WHERE id IN \
                   (SELECT id FROM sync_tasks WHERE id = ANY($1) AND state = 'open' FOR UPDATE SKIP LOCKED)",
            )
            .bind::<Array<SqlUuid>, _>(silence::given_up(&kin, silence))
            .bind::<Text, _>(reason)
            .execute(conn)
            .await?;
            if ended > 0 {
                let sentence = format!("{}: {ended} more parts are not asked for", lease.kind);
                crate::runs::log(conn, lease.run_id, "error", &sentence).await?;
            }
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
                "UPDATE sync_tasks SET state = 'open', fence = fence + 1, worker_id = NULL, lease_until = NULL, not_before = NULL \
                 WHERE id = $1",
            )
            .bind::<SqlUuid, _>(lease.task_id.0)
            .execute(conn)
            .await?;
            notify_tasks(conn).await
        })
        .await
    }

    /// Gives a task back that cannot get on, so that another of its stage, which never
    /// stepped back, has its place: it is claimed again after `pause`, behind those. Where
    /// none waits for a place, or only such of whose kind another one stepped back, nothing
    /// is done, and the answer is `false`.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn task_step_back(
        &self,
        lease: &TaskLease,
        pause: Duration,
    ) -> Result<bool, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            let rows = sql_query(
                "UPDATE sync_tasks t SET state = 'open', fence = t.fence + 1, worker_id = NULL, \
                   lease_until = NULL, not_before = now() + make_interval(secs => $2) \
                 WHERE t.id = $1 AND EXISTS (SELECT 1 FROM sync_tasks o \
                   WHERE o.run_id = t.run_id AND o.stage = t.stage AND o.id <> t.id AND o.state = 'open' \
                     AND o.not_before IS NULL AND NOT EXISTS (SELECT 1 FROM sync_tasks s \
                       WHERE s.run_id = o.run_id AND s.stage = o.stage AND s.kind = o.kind AND s.id <> t.id \
                         AND s.state IN ('open', 'leased') AND s.not_before IS NOT NULL))",
            )
            .bind::<SqlUuid, _>(lease.task_id.0)
            .bind::<Double, _>(pause.as_secs_f64())
            .execute(conn)
            .await?;
            if rows == 0 {
                return Ok(false);
            }
            notify_tasks(conn).await?;
            Ok(true)
        })
        .await
    }

    /// Says what a task waits for. Nothing is said once the lease is lost or the run has ended.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn task_waits(&self, lease: &TaskLease, what: &str) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "UPDATE sync_tasks t SET waits_for = $3 FROM sync_runs r \
             WHERE t.id = $1 AND t.fence = $2 AND t.state = 'leased' \
               AND r.id = t.run_id AND r.status = 'RUNNING'",
        )
        .bind::<SqlUuid, _>(lease.task_id.0)
        .bind::<BigInt, _>(lease.fence)
        .bind::<Text, _>(what)
        .execute(&mut conn)
        .await?;
        Ok(())
    }
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

async fn fail(conn: &mut Connection, lease: &TaskLease, reason: &str) -> Result<(), StoreError> {
    lock_task(conn, lease).await?;
    end_task(conn, lease, "failed", Some(reason), 0).await?;
    // One thing less to wait for.
    sql_query("UPDATE sync_runs SET progressed_at = now() WHERE id = $1")
        .bind::<SqlUuid, _>(lease.run_id.0)
        .execute(conn)
        .await?;
    let sentence = format!("{}: {reason}", lease.kind);
    crate::runs::log(conn, lease.run_id, "error", &sentence).await
}

async fn notify_tasks(conn: &mut Connection) -> Result<(), StoreError> {
    sql_query(format!(
        "SELECT pg_notify('{}', '')",
        crate::wake::TASKS_CHANNEL
    ))
    .execute(conn)
    .await?;
    Ok(())
}
