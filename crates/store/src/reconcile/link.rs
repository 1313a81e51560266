//! Links between rows, resolved as soon as both sides are there; and when a
//! kind has been listed whole.

use crate::error::StoreError;
use crate::mirror::tables::ALL;
use crate::outbox::{Outgoing, say};
use crate::pool::{Connection, Store};
use crate::tasks::{TaskLease, lock_task};
use chrono::Utc;
use common::types::event::{Event, EventType};
use common::types::sync::Kind;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use uuid::Uuid;

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

impl Store {
    /// Resolves every link that has become resolvable, in both directions, and
    /// takes back those whose other side is gone. Writes only what differs.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn link(&self, lease: &TaskLease) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            // Another run may merge other kinds meanwhile: rows are taken in the order that merges take.
            // Each row looks its other side up by the whole of its key: of statistics that do not know
            // the panel yet PostgreSQL makes a nested loop for a join, with one half of the key as its
            // filter (10,000 servers, 40,000 variables: more than 100 s). `OFFSET 0` keeps it one look-up.
            for table in ALL {
                for parent in table.parents {
                    sql_query(format!(
                        "UPDATE {table} c SET {key} = w.wanted FROM ( \
                           SELECT c.id, p.wanted FROM {table} c CROSS JOIN LATERAL ( \
                             SELECT (SELECT p.id FROM {parents} p WHERE p.panel_id = c.panel_id \
                               AND p.remote_id = c.{remote} AND p.removed_at IS NULL) AS wanted OFFSET 0 \
                           ) p WHERE c.panel_id = $1 AND c.removed_at IS NULL AND c.{key} IS DISTINCT FROM p.wanted \
                           ORDER BY {order} FOR NO KEY UPDATE OF c \
                         ) w WHERE c.id = w.id",
                        table = table.name,
                        key = parent.key,
                        parents = parent.table,
                        remote = parent.remote,
                        order = table.order("c"),
                    ))
                    .bind::<SqlUuid, _>(lease.panel_id.0)
                    .execute(conn)
                    .await?;
                }
            }
            link_allocations(conn, lease.panel_id.0, None).await
        })
        .await
    }

    /// Records that a kind has been listed completely. The first time, one
    /// `panel.mirrored` stands for all its rows.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn kind_listed(
        &self,
        lease: &TaskLease,
        kind: Kind,
        complete: bool,
    ) -> Result<(), StoreError> {
        if !complete {
            return Ok(());
        }
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            let rows = sql_query(
                "INSERT INTO panel_kinds (panel_id, kind, first_listed_at, last_listed_at, last_run_id) \
                 VALUES ($1, $2, now(), now(), $3) ON CONFLICT (panel_id, kind) DO NOTHING",
            )
            .bind::<SqlUuid, _>(lease.panel_id.0)
            .bind::<Text, _>(kind.as_str())
            .bind::<SqlUuid, _>(lease.run_id.0)
            .execute(conn)
            .await?;
            if rows == 1 {
                let count: Rows = sql_query(format!(
                    "SELECT count(*) AS rows FROM {} WHERE panel_id = $1 AND removed_at IS NULL",
                    main_table(kind)
                ))
                .bind::<SqlUuid, _>(lease.panel_id.0)
                .get_result(conn)
                .await?;
                let event = Event::new(
                    EventType::Mirrored,
                    lease.panel_id.to_string(),
                    Utc::now(),
                    json!({ "panel_id": lease.panel_id, "kind": kind, "rows": count.rows }),
                );
                say(conn, vec![Outgoing::event(event)]).await?;
            } else {
                sql_query(
                    "UPDATE panel_kinds SET last_listed_at = now(), last_run_id = $3 \
                     WHERE panel_id = $1 AND kind = $2",
                )
                .bind::<SqlUuid, _>(lease.panel_id.0)
                .bind::<Text, _>(kind.as_str())
                .bind::<SqlUuid, _>(lease.run_id.0)
                .execute(conn)
                .await?;
            }
            Ok(())
        })
        .await
    }
}

pub(crate) fn main_table(kind: Kind) -> &'static str {
    match kind {
        Kind::Locations => "locations",
        Kind::Nodes => "nodes",
        Kind::Allocations => "allocations",
        Kind::Nests => "nests",
        Kind::Servers => "servers",
        Kind::Databases => "server_databases",
        Kind::Users => "panel_users",
    }
}

/// Derives `allocations.server_id` from the servers' lists: for the servers
/// given by their ids on the panel, or for all.
///
/// Two live rows may list one allocation, where one of them is stale: its removal is
/// held, or its record cannot be read. The row that changed last has it: a stale row is
/// written no more, the owner's was when it got the allocation.
pub(crate) async fn link_allocations(
    conn: &mut Connection,
    panel: Uuid,
    servers: Option<&[i64]>,
) -> Result<(), StoreError> {
    let all = servers.is_none();
    let listed = servers.unwrap_or_default();
    if !all && listed.is_empty() {
        return Ok(());
    }
    // A server that gives an allocation up and one that takes it may be in
    // different pages: what is not claimed is freed, what is claimed is set, both in
    // the order in which merges take rows. What a page frees and a server outside it lists
    // is that one's when all are looked at.
    // `ARRAY(SELECT …)` hides from PostgreSQL how long the list is: it would take
    // so many servers for a reason to read all allocations, for every page.
    // `IN … IS NOT TRUE` is hashed: of statistics from before there were links PostgreSQL
    // makes a nested loop for NOT EXISTS (100,000 allocations, 30,000 of them linked: 16 s).
    // The server that has the allocation now may be outside the page, and is looked up for
    // links that would change only: a subquery that is no EXISTS is not made a join.
    sql_query(
        "WITH claim AS MATERIALIZED ( \
           SELECT DISTINCT ON (remote_id) * FROM ( \
             SELECT s.id AS server_id, s.remote_id AS server_remote_id, s.updated_at, unnest(s.allocation_remote_ids) AS remote_id \
             FROM servers s WHERE s.panel_id = $1 AND s.removed_at IS NULL AND ($2 OR s.remote_id = ANY(ARRAY(SELECT unnest($3::bigint[])))) \
           ) listed ORDER BY remote_id, updated_at DESC, server_id DESC \
         ), wanted AS ( \
           SELECT a.id, c.server_id, c.server_remote_id FROM claim c \
           JOIN allocations a ON a.panel_id = $1 AND a.remote_id = c.remote_id AND a.removed_at IS NULL \
           WHERE (a.server_id, a.server_remote_id) IS DISTINCT FROM (c.server_id, c.server_remote_id) \
             AND (SELECT (o.updated_at, o.id) > (c.updated_at, c.server_id) FROM servers o \
               WHERE o.id = a.server_id AND o.removed_at IS NULL AND a.remote_id = ANY(o.allocation_remote_ids)) IS NOT TRUE \
           UNION ALL \
           SELECT a.id, NULL, NULL FROM allocations a \
           WHERE a.panel_id = $1 AND a.server_remote_id IS NOT NULL AND ($2 OR a.server_remote_id = ANY(ARRAY(SELECT unnest($3::bigint[])))) \
             AND (a.remote_id IN (SELECT c.remote_id FROM claim c)) IS NOT TRUE \
         ), ordered AS (SELECT a.id, w.server_id, w.server_remote_id FROM allocations a JOIN wanted w ON w.id = a.id \
             ORDER BY a.remote_id FOR NO KEY UPDATE OF a) \
         UPDATE allocations a SET server_id = o.server_id, server_remote_id = o.server_remote_id, updated_at = now() \
         FROM ordered o WHERE a.id = o.id",
    )
    .bind::<SqlUuid, _>(panel)
    .bind::<Bool, _>(all)
    .bind::<Array<BigInt>, _>(listed)
    .execute(conn)
    .await?;
    Ok(())
}
