//! What the run has seen, and what it has not.

use super::resource::{Candidate, RemovalScope, Resource, ResourceCounts, candidate_columns};
use crate::error::StoreError;
use crate::pool::Store;
use common::types::id::{PanelId, RunId};
use common::types::sync::Kind;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Double, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

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

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = BigInt)]
    live: i64,
    #[diesel(sql_type = BigInt)]
    recent: i64,
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
               AND (m.remote_id IN (SELECT unnest(s.remote_ids) FROM sync_seen s \
                 WHERE s.run_id = $2 AND s.kind = $3 AND s.scope = $4)) IS NOT TRUE \
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

    /// Live rows under whose id the panel shows another uuid; not those that have been given
    /// another place since.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn replaced(
        &self,
        run: RunId,
        resource: Resource,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT c.* FROM sync_replaced n JOIN LATERAL (SELECT {columns} FROM {table} m \
               WHERE m.id = n.row_id AND m.removed_at IS NULL) c ON c.remote_id = n.remote_id \
             WHERE n.run_id = $1 AND n.resource = $2 ORDER BY c.id",
            columns = candidate_columns(resource),
            table = resource.table(),
        ))
        .bind::<SqlUuid, _>(run.0)
        .bind::<Text, _>(resource.table())
        .load(&mut conn)
        .await?)
    }

    /// Live databases (allocations) of servers (nodes) that the pages of `listing`
    /// did not show and that do not go with them: the parent was never mirrored,
    /// or this run does not mirror servers.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn left_behind(
        &self,
        run: RunId,
        panel: PanelId,
        resource: Resource,
        listing: Kind,
    ) -> Result<Vec<Candidate>, StoreError> {
        let parent = match resource {
            Resource::Allocation => "node",
            _ => "server",
        };
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {columns} FROM {table} m WHERE m.panel_id = $1 AND m.removed_at IS NULL \
               AND ($4 OR m.{parent}_id IS NULL) \
               AND (m.{parent}_remote_id IN (SELECT unnest(s.remote_ids) FROM sync_seen s \
                 WHERE s.run_id = $2 AND s.kind = $3)) IS NOT TRUE \
             ORDER BY m.{parent}_remote_id, m.id",
            columns = candidate_columns(resource),
            table = resource.table(),
        ))
        .bind::<SqlUuid, _>(panel.0)
        .bind::<SqlUuid, _>(run.0)
        .bind::<Text, _>(listing.as_str())
        .bind::<Bool, _>(listing == Kind::Databases)
        .load(&mut conn)
        .await?)
    }

    /// Rows that gave their place up in this run, be it for another place, where nothing
    /// stands in it yet; `remote_id` is the place.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn vacated(
        &self,
        run: RunId,
        resource: Resource,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT c.id, n.remote_id, c.scope, c.ip, c.port FROM sync_replaced n \
             JOIN LATERAL (SELECT {columns}, m.panel_id, m.removed_at FROM {table} m WHERE m.id = n.row_id) c ON true \
             WHERE n.run_id = $1 AND n.resource = $2 \
               AND (c.removed_at IS NOT NULL OR c.remote_id <> n.remote_id) \
               AND NOT EXISTS (SELECT 1 FROM {table} o WHERE o.panel_id = c.panel_id \
                 AND o.remote_id = n.remote_id AND o.removed_at IS NULL) ORDER BY n.remote_id",
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
    pub async fn seen(
        &self,
        run: RunId,
        kind: Kind,
        scope: i64,
    ) -> Result<BTreeSet<i64>, StoreError> {
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
        Ok(ResourceCounts {
            live: to_u64(counts.live),
            recent: to_u64(counts.recent),
        })
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
            found.insert(
                *child,
                rows.into_iter().map(|row| (row.id, row.parent)).collect(),
            );
        }
        Ok(found)
    }
}

fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
