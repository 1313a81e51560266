//! One page of the panel, committed: the transaction that everything else of a
//! sync is built from.

use super::alone;
use super::merge_rows::{Outcome, merge_rows};
use super::rows::PageRows;
use crate::error::StoreError;
use crate::outbox::say;
use crate::pool::{Connection, Store};
use crate::tasks::{TaskLease, lock_task};
use common::types::panel::BadRecord;
use common::types::sync::Kind;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Bool, Double, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

/// A page and what is known about the listing that it is a part of.
#[derive(Debug, Clone)]
pub struct PageCommit {
    /// The rows that could be read.
    pub rows: PageRows,
    /// The listing: a kind, and the node of allocations (else 0).
    pub kind: Kind,
    /// See `kind`.
    pub scope: i64,
    /// Position of the page's first row in the listing, counted from 0.
    pub position: u64,
    /// The listing's total as this page said it.
    pub total: u64,
    /// Whether all answers behind this page said the same total.
    pub total_constant: bool,
    /// Rows that the panel sent and we cannot read.
    pub bad: Vec<BadRecord>,
    /// Rows that the panel cannot send.
    pub poison: Vec<BadRecord>,
    /// Whether the page counts as a part of a complete listing.
    pub listing: bool,
    /// Where the task goes on after this page.
    pub checkpoint: Value,
    /// What the task knows about its size.
    pub items_total: u64,
    /// Requests the page cost.
    pub requests: u32,
}

/// What a page did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageReport {
    /// Rows that are as the panel shows them now.
    pub synced: u64,
    /// Rows that were skipped, with those that PostgreSQL refused.
    pub failed: u64,
}

impl Store {
    /// Commits a page. A row that PostgreSQL refuses is found by halving and
    /// recorded; its neighbours are written. Before that the page is tried once
    /// more as it is: a deadlock looks like a refusal, and has passed by then.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`] when the task is no longer the caller's;
    /// transient errors when PostgreSQL cannot work. Nothing is written then.
    pub async fn commit_page(
        &self,
        lease: &TaskLease,
        page: &PageCommit,
    ) -> Result<PageReport, StoreError> {
        let mut conn = self.conn().await?;
        for _attempt in 0..2 {
            match commit(&mut conn, lease, page, false).await {
                Err(error) if error.may_be_refusal() => {}
                other => return other,
            }
        }
        commit(&mut conn, lease, page, true).await
    }
}

async fn commit(
    conn: &mut Connection,
    lease: &TaskLease,
    page: &PageCommit,
    carefully: bool,
) -> Result<PageReport, StoreError> {
    conn.transaction(async move |conn| {
        lock_task(conn, lease).await?;
        let mut outcome = Outcome::default();
        if carefully {
            merge_by_halves(conn, lease, page.rows.clone(), page.position, &mut outcome).await?;
        } else {
            merge_rows(conn, lease, &page.rows, &mut outcome).await?;
        }
        if page.listing {
            remember_seen(conn, lease, page, &outcome.refused).await?;
        } else {
            alone::forget_errors(conn, lease, page).await?;
        }
        record_errors(conn, lease, page, &outcome.refused).await?;
        note_replaced(conn, lease, &outcome.replaced).await?;
        let refused = outcome.refused.len();
        // They count once they have their places.
        let table = page.rows.table();
        let replaced = outcome.replaced.iter().filter(|row| row.0 == table).count();
        if !page.listing {
            alone::count(conn, lease, page, &outcome).await?;
        }
        say(conn, outcome.outgoing(lease)).await?;
        let report = PageReport {
            synced: (page.rows.len() - refused - replaced) as u64,
            failed: (page.bad.len() + page.poison.len() + refused) as u64,
        };
        if page.listing {
            checkpoint(conn, lease, page, &report).await?;
        }
        Ok(report)
    })
    .await
}

/// Finds the rows that PostgreSQL refuses, each half in a savepoint of its own.
async fn merge_by_halves(
    conn: &mut Connection,
    lease: &TaskLease,
    rows: PageRows,
    position: u64,
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    let mut halves = vec![(rows, position)];
    while let Some((rows, position)) = halves.pop() {
        let attempt = &rows;
        let merged = conn
            .transaction(async move |conn| {
                let mut part = Outcome::default();
                merge_rows(conn, lease, attempt, &mut part).await?;
                Ok::<_, StoreError>(part)
            })
            .await;
        match merged {
            Ok(part) => {
                outcome.replaced.extend(part.replaced);
                outcome.announcements.extend(part.announcements);
                match (&mut outcome.allocations, part.allocations) {
                    (Some(all), Some(part)) => all.add(&part),
                    (all @ None, part) => *all = part,
                    (Some(_), None) => {}
                }
            }
            Err(error) if error.may_be_refusal() => {
                let ids = rows.ids();
                if let [id] = ids[..] {
                    outcome.refused.push(BadRecord {
                        id: Some(id),
                        position,
                        reason: "PostgreSQL cannot store the record".to_owned(),
                    });
                } else {
                    let middle = ids.len() / 2;
                    let (head, tail) = rows.split(middle);
                    halves.push((tail, position + middle as u64));
                    halves.push((head, position));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn remember_seen(
    conn: &mut Connection,
    lease: &TaskLease,
    page: &PageCommit,
    refused: &[BadRecord],
) -> Result<(), StoreError> {
    let mut ids = page.rows.ids();
    ids.extend(page.bad.iter().chain(&page.poison).filter_map(|row| row.id));
    ids.sort_unstable();
    ids.dedup();
    let unknown = |rows: &[BadRecord]| rows.iter().filter(|row| row.id.is_none()).count();
    debug_assert!(refused.iter().all(|row| row.id.is_some()));
    sql_query(
        "INSERT INTO sync_seen (run_id, kind, scope, position, remote_ids, unidentified, poisoned, total, total_constant) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (run_id, kind, scope, position) DO UPDATE SET remote_ids = excluded.remote_ids, \
           unidentified = excluded.unidentified, poisoned = excluded.poisoned, total = excluded.total, \
           total_constant = excluded.total_constant",
    )
    .bind::<SqlUuid, _>(lease.run_id.0)
    .bind::<Text, _>(page.kind.as_str())
    .bind::<BigInt, _>(page.scope)
    .bind::<BigInt, _>(to_i64(page.position))
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Integer, _>(i32::try_from(unknown(&page.bad)).unwrap_or(i32::MAX))
    .bind::<Integer, _>(i32::try_from(unknown(&page.poison)).unwrap_or(i32::MAX))
    .bind::<BigInt, _>(to_i64(page.total))
    .bind::<Bool, _>(page.total_constant)
    .execute(conn)
    .await?;
    Ok(())
}

async fn record_errors(
    conn: &mut Connection,
    lease: &TaskLease,
    page: &PageCommit,
    refused: &[BadRecord],
) -> Result<(), StoreError> {
    for row in page.bad.iter().chain(&page.poison).chain(refused) {
        sql_query(
            "INSERT INTO sync_errors (run_id, kind, scope, position, remote_id, reason) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind::<SqlUuid, _>(lease.run_id.0)
        .bind::<Text, _>(page.kind.as_str())
        .bind::<BigInt, _>(page.scope)
        .bind::<Nullable<BigInt>, _>(page.listing.then(|| to_i64(row.position)))
        .bind::<Nullable<BigInt>, _>(row.id)
        .bind::<Text, _>(&row.reason)
        .execute(conn)
        .await?;
    }
    Ok(())
}

async fn note_replaced(
    conn: &mut Connection,
    lease: &TaskLease,
    replaced: &[(&'static str, Uuid, i64)],
) -> Result<(), StoreError> {
    for (resource, id, remote_id) in replaced {
        sql_query(
            "INSERT INTO sync_replaced (run_id, resource, row_id, remote_id) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(lease.run_id.0)
        .bind::<Text, _>(*resource)
        .bind::<SqlUuid, _>(*id)
        .bind::<BigInt, _>(*remote_id)
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// Moves the checkpoint and the lease: who commits a page lives, however long it took.
async fn checkpoint(
    conn: &mut Connection,
    lease: &TaskLease,
    page: &PageCommit,
    report: &PageReport,
) -> Result<(), StoreError> {
    sql_query(
        "UPDATE sync_tasks SET checkpoint = $2, items_total = GREATEST($3, items_synced + $4), \
           items_synced = items_synced + $4, items_failed = items_failed + $5, \
           requests = requests + $6, waits_for = NULL, \
           lease_until = GREATEST(lease_until, clock_timestamp() + make_interval(secs => $7)) \
         WHERE id = $1",
    )
    .bind::<SqlUuid, _>(lease.task_id.0)
    .bind::<Jsonb, _>(&page.checkpoint)
    .bind::<BigInt, _>(to_i64(page.items_total))
    .bind::<BigInt, _>(to_i64(report.synced))
    .bind::<BigInt, _>(to_i64(report.failed))
    .bind::<BigInt, _>(i64::from(page.requests))
    .bind::<Double, _>(lease.lasts.as_secs_f64())
    .execute(conn)
    .await?;
    Ok(())
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
