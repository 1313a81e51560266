//! Clients of the gateway and their keys. Of a key only its hash is stored.

use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::crypto::api_key::KeyHash;
use common::types::admin::AdminEvent;
use common::types::caller::{Actor, Principal};
use common::types::scope::Scopes;
use common::types::server_limits::ServerLimits;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use diesel::sql_types::{Double, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Valid keys that a client may have at once: the old and the new one, while it
/// changes over.
pub const KEYS_AT_ONCE: i64 = 2;

/// A key to store.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Name of the client, which is made if there is none.
    pub client: String,
    /// How the key begins; no secret.
    pub prefix: String,
    /// SHA-256 of the key.
    pub hash: KeyHash,
    /// What it may be used for; at least one.
    pub scopes: Scopes,
    /// Which servers it may write logs for.
    pub servers: ServerLimits,
    /// How long it is valid; without it, until it is revoked.
    pub lifetime: Option<Duration>,
}

/// A key with its client.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ApiKeyRow {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The client's id.
    #[diesel(sql_type = SqlUuid)]
    pub client_id: Uuid,
    /// The client's name.
    #[diesel(sql_type = Text)]
    pub client: String,
    /// How it begins.
    #[diesel(sql_type = Text)]
    pub prefix: String,
    /// What it may be used for.
    #[diesel(sql_type = Array<Text>)]
    pub scopes: Vec<String>,
    /// Which servers it may write logs for.
    #[diesel(embed)]
    pub servers: StoredLimits,
    /// `valid`, `expired` or `revoked`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub revoked_at: Option<DateTime<Utc>>,
}

/// [`ServerLimits`] as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct StoredLimits {
    #[diesel(sql_type = Bool)]
    all_servers: bool,
    #[diesel(sql_type = Array<SqlUuid>)]
    server_ids: Vec<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    node_ids: Vec<Uuid>,
}

impl From<StoredLimits> for ServerLimits {
    fn from(stored: StoredLimits) -> Self {
        if stored.all_servers {
            return Self::All;
        }
        Self::Named {
            servers: stored.server_ids,
            nodes: stored.node_ids,
        }
    }
}

/// What became of a wish for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeyOutcome {
    /// It is stored.
    Created(Box<ApiKeyRow>),
    /// The client has [`KEYS_AT_ONCE`] valid keys already.
    TooMany,
}

/// A key that is valid now, as whoever checks it needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidApiKey {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub client: Uuid,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Which servers it may write logs for.
    pub servers: Arc<ServerLimits>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether its last use is to be noted: the last note is a minute old.
    pub use_unnoted: bool,
}

const SELECT: &str = "SELECT k.id, k.client_id, c.name AS client, k.prefix, k.scopes, k.created_at, \
      k.all_servers, k.server_ids, k.node_ids, k.expires_at, k.last_used_at, k.revoked_at, \
      CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked' \
           WHEN k.expires_at <= now() THEN 'expired' ELSE 'valid' END AS state \
    FROM api_keys k JOIN api_clients c ON c.id = k.client_id";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Valid {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    client_id: Uuid,
    #[diesel(sql_type = Array<Text>)]
    scopes: Vec<String>,
    #[diesel(embed)]
    servers: StoredLimits,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    use_unnoted: bool,
}

impl Store {
    /// Stores a key, and its client if that is new, and says so in the trail.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn api_key_create(
        &self,
        new: &NewApiKey,
        actor: &Actor,
    ) -> Result<ApiKeyOutcome, StoreError> {
        let (new, actor) = (new.clone(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
                let client = client(conn, &new.client, &actor).await?;
                let valid: Count = sql_query(
                    "SELECT count(*) AS count FROM api_keys WHERE client_id = $1 \
                 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
                )
                .bind::<SqlUuid, _>(client)
                .get_result(conn)
                .await?;
                if valid.count >= KEYS_AT_ONCE {
                    return Ok(ApiKeyOutcome::TooMany);
                }
                let id = Uuid::now_v7();
                sql_query(
                    "INSERT INTO api_keys (id, client_id, prefix, hash, scopes, expires_at, \
                   all_servers, server_ids, node_ids) \
                 VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6), $7, $8, $9)",
                )
                .bind::<SqlUuid, _>(id)
                .bind::<SqlUuid, _>(client)
                .bind::<Text, _>(&new.prefix)
                .bind::<Binary, _>(new.hash.as_slice())
                .bind::<Array<Text>, _>(new.scopes.words())
                .bind::<Nullable<Double>, _>(new.lifetime.map(|it| it.as_secs_f64()))
                .bind::<Bool, _>(new.servers == ServerLimits::All)
                .bind::<Array<SqlUuid>, _>(new.servers.servers())
                .bind::<Array<SqlUuid>, _>(new.servers.nodes())
                .execute(conn)
                .await?;
                let row: ApiKeyRow = sql_query(format!("{SELECT} WHERE k.id = $1"))
                    .bind::<SqlUuid, _>(id)
                    .get_result(conn)
                    .await?;
                let line = line(AdminEvent::ApiKeyCreated, &row);
                admin_audit::append(conn, &line, &actor).await?;
                Ok(ApiKeyOutcome::Created(Box::new(row)))
            }
            .boxed()
        })
        .await
    }

    /// All keys, those that are no longer valid included; by client, newest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(
            sql_query(format!("{SELECT} ORDER BY c.name, k.created_at DESC, k.id"))
                .load(&mut conn)
                .await?,
        )
    }

    /// Revokes the key of this prefix or id, and says so in the trail. Revoking one
    /// again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn api_key_revoke(&self, key: &str, actor: &Actor) -> Result<ApiKeyRow, StoreError> {
        let (key, actor) = (key.to_owned(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
                let revoked: Vec<Id> = sql_query(
                    "UPDATE api_keys SET revoked_at = now() \
                 WHERE (prefix = $1 OR id::text = lower($1)) AND revoked_at IS NULL RETURNING id",
                )
                .bind::<Text, _>(&key)
                .load(conn)
                .await?;
                let rows: Vec<ApiKeyRow> = sql_query(format!(
                    "{SELECT} WHERE k.prefix = $1 OR k.id::text = lower($1)"
                ))
                .bind::<Text, _>(&key)
                .load(conn)
                .await?;
                let row = rows.into_iter().next();
                let row = row.ok_or(StoreError::NotFound("API key"))?;
                if !revoked.is_empty() {
                    let line = line(AdminEvent::ApiKeyRevoked, &row);
                    admin_audit::append(conn, &line, &actor).await?;
                }
                Ok(row)
            }
            .boxed()
        })
        .await
    }

    /// The key of this hash, if it is neither expired nor revoked.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn api_key_valid(&self, hash: &KeyHash) -> Result<Option<ValidApiKey>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<Valid> = sql_query(
            "SELECT id, client_id, scopes, expires_at, all_servers, server_ids, node_ids, \
               coalesce(last_used_at < now() - interval '1 minute', true) AS use_unnoted \
             FROM api_keys WHERE hash = $1 \
               AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
        )
        .bind::<Binary, _>(hash.as_slice())
        .load(&mut conn)
        .await?;
        Ok(rows.into_iter().next().map(|row| ValidApiKey {
            id: row.id,
            client: row.client_id,
            scopes: Scopes::of_words(&row.scopes),
            servers: Arc::new(row.servers.into()),
            expires_at: row.expires_at,
            use_unnoted: row.use_unnoted,
        }))
    }

    /// Notes that a key is used, unless that was noted within the last minute.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn api_key_used(&self, key: Uuid) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "UPDATE api_keys SET last_used_at = now() WHERE id = $1 \
             AND coalesce(last_used_at < now() - interval '1 minute', true)",
        )
        .bind::<SqlUuid, _>(key)
        .execute(&mut conn)
        .await?;
        Ok(())
    }
}

/// The client of this name, locked, so that its keys are counted by one at a time.
async fn client(conn: &mut Connection, name: &str, actor: &Actor) -> Result<Uuid, StoreError> {
    let made: Vec<Id> = sql_query(
        "INSERT INTO api_clients (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING id",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Text, _>(name)
    .load(conn)
    .await?;
    if let Some(Id { id }) = made.into_iter().next() {
        let line = NewAdminLine {
            event: AdminEvent::ApiClientCreated,
            subject: Some(Principal::Client(id)),
            details: json!({ "name": name }),
        };
        admin_audit::append(conn, &line, actor).await?;
        return Ok(id);
    }
    let known: Id = sql_query("SELECT id FROM api_clients WHERE name = $1 FOR UPDATE")
        .bind::<Text, _>(name)
        .get_result(conn)
        .await?;
    Ok(known.id)
}

fn line(event: AdminEvent, row: &ApiKeyRow) -> NewAdminLine {
    NewAdminLine {
        event,
        subject: Some(Principal::Client(row.client_id)),
        details: json!({
            "key_id": row.id,
            "prefix": row.prefix,
            "client": row.client,
            "scopes": row.scopes,
            "expires_at": row.expires_at,
            "all_servers": row.servers.all_servers,
            "servers": row.servers.server_ids,
            "nodes": row.servers.node_ids,
        }),
    }
}
