//! The end of a run: which rows the panel no longer shows, what is removed or
//! held, which links can be resolved by now. The rules (proof, hold) are the
//! worker's; this file answers its questions and carries its decisions out.

use crate::error::StoreError;
use crate::mirror::tables::ALL;
use crate::mirror::{row_event, stem};
use crate::outbox::{Outgoing, say};
use crate::pool::{Connection, Store};
use crate::tasks::{TaskLease, lock_task};
use chrono::Utc;
use common::types::event::{Event, EventType};
use common::types::id::{PanelId, RunId};
use common::types::sync::Kind;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// Something that can be missing from the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are the mirrored tables")]
pub enum Resource {
    ServerVariable,
    Subuser,
    Database,
    Allocation,
    Server,
    EggVariable,
    Egg,
    Nest,
    Node,
    Location,
    User,
}

impl Resource {
    /// Children before their parents.
    pub const ALL: [Self; 11] = [
        Self::ServerVariable,
        Self::Subuser,
        Self::Database,
        Self::Allocation,
        Self::Server,
        Self::EggVariable,
        Self::Egg,
        Self::Nest,
        Self::Node,
        Self::Location,
        Self::User,
    ];

    /// The table.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::ServerVariable => "server_variables",
            Self::Subuser => "server_subusers",
            Self::Database => "server_databases",
            Self::Allocation => "allocations",
            Self::Server => "servers",
            Self::EggVariable => "egg_variables",
            Self::Egg => "eggs",
            Self::Nest => "nests",
            Self::Node => "nodes",
            Self::Location => "locations",
            Self::User => "panel_users",
        }
    }

    /// The kind that lists it.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::ServerVariable | Self::Subuser | Self::Server => Kind::Servers,
            Self::Database => Kind::Databases,
            Self::Allocation => Kind::Allocations,
            Self::EggVariable | Self::Egg | Self::Nest => Kind::Nests,
            Self::Node => Kind::Nodes,
            Self::Location => Kind::Locations,
            Self::User => Kind::Users,
        }
    }

    /// The resource of a table.
    #[must_use]
    pub fn of_table(table: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.table() == table)
    }

    /// What goes with it when it goes: the table, and its column that holds the
    /// parent's own id.
    #[must_use]
    pub fn children(self) -> &'static [(Self, &'static str)] {
        match self {
            Self::Server => &[
                (Self::ServerVariable, "server_id"),
                (Self::Subuser, "server_id"),
                (Self::Database, "server_id"),
            ],
            Self::Node => &[(Self::Allocation, "node_id")],
            Self::Nest => &[(Self::Egg, "nest_id")],
            Self::Egg => &[(Self::EggVariable, "egg_id")],
            _ => &[],
        }
    }
}

/// What the pages of one listing say together.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Listing {
    /// The node of allocations, else 0.
    #[diesel(sql_type = BigInt)]
    pub scope: i64,
    /// Different ids seen.
    #[diesel(sql_type = BigInt)]
    pub distinct: i64,
    /// Rows that were sent and whose id could not be told.
    #[diesel(sql_type = BigInt)]
    pub unidentified: i64,
    /// Rows that the panel could not send and whose id is unknown.
    #[diesel(sql_type = BigInt)]
    pub poisoned: i64,
    /// The total of the last page.
    #[diesel(sql_type = BigInt)]
    pub total: i64,
    /// Whether every page said the same total.
    #[diesel(sql_type = Bool)]
    pub constant: bool,
}

/// Where rows are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalScope {
    /// On the whole panel.
    Panel,
    /// On one node (the panel's id of it).
    Node(i64),
}

/// A row that may be gone.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Candidate {
    /// The row's own id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The panel's id of it (of its server for variables).
    #[diesel(sql_type = BigInt)]
    pub remote_id: i64,
    /// Its node for allocations, its server for what hangs on one, else 0.
    #[diesel(sql_type = BigInt)]
    pub scope: i64,
    /// Address of an allocation.
    #[diesel(sql_type = Nullable<Text>)]
    pub ip: Option<String>,
    /// Port of an allocation.
    #[diesel(sql_type = Nullable<Integer>)]
    pub port: Option<i32>,
    /// The uuid it is known by.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub uuid: Option<Uuid>,
}

/// How many rows there are to judge a removal by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResourceCounts {
    /// Live rows.
    pub live: u64,
    /// Rows removed within the window.
    pub recent: u64,
}

/// Why rows are believed to be gone; stored with what is held.
pub type Evidence = Value;

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = BigInt)]
    live: i64,
    #[diesel(sql_type = BigInt)]
    recent: i64,
}

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

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// Columns of a [`Candidate`], for each table.
fn candidate_columns(resource: Resource) -> String {
    let remote = match resource {
        Resource::ServerVariable => "COALESCE(m.server_remote_id, 0)",
        _ => "COALESCE(m.remote_id, 0)",
    };
    let scope = match resource {
        Resource::Allocation => "m.node_remote_id",
        Resource::ServerVariable => "COALESCE(m.server_remote_id, 0)",
        Resource::Subuser | Resource::Database => "m.server_remote_id",
        Resource::Egg => "m.nest_remote_id",
        Resource::EggVariable => "m.egg_remote_id",
        _ => "0::bigint",
    };
    let (ip, port) = match resource {
        Resource::Allocation => ("m.ip", "m.port"),
        _ => ("NULL::text", "NULL::int"),
    };
    let uuid = match resource {
        Resource::Server | Resource::Egg | Resource::Nest | Resource::Node | Resource::User => "m.uuid",
        _ => "NULL::uuid",
    };
    format!("m.id, {remote} AS remote_id, {scope} AS scope, {ip} AS ip, {port} AS port, {uuid} AS uuid")
}

impl Store {
    /// The listings of a kind that a run has pages of.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn listings(&self, run: RunId, kind: Kind) -> Result<Vec<Listing>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT s.scope, \
               (SELECT count(DISTINCT id) FROM sync_seen p, unnest(p.remote_ids) AS id \
                 WHERE p.run_id = $1 AND p.kind = $2 AND p.scope = s.scope) AS distinct, \
               sum(s.unidentified)::bigint AS unidentified, sum(s.poisoned)::bigint AS poisoned, \
               (array_agg(s.total ORDER BY s.position DESC))[1] AS total, \
               bool_and(s.total_constant) AND min(s.total) = max(s.total) AS constant \
             FROM sync_seen s WHERE s.run_id = $1 AND s.kind = $2 GROUP BY s.scope ORDER BY s.scope",
        )
        .bind::<SqlUuid, _>(run.0)
        .bind::<Text, _>(kind.as_str())
        .load(&mut conn)
        .await?)
    }

    /// Live rows that the pages of a listing did not show.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn unseen(
        &self,
        run: RunId,
        panel: PanelId,
        resource: Resource,
        scope: RemovalScope,
    ) -> Result<Vec<Candidate>, StoreError> {
        let (node, within) = match scope {
            RemovalScope::Panel => (0, "true"),
            RemovalScope::Node(node) => (node, "m.node_remote_id = $4"),
        };
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {columns} FROM {table} m WHERE m.panel_id = $1 AND m.removed_at IS NULL AND {within} \
               AND NOT EXISTS (SELECT 1 FROM sync_seen s, unnest(s.remote_ids) AS seen \
                 WHERE s.run_id = $2 AND s.kind = $3 AND s.scope = $4 AND seen = m.remote_id) \
             ORDER BY m.remote_id",
            columns = candidate_columns(resource),
            table = resource.table(),
        ))
        .bind::<SqlUuid, _>(panel.0)
        .bind::<SqlUuid, _>(run.0)
        .bind::<Text, _>(resource.kind().as_str())
        .bind::<BigInt, _>(node)
        .load(&mut conn)
        .await?)
    }

    /// Allocations of nodes that are gone, or whose listing shows them
    /// elsewhere, are found through [`Store::unseen`]; this finds what whole
    /// answers did not list any more.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn noted_missing(
        &self,
        run: RunId,
        resource: Resource,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {columns} FROM sync_missing n JOIN {table} m ON m.id = n.row_id \
             WHERE n.run_id = $1 AND n.resource = $2 AND m.removed_at IS NULL ORDER BY m.id",
            columns = candidate_columns(resource),
            table = resource.table(),
        ))
        .bind::<SqlUuid, _>(run.0)
        .bind::<Text, _>(resource.table())
        .load(&mut conn)
        .await?)
    }

    /// Live rows under whose id the panel shows another uuid.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn replaced(&self, run: RunId, resource: Resource) -> Result<Vec<Candidate>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {columns} FROM sync_replaced n JOIN {table} m ON m.id = n.row_id \
             WHERE n.run_id = $1 AND n.resource = $2 AND m.removed_at IS NULL ORDER BY m.id",
            columns = candidate_columns(resource),
            table = resource.table(),
        ))
        .bind::<SqlUuid, _>(run.0)
        .bind::<Text, _>(resource.table())
        .load(&mut conn)
        .await?)
    }

    /// The ids that the pages of a listing showed.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn seen(&self, run: RunId, kind: Kind, scope: i64) -> Result<BTreeSet<i64>, StoreError> {
        #[derive(QueryableByName)]
        struct Page {
            #[diesel(sql_type = Array<BigInt>)]
            remote_ids: Vec<i64>,
        }
        let mut conn = self.conn().await?;
        let pages: Vec<Page> = sql_query(
            "SELECT remote_ids FROM sync_seen WHERE run_id = $1 AND kind = $2 AND scope = $3",
        )
        .bind::<SqlUuid, _>(run.0)
        .bind::<Text, _>(kind.as_str())
        .bind::<BigInt, _>(scope)
        .load(&mut conn)
        .await?;
        Ok(pages.into_iter().flat_map(|page| page.remote_ids).collect())
    }

    /// Live and lately removed rows.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn resource_counts(
        &self,
        panel: PanelId,
        resource: Resource,
        scope: RemovalScope,
        window: Duration,
    ) -> Result<ResourceCounts, StoreError> {
        let (node, within) = match scope {
            RemovalScope::Panel => (0, "true"),
            RemovalScope::Node(node) => (node, "node_remote_id = $3"),
        };
        let mut conn = self.conn().await?;
        let counts: Counts = sql_query(format!(
            "SELECT count(*) FILTER (WHERE removed_at IS NULL) AS live, \
               count(*) FILTER (WHERE removed_at > now() - make_interval(secs => $2)) AS recent \
             FROM {} WHERE panel_id = $1 AND {within} AND $3 = $3",
            resource.table()
        ))
        .bind::<SqlUuid, _>(panel.0)
        .bind::<Double, _>(window.as_secs_f64())
        .bind::<BigInt, _>(node)
        .get_result(&mut conn)
        .await?;
        Ok(ResourceCounts { live: to_u64(counts.live), recent: to_u64(counts.recent) })
    }

    /// Live children that would go with their parents, with the parent's id.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn children_of(
        &self,
        resource: Resource,
        parents: &[Uuid],
    ) -> Result<BTreeMap<Resource, Vec<(Uuid, Uuid)>>, StoreError> {
        #[derive(QueryableByName)]
        struct Child {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = SqlUuid)]
            parent: Uuid,
        }
        let mut conn = self.conn().await?;
        let mut found = BTreeMap::new();
        for (child, column) in resource.children() {
            let rows: Vec<Child> = sql_query(format!(
                "SELECT id, {column} AS parent FROM {} WHERE {column} = ANY($1) AND removed_at IS NULL",
                child.table()
            ))
            .bind::<Array<SqlUuid>, _>(parents)
            .load(&mut conn)
            .await?;
            found.insert(*child, rows.into_iter().map(|row| (row.id, row.parent)).collect());
        }
        Ok(found)
    }

    /// Removes rows (softly) and what hangs on them, with their events. Rows in
    /// `replaced` give their place up to another uuid.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn remove(
        &self,
        lease: &TaskLease,
        resource: Resource,
        ids: &[Uuid],
        replaced: bool,
    ) -> Result<u64, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            let mut messages = Vec::new();
            let removed = remove_rows(conn, lease, resource, ids, replaced, &mut messages).await?;
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

    /// Resolves every link that has become resolvable, in both directions, and
    /// takes back those whose other side is gone. Writes only what differs.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn link(&self, lease: &TaskLease) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            lock_task(conn, lease).await?;
            for table in ALL {
                for parent in table.parents {
                    sql_query(format!(
                        "UPDATE {table} c SET {key} = w.wanted FROM ( \
                           SELECT c.id, p.id AS wanted FROM {table} c LEFT JOIN {parents} p \
                             ON p.panel_id = c.panel_id AND p.remote_id = c.{remote} AND p.removed_at IS NULL \
                           WHERE c.panel_id = $1 AND c.removed_at IS NULL AND c.{key} IS DISTINCT FROM p.id \
                         ) w WHERE c.id = w.id",
                        table = table.name,
                        key = parent.key,
                        parents = parent.table,
                        remote = parent.remote,
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

fn main_table(kind: Kind) -> &'static str {
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
pub(crate) async fn link_allocations(
    conn: &mut Connection,
    panel: Uuid,
    servers: Option<&[i64]>,
) -> Result<(), StoreError> {
    let all = servers.is_none();
    let listed = servers.unwrap_or_default();
    // A server that gives an allocation up and one that takes it may be in
    // different pages: what is not claimed is freed, what is claimed is set.
    sql_query(
        "WITH claim AS MATERIALIZED ( \
           SELECT s.id AS server_id, s.remote_id AS server_remote_id, unnest(s.allocation_remote_ids) AS remote_id \
           FROM servers s WHERE s.panel_id = $1 AND s.removed_at IS NULL AND ($2 OR s.remote_id = ANY($3)) \
         ), wanted AS ( \
           SELECT a.id, c.server_id, c.server_remote_id FROM claim c \
           JOIN allocations a ON a.panel_id = $1 AND a.remote_id = c.remote_id AND a.removed_at IS NULL \
           WHERE (a.server_id, a.server_remote_id) IS DISTINCT FROM (c.server_id, c.server_remote_id) \
           UNION ALL \
           SELECT a.id, NULL, NULL FROM allocations a \
           WHERE a.panel_id = $1 AND a.server_remote_id IS NOT NULL AND ($2 OR a.server_remote_id = ANY($3)) \
             AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.remote_id = a.remote_id) \
         ), ordered AS (SELECT a.id, w.server_id, w.server_remote_id FROM allocations a JOIN wanted w ON w.id = a.id \
             ORDER BY a.id FOR UPDATE OF a) \
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

async fn remove_rows(
    conn: &mut Connection,
    lease: &TaskLease,
    resource: Resource,
    ids: &[Uuid],
    replaced: bool,
    messages: &mut Vec<Outgoing>,
) -> Result<u64, StoreError> {
    if ids.is_empty() {
        return Ok(0);
    }
    for (child, column) in resource.children() {
        let rows: Vec<Removed> = sql_query(format!(
            "SELECT id, NULL::bigint AS remote_id, NULL::uuid AS parent_id, NULL::bigint AS parent_remote_id \
             FROM {} WHERE {column} = ANY($1) AND removed_at IS NULL ORDER BY id",
            child.table()
        ))
        .bind::<Array<SqlUuid>, _>(ids)
        .load(conn)
        .await?;
        let children: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        Box::pin(remove_rows(conn, lease, *child, &children, replaced, messages)).await?;
    }
    let (remote, parent, parent_remote) = match resource {
        Resource::ServerVariable => ("NULL::bigint", "server_id", "server_remote_id"),
        Resource::Subuser => ("remote_id", "server_id", "server_remote_id"),
        Resource::EggVariable => ("remote_id", "egg_id", "egg_remote_id"),
        Resource::Allocation => ("remote_id", "node_id", "node_remote_id"),
        _ => ("remote_id", "NULL::uuid", "NULL::bigint"),
    };
    // A variable's place is its server's id, everything else's its own.
    let place = match resource {
        Resource::ServerVariable => "server_remote_id",
        _ => "remote_id",
    };
    let rows: Vec<Removed> = sql_query(format!(
        "WITH gone AS (SELECT id, {remote} AS remote_id, {parent} AS parent_id, {parent_remote} AS parent_remote_id \
           FROM {table} WHERE id = ANY($1) AND removed_at IS NULL ORDER BY id FOR UPDATE), \
         removed AS (UPDATE {table} m SET removed_at = now(), updated_at = now(){clear} FROM gone WHERE m.id = gone.id) \
         SELECT id, remote_id, parent_id, parent_remote_id FROM gone",
        table = resource.table(),
        clear = if replaced { format!(", {place} = NULL") } else { String::new() },
    ))
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)
    .await?;
    if lease.announces(resource.kind()) {
        announce_removed(lease, resource, &rows, messages);
    }
    Ok(rows.len() as u64)
}

fn announce_removed(
    lease: &TaskLease,
    resource: Resource,
    rows: &[Removed],
    messages: &mut Vec<Outgoing>,
) {
    let now = Utc::now();
    if let Some(stem) = stem(resource.table()) {
        for row in rows {
            let remote_id = row.remote_id.unwrap_or_default();
            let event = row_event(lease.panel_id, stem, "deleted", row.id, remote_id, None, now);
            messages.extend(event.map(Outgoing::event));
        }
        return;
    }
    let mut parents: BTreeMap<(Uuid, i64), u64> = BTreeMap::new();
    for row in rows {
        if let (Some(id), Some(remote)) = (row.parent_id, row.parent_remote_id) {
            *parents.entry((id, remote)).or_default() += 1;
        }
    }
    let (stem, part) = match resource {
        Resource::ServerVariable => ("server", "variables"),
        Resource::Subuser => ("server", "subusers"),
        Resource::EggVariable => ("egg", "variables"),
        _ => {
            for ((_, node), deleted) in parents {
                messages.push(Outgoing::event(Event::new(
                    EventType::AllocationsChanged,
                    format!("{}/node/{node}", lease.panel_id),
                    now,
                    json!({ "panel_id": lease.panel_id, "node_remote_id": node,
                            "created": 0, "updated": 0, "deleted": deleted, "restored": 0 }),
                )));
            }
            return;
        }
    };
    let changed = BTreeSet::from([part.to_owned()]);
    for ((id, remote), _) in parents {
        let event = row_event(lease.panel_id, stem, "updated", id, remote, Some(&changed), now);
        messages.extend(event.map(Outgoing::event));
    }
}

fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
