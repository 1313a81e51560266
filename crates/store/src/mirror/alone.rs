//! What is counted of rows that were read by themselves: each once, and as it ended, however
//! often the task begins anew.

use super::merge_rows::Outcome;
use super::page::PageCommit;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use crate::reconcile::main_table;
use crate::tasks::{TaskLease, lock_task};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};

/// Counts the rows of a commit that is no part of a listing. Those that a listing showed
/// have been counted there, save for those that had to wait for their places.
pub(super) async fn count(
    conn: &mut Connection,
    lease: &TaskLease,
    page: &PageCommit,
    outcome: &Outcome,
) -> Result<(), StoreError> {
    let failed = page.bad.iter().chain(&outcome.refused);
    let failed: Vec<i64> = failed.filter_map(|row| row.id).collect();
    let table = page.rows.table();
    let replaced = outcome.replaced.iter().filter(|row| row.0 == table);
    let replaced: Vec<i64> = replaced.map(|row| row.2).collect();
    let mut merged = page.rows.ids();
    merged.retain(|id| !failed.contains(id) && !replaced.contains(id));
    for (ids, failed) in [(merged, false), (failed, true)] {
        sql_query(
            "INSERT INTO sync_read_alone (run_id, kind, remote_id, failed, fence) \
             SELECT $1, $2, id, $4, $5 FROM unnest($3::bigint[]) AS id \
             WHERE NOT EXISTS (SELECT 1 FROM sync_seen s \
                 WHERE s.run_id = $1 AND s.kind = $2 AND id = ANY(s.remote_ids)) \
               OR EXISTS (SELECT 1 FROM sync_replaced p \
                 WHERE p.run_id = $1 AND p.resource = $6 AND p.remote_id = id) \
             GROUP BY id ON CONFLICT (run_id, kind, remote_id) \
             DO UPDATE SET failed = excluded.failed, fence = excluded.fence",
        )
        .bind::<SqlUuid, _>(lease.run_id.0)
        .bind::<Text, _>(page.kind.as_str())
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Bool, _>(failed)
        .bind::<BigInt, _>(lease.fence)
        .bind::<Text, _>(main_table(page.kind))
        .execute(conn)
        .await?;
    }
    sum(conn, lease).await
}

async fn sum(conn: &mut Connection, lease: &TaskLease) -> Result<(), StoreError> {
    sql_query(
        "UPDATE sync_tasks SET items_synced = c.synced, items_failed = c.failed, \
           items_total = c.synced, waits_for = NULL \
         FROM (SELECT count(*) FILTER (WHERE NOT failed) AS synced, count(*) FILTER (WHERE failed) AS failed \
               FROM sync_read_alone WHERE run_id = $2) c \
         WHERE id = $1",
    )
    .bind::<SqlUuid, _>(lease.task_id.0)
    .bind::<SqlUuid, _>(lease.run_id.0)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Forgets what was counted of rows when the last task began before and that is no more
    /// so: rows that could not be read, and were not asked for any more; rows that have
    /// been removed since.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn alone_settled(&self, lease: &TaskLease) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            let mut forgotten = 0;
            for kind in &lease.kinds {
                forgotten += sql_query(format!(
                    "WITH gone AS (DELETE FROM sync_read_alone a \
                       WHERE a.run_id = $1 AND a.kind = $2 AND a.fence <> $3 \
                         AND (a.failed OR NOT EXISTS (SELECT 1 FROM {table} m WHERE m.panel_id = $4 \
                           AND m.remote_id = a.remote_id AND m.removed_at IS NULL)) RETURNING a.remote_id), \
                     errors AS (DELETE FROM sync_errors e USING gone WHERE e.run_id = $1 AND e.kind = $2 \
                       AND e.remote_id = gone.remote_id AND e.position IS NULL) \
                     SELECT 1 FROM gone",
                    table = main_table(*kind)
                ))
                .bind::<SqlUuid, _>(lease.run_id.0)
                .bind::<Text, _>(kind.as_str())
                .bind::<BigInt, _>(lease.fence)
                .bind::<SqlUuid, _>(lease.panel_id.0)
                .execute(conn)
                .await?;
            }
            if forgotten > 0 {
                sum(conn, lease).await?;
            }
            Ok(())
        })
        .await
    }
}

/// Forgets what was recorded of rows when the task read them before.
pub(super) async fn forget_errors(
    conn: &mut Connection,
    lease: &TaskLease,
    page: &PageCommit,
) -> Result<(), StoreError> {
    let mut ids = page.rows.ids();
    ids.extend(page.bad.iter().filter_map(|row| row.id));
    sql_query(
        "DELETE FROM sync_errors WHERE run_id = $1 AND kind = $2 AND remote_id = ANY($3) \
           AND position IS NULL",
    )
    .bind::<SqlUuid, _>(lease.run_id.0)
    .bind::<Text, _>(page.kind.as_str())
    .bind::<Array<BigInt>, _>(ids)
    .execute(conn)
    .await?;
    Ok(())
}
