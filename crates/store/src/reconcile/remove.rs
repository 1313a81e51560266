//! Removing rows softly, and holding them back.

use super::resource::Resource;
use crate::error::StoreError;
use crate::mirror::{row_event, stem};
use crate::outbox::{Outgoing, say};
use crate::pool::{Connection, Store};
use crate::tasks::{TaskLease, lock_task};
use chrono::Utc;
use common::types::event::{Event, EventType};
use common::types::id::RunId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[derive(QueryableByName)]
struct Removed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<BigInt>)]
    remote_id: Option<i64>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    parent_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<BigInt>)]
    parent_remote_id: Option<i64>,
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Text)]
    resource: String,
    #[diesel(sql_type = SqlUuid)]
    row_id: Uuid,
}

/// Why rows are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// They are gone: they keep their place, and what hangs on them goes along.
    Gone,
    /// Another uuid takes their place. Children of these kinds stay and are linked
    /// to the row that stands there then.
    Replaced {
        /// What stays.
        staying: &'static [Resource],
    },
}

impl Why {
    fn is_replaced(self) -> bool {
        matches!(self, Self::Replaced { .. })
    }

    fn keeps(self, child: Resource) -> bool {
        matches!(self, Self::Replaced { staying } if staying.contains(&child))
    }
}

impl Store {
    /// Removes rows (softly) and what hangs on them, with their events.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn remove(
        &self,
        lease: &TaskLease,
        resource: Resource,
        ids: &[Uuid],
        why: Why,
    ) -> Result<u64, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            let mut messages = Vec::new();
            let removal = Removal {
                resource,
                why,
                with_parent: false,
            };
            let removed = remove_rows(conn, lease, removal, ids, &mut messages).await?;
            say(conn, messages).await?;
            Ok(removed)
        })
        .await
    }

    /// Remembers which rows a run held back.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn hold(
        &self,
        lease: &TaskLease,
        resource: Resource,
        ids: &[Uuid],
    ) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            sql_query(
                "INSERT INTO sync_held (run_id, resource, row_id) SELECT $1, $2, unnest($3::uuid[]) \
                 ON CONFLICT DO NOTHING",
            )
            .bind::<SqlUuid, _>(lease.run_id.0)
            .bind::<Text, _>(resource.table())
            .bind::<Array<SqlUuid>, _>(ids)
            .execute(conn)
            .await?;
            Ok(())
        })
        .await
    }

    /// The rows that a run held back.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn held(&self, run: RunId) -> Result<BTreeMap<Resource, BTreeSet<Uuid>>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<Held> = sql_query("SELECT resource, row_id FROM sync_held WHERE run_id = $1")
            .bind::<SqlUuid, _>(run.0)
            .load(&mut conn)
            .await?;
        let mut held: BTreeMap<Resource, BTreeSet<Uuid>> = BTreeMap::new();
        for row in rows {
            if let Some(resource) = Resource::of_table(&row.resource) {
                held.entry(resource).or_default().insert(row.row_id);
            }
        }
        Ok(held)
    }
}

/// What is removed, and why.
#[derive(Clone, Copy)]
struct Removal {
    resource: Resource,
    why: Why,
    /// The rows go because their parent does, which says it all.
    with_parent: bool,
}

async fn remove_rows(
    conn: &mut Connection,
    lease: &TaskLease,
    removal: Removal,
    ids: &[Uuid],
    messages: &mut Vec<Outgoing>,
) -> Result<u64, StoreError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let Removal { resource, why, .. } = removal;
    for (child, column) in resource.children() {
        if why.keeps(*child) {
            continue;
        }
        let rows: Vec<Removed> = sql_query(format!(
            "SELECT id, NULL::bigint AS remote_id, NULL::uuid AS parent_id, NULL::bigint AS parent_remote_id \
             FROM {} WHERE {column} = ANY($1) AND removed_at IS NULL ORDER BY id",
            child.table()
        ))
        .bind::<Array<SqlUuid>, _>(ids)
        .load(conn)
        .await?;
        let children: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        Box::pin(remove_rows(
            conn,
            lease,
            Removal {
                resource: *child,
                why,
                with_parent: true,
            },
            &children,
            messages,
        ))
        .await?;
    }
    let (remote, parent, parent_remote) = match resource {
        Resource::ServerVariable => ("NULL::bigint", "server_id", "server_remote_id"),
        Resource::Subuser => ("remote_id", "server_id", "server_remote_id"),
        Resource::EggVariable => ("remote_id", "egg_id", "egg_remote_id"),
        Resource::Allocation => ("remote_id", "node_id", "node_remote_id"),
        _ => ("remote_id", "NULL::uuid", "NULL::bigint"),
    };
    // A variable's place is its server's id, everything else's its own. Rows are
    // taken in the order that merges take.
    let (place, order) = match resource {
        Resource::ServerVariable => (
            "server_remote_id",
            "server_remote_id, egg_variable_remote_id",
        ),
        _ => ("remote_id", "remote_id"),
    };
    let rows: Vec<Removed> = sql_query(format!(
        "WITH gone AS (SELECT id, {remote} AS remote_id, {parent} AS parent_id, {parent_remote} AS parent_remote_id \
           FROM {table} WHERE id = ANY($1) AND removed_at IS NULL ORDER BY {order} FOR NO KEY UPDATE), \
         removed AS (UPDATE {table} m SET removed_at = now(), updated_at = now(){clear} FROM gone WHERE m.id = gone.id) \
         SELECT id, remote_id, parent_id, parent_remote_id FROM gone",
        table = resource.table(),
        clear = if why.is_replaced() { format!(", {place} = NULL") } else { String::new() },
    ))
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)
    .await?;
    if lease.announces(resource.kind()) {
        announce_removed(lease, removal, &rows, messages);
    }
    Ok(rows.len() as u64)
}

fn announce_removed(
    lease: &TaskLease,
    removal: Removal,
    rows: &[Removed],
    messages: &mut Vec<Outgoing>,
) {
    let resource = removal.resource;
    let now = Utc::now();
    if let Some(stem) = stem(resource.table()) {
        for row in rows {
            let remote_id = row.remote_id.unwrap_or_default();
            let event = row_event(
                lease.panel_id,
                stem,
                "deleted",
                row.id,
                remote_id,
                None,
                now,
            );
            messages.extend(event.map(Outgoing::event));
        }
        return;
    }
    let (stem, part) = match resource {
        Resource::ServerVariable => ("server", "variables"),
        Resource::Subuser => ("server", "subusers"),
        Resource::EggVariable => ("egg", "variables"),
        _ => return announce_allocations(lease, rows, messages),
    };
    if removal.with_parent {
        return;
    }
    let parents: BTreeSet<(Uuid, i64)> = rows
        .iter()
        .filter_map(|row| Some((row.parent_id?, row.parent_remote_id?)))
        .collect();
    let changed = BTreeSet::from([part.to_owned()]);
    for (id, remote) in parents {
        let event = row_event(
            lease.panel_id,
            stem,
            "updated",
            id,
            remote,
            Some(&changed),
            now,
        );
        messages.extend(event.map(Outgoing::event));
    }
}

/// One event a node, which need not be mirrored itself.
fn announce_allocations(lease: &TaskLease, rows: &[Removed], messages: &mut Vec<Outgoing>) {
    let mut nodes: BTreeMap<i64, u64> = BTreeMap::new();
    for node in rows.iter().filter_map(|row| row.parent_remote_id) {
        *nodes.entry(node).or_default() += 1;
    }
    for (node, deleted) in nodes {
        messages.push(Outgoing::event(Event::new(
            EventType::AllocationsChanged,
            format!("{}/node/{node}", lease.panel_id),
            Utc::now(),
            json!({ "panel_id": lease.panel_id, "node_remote_id": node,
                    "created": 0, "updated": 0, "deleted": deleted, "restored": 0 }),
        )));
    }
}
