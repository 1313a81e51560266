//! Panels: which ones are mirrored, and how long none of their APIs may be asked.

use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::seams::PanelApi;
use common::types::id::{PanelId, RunId};
use common::types::sync::Kind;
use diesel::OptionalExtension;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A panel.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct PanelRow {
    /// Our id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Unique name; `default` is the one from the configuration.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Base address.
    #[diesel(sql_type = Text)]
    pub url: String,
    /// Sealed application key; null: from the configuration.
    #[diesel(sql_type = Nullable<Text>)]
    pub application_key: Option<String>,
    /// Sealed client key; null: from the configuration.
    #[diesel(sql_type = Nullable<Text>)]
    pub client_key: Option<String>,
    /// Nobody asks the Application API before.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub application_blocked_until: Option<DateTime<Utc>>,
    /// Nobody asks the Client API before.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub client_blocked_until: Option<DateTime<Utc>>,
}

impl PanelRow {
    /// The typed id.
    #[must_use]
    pub fn panel_id(&self) -> PanelId {
        PanelId(self.id)
    }
}

/// A panel to add.
#[derive(Debug, Clone)]
pub struct NewPanel {
    /// Its id, which the sealed keys are bound to.
    pub id: PanelId,
    /// Unique name.
    pub name: String,
    /// Base address.
    pub url: String,
    /// Sealed.
    pub application_key: Option<String>,
    /// Sealed.
    pub client_key: Option<String>,
}

/// Where a server stands on its panel.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ServerAddress {
    /// The panel.
    #[diesel(sql_type = SqlUuid)]
    pub panel_id: Uuid,
    /// The panel's uuid of the server.
    #[diesel(sql_type = SqlUuid)]
    pub uuid: Uuid,
}

const COLUMNS: &str =
    "id, name, url, application_key, client_key, application_blocked_until, client_blocked_until";

#[derive(QueryableByName)]
struct KindRow {
    #[diesel(sql_type = Text)]
    kind: String,
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

impl Store {
    /// All panels, by name.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn panels(&self) -> Result<Vec<PanelRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(
            sql_query(format!("SELECT {COLUMNS} FROM panels ORDER BY name"))
                .load(&mut conn)
                .await?,
        )
    }

    /// A panel by its name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn panel_by_name(&self, name: &str) -> Result<PanelRow, StoreError> {
        let mut conn = self.conn().await?;
        sql_query(format!("SELECT {COLUMNS} FROM panels WHERE name = $1"))
            .bind::<Text, _>(name)
            .get_result(&mut conn)
            .await
            .optional()?
            .ok_or(StoreError::NotFound("panel"))
    }

    /// A panel by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn panel(&self, id: PanelId) -> Result<PanelRow, StoreError> {
        let mut conn = self.conn().await?;
        sql_query(format!("SELECT {COLUMNS} FROM panels WHERE id = $1"))
            .bind::<SqlUuid, _>(id.0)
            .get_result(&mut conn)
            .await
            .optional()?
            .ok_or(StoreError::NotFound("panel"))
    }

    /// Adds a panel, or changes the address and keys of the one of that name.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn panel_save(&self, panel: &NewPanel) -> Result<PanelRow, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "INSERT INTO panels (id, name, url, application_key, client_key) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET url = excluded.url, application_key = excluded.application_key, \
               client_key = excluded.client_key, updated_at = now() \
             RETURNING {COLUMNS}"
        ))
        .bind::<SqlUuid, _>(panel.id.0)
        .bind::<Text, _>(&panel.name)
        .bind::<Text, _>(&panel.url)
        .bind::<Nullable<Text>, _>(&panel.application_key)
        .bind::<Nullable<Text>, _>(&panel.client_key)
        .get_result(&mut conn)
        .await?)
    }

    /// Makes sure that the configured panel exists under the name `default`
    /// with this address, and answers it. Writes only what differs.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn panel_default(&self, url: &str) -> Result<PanelRow, StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "INSERT INTO panels AS p (id, name, url) VALUES ($1, 'default', $2) \
             ON CONFLICT (name) DO UPDATE SET url = excluded.url, updated_at = now() \
             WHERE p.url <> excluded.url",
        )
        .bind::<SqlUuid, _>(PanelId::new().0)
        .bind::<Text, _>(url)
        .execute(&mut conn)
        .await?;
        drop(conn);
        self.panel_by_name("default").await
    }

    /// Records until when nobody may ask an API of a panel (never shortens).
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn panel_block(
        &self,
        id: PanelId,
        api: PanelApi,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let column = match api {
            PanelApi::Application => "application_blocked_until",
            PanelApi::Client => "client_blocked_until",
        };
        let mut conn = self.conn().await?;
        sql_query(format!(
            "UPDATE panels SET {column} = GREATEST({column}, $2) WHERE id = $1"
        ))
        .bind::<SqlUuid, _>(id.0)
        .bind::<Timestamptz, _>(until)
        .execute(&mut conn)
        .await?;
        Ok(())
    }

    /// Kinds that have been listed completely at least once.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn panel_listed_kinds(&self, id: PanelId) -> Result<BTreeSet<Kind>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<KindRow> = sql_query("SELECT kind FROM panel_kinds WHERE panel_id = $1")
            .bind::<SqlUuid, _>(id.0)
            .load(&mut conn)
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| row.kind.parse().ok())
            .collect())
    }

    /// Where the live server of our id stands. `id` may also be the panel's
    /// uuid of the server.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn server_address(&self, id: Uuid) -> Result<ServerAddress, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<ServerAddress> = sql_query(
            "SELECT panel_id, uuid FROM servers WHERE (id = $1 OR uuid = $1) AND removed_at IS NULL \
             ORDER BY (id = $1) DESC LIMIT 1",
        )
        .bind::<SqlUuid, _>(id)
        .load(&mut conn)
        .await?;
        rows.into_iter()
            .next()
            .ok_or(StoreError::NotFound("server"))
    }

    /// Our id of a live server, which `id` may be itself, or the panel's uuid of it. With
    /// an owner, only of a server of that user's, as the panel and the links of accounts
    /// have it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn server_id(&self, id: Uuid, owner: Option<&str>) -> Result<Uuid, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<Known> = sql_query(
            "SELECT s.id FROM servers s WHERE (s.id = $1 OR s.uuid = $1) AND s.removed_at IS NULL \
               AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM user_links l \
                 JOIN panel_users p ON p.id = l.panel_user_id AND p.removed_at IS NULL \
                 WHERE l.user_id = $2 AND p.id = s.owner_id)) \
             ORDER BY (s.id = $1) DESC LIMIT 1",
        )
        .bind::<SqlUuid, _>(id)
        .bind::<Nullable<Text>, _>(owner)
        .load(&mut conn)
        .await?;
        let row = rows.into_iter().next();
        Ok(row.ok_or(StoreError::NotFound("server"))?.id)
    }

    /// Our id of a live node, which `id` may be itself, or the panel's uuid of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn node_id(&self, id: Uuid) -> Result<Uuid, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<Known> = sql_query(
            "SELECT id FROM nodes WHERE (id = $1 OR uuid = $1) AND removed_at IS NULL \
             ORDER BY (id = $1) DESC LIMIT 1",
        )
        .bind::<SqlUuid, _>(id)
        .load(&mut conn)
        .await?;
        let row = rows.into_iter().next();
        Ok(row.ok_or(StoreError::NotFound("node"))?.id)
    }

    /// The panel's ids of the nodes that the mirror knows.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn known_nodes(&self, panel: PanelId) -> Result<BTreeSet<i64>, StoreError> {
        #[derive(QueryableByName)]
        struct KnownNode {
            #[diesel(sql_type = BigInt)]
            remote_id: i64,
        }
        let mut conn = self.conn().await?;
        let rows: Vec<KnownNode> = sql_query(
            "SELECT remote_id FROM nodes \
             WHERE panel_id = $1 AND removed_at IS NULL AND remote_id IS NOT NULL",
        )
        .bind::<SqlUuid, _>(panel.0)
        .load(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| row.remote_id).collect())
    }

    /// The uuids that the mirror knows under given panel ids, for telling
    /// whether another panel stands behind the address. Rows that the run
    /// `confirmed` held are left out: somebody knows that they are others now.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn known_uuids(
        &self,
        panel: PanelId,
        kind: Kind,
        remote_ids: &[i64],
        confirmed: Option<RunId>,
    ) -> Result<Vec<(i64, Uuid)>, StoreError> {
        #[derive(QueryableByName)]
        struct Known {
            #[diesel(sql_type = BigInt)]
            remote_id: i64,
            #[diesel(sql_type = SqlUuid)]
            uuid: Uuid,
        }
        let Some(table) = table_with_uuids(kind) else {
            return Ok(Vec::new());
        };
        let mut conn = self.conn().await?;
        let rows: Vec<Known> =
            sql_query(format!("{} AND m.remote_id = ANY($3)", known_rows(table)))
                .bind::<SqlUuid, _>(panel.0)
                .bind::<Nullable<SqlUuid>, _>(confirmed.map(|run| run.0))
                .bind::<diesel::sql_types::Array<BigInt>, _>(remote_ids)
                .load(&mut conn)
                .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.remote_id, row.uuid))
            .collect())
    }

    /// Whether [`Store::known_uuids`] knows any row of these kinds.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn knows_uuids(
        &self,
        panel: PanelId,
        kinds: &[Kind],
        confirmed: Option<RunId>,
    ) -> Result<bool, StoreError> {
        #[derive(QueryableByName)]
        struct Known {
            #[diesel(sql_type = Bool)]
            known: bool,
        }
        let mut conn = self.conn().await?;
        for table in kinds.iter().copied().filter_map(table_with_uuids) {
            let any: Known = sql_query(format!("SELECT EXISTS ({}) AS known", known_rows(table)))
                .bind::<SqlUuid, _>(panel.0)
                .bind::<Nullable<SqlUuid>, _>(confirmed.map(|run| run.0))
                .get_result(&mut conn)
                .await?;
            if any.known {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn table_with_uuids(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Nodes => Some("nodes"),
        Kind::Nests => Some("nests"),
        Kind::Servers => Some("servers"),
        Kind::Users => Some("panel_users"),
        Kind::Locations | Kind::Allocations | Kind::Databases => None,
    }
}

/// Live rows of panel $1, but for those whose removal the run that confirms $2 confirms.
fn known_rows(table: &str) -> String {
    format!(
        "SELECT m.remote_id, m.uuid FROM {table} m WHERE m.panel_id = $1 AND m.removed_at IS NULL \
           AND NOT EXISTS (SELECT 1 FROM sync_held h \
             WHERE h.run_id = $2 AND h.resource = '{table}' AND h.row_id = m.id)"
    )
}
