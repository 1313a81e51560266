//! What is counted of rows that were read by themselves: each once, and as it ended, however
//! often the task begins anew.

use super::merge_rows::Outcome;
use super::page::PageCommit;
use crate::error::StoreError;
use crate::pool::Connection;
use crate::tasks::TaskLease;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

/// Counts the rows of a commit that is no part of a listing.
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
            "INSERT INTO sync_read_alone (run_id, kind, remote_id, failed) \
             SELECT $1, $2, id, $4 FROM unnest($3::bigint[]) AS id GROUP BY id \
             ON CONFLICT (run_id, kind, remote_id) DO UPDATE SET failed = excluded.failed",
        )
        .bind::<SqlUuid, _>(lease.run_id.0)
        .bind::<Text, _>(page.kind.as_str())
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Bool, _>(failed)
        .execute(conn)
        .await?;
    }
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
