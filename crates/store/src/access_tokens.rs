//! Tokens that stand for users, the keys that sign them, and the epoch of all
//! credentials.

use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::admin::AdminEvent;
use common::types::caller::{Actor, Principal};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::Uuid as SqlUuid;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Double, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// A token that is being made.
#[derive(Debug, Clone)]
pub struct NewAccessToken {
    /// `jti`.
    pub id: Uuid,
    /// The user's id.
    pub user: String,
    /// `iat`.
    pub issued_at: DateTime<Utc>,
    /// `exp`.
    pub expires_at: DateTime<Utc>,
}

/// A token that was made. The token itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct AccessTokenRow {
    /// `jti`.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The user's id.
    #[diesel(sql_type = Text)]
    pub user_id: String,
    /// `iat`.
    #[diesel(sql_type = Timestamptz)]
    pub issued_at: DateTime<Utc>,
    /// `exp`.
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
    /// When it was revoked.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub revoked_at: Option<DateTime<Utc>>,
}

/// How a user and a token stand, as whoever checks the token needs it.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct TokenStanding {
    /// The user's roles.
    #[diesel(sql_type = Array<Text>)]
    pub roles: Vec<String>,
    /// Whether the user may use the installation.
    #[diesel(sql_type = Bool)]
    pub is_active: bool,
    /// Tokens made before, or in the same second, are refused.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub tokens_valid_from: Option<DateTime<Utc>>,
    /// Whether we made the token and it was not revoked.
    #[diesel(sql_type = Bool)]
    pub token_counts: bool,
}

/// A key that signs, or signed, tokens.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct SigningKeyRow {
    /// Its id, `kid`.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// The point, compressed; 32 bytes.
    #[diesel(sql_type = Binary)]
    pub public: Vec<u8>,
    /// An envelope.
    #[diesel(sql_type = Text)]
    pub secret: String,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// Since when it signs nothing.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub retired_at: Option<DateTime<Utc>>,
    /// Until when it verifies, if it is retired.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub published_until: Option<DateTime<Utc>>,
}

/// A key to store.
#[derive(Debug, Clone)]
pub struct NewSigningKey {
    /// Its id.
    pub id: String,
    /// The point, compressed.
    pub public: [u8; 32],
    /// An envelope.
    pub secret: String,
    /// The key that it takes the place of; `None`: there is none.
    pub replaces: Option<String>,
    /// How long that key still verifies: the longest life of a token.
    pub overlap: Duration,
}

#[derive(QueryableByName)]
struct Epoch {
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

#[derive(QueryableByName)]
struct KeyId {
    #[diesel(sql_type = Text)]
    id: String,
}

const COLUMNS: &str = "id, user_id, issued_at, expires_at, revoked_at";

impl Store {
    /// Stores that a token is made, before it is handed out, and says so in the trail.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn access_token_create(
        &self,
        new: &NewAccessToken,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let (new, actor) = (new.clone(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
            sql_query(
                "INSERT INTO access_tokens (id, user_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)",
            )
            .bind::<SqlUuid, _>(new.id)
            .bind::<Text, _>(&new.user)
            .bind::<Timestamptz, _>(new.issued_at)
            .bind::<Timestamptz, _>(new.expires_at)
            .execute(conn)
            .await?;
            let line = NewAdminLine {
                event: AdminEvent::TokenMinted,
                subject: Some(Principal::User(new.user)),
                details: json!({ "token_id": new.id, "expires_at": new.expires_at }),
            };
            admin_audit::append(conn, &line, &actor).await
            }
            .boxed()
        })
        .await
    }

    /// A user's tokens that have not expired, newest first; everybody's without a user.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn access_tokens(
        &self,
        user: Option<&str>,
    ) -> Result<Vec<AccessTokenRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM access_tokens WHERE expires_at > now() \
               AND ($1::text IS NULL OR user_id = $1) ORDER BY issued_at DESC, id"
        ))
        .bind::<Nullable<Text>, _>(user)
        .load(&mut conn)
        .await?)
    }

    /// Revokes a token, and says so in the trail. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn access_token_revoke(
        &self,
        id: Uuid,
        actor: &Actor,
    ) -> Result<AccessTokenRow, StoreError> {
        let actor = actor.clone();
        admin_audit::change(self, |conn| {
            async move {
                let revoked = sql_query(
                "UPDATE access_tokens SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL",
            )
            .bind::<SqlUuid, _>(id)
            .execute(conn)
            .await?;
                let rows: Vec<AccessTokenRow> =
                    sql_query(format!("SELECT {COLUMNS} FROM access_tokens WHERE id = $1"))
                        .bind::<SqlUuid, _>(id)
                        .load(conn)
                        .await?;
                let row = rows.into_iter().next();
                let row = row.ok_or(StoreError::NotFound("token"))?;
                if revoked > 0 {
                    let line = NewAdminLine {
                        event: AdminEvent::TokenRevoked,
                        subject: Some(Principal::User(row.user_id.clone())),
                        details: json!({ "token_id": id }),
                    };
                    admin_audit::append(conn, &line, &actor).await?;
                }
                Ok(row)
            }
            .boxed()
        })
        .await
    }

    /// How a user and a token stand; `None` where there is no such user. A token without
    /// an id is none of ours and counts as far as it is known here.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn token_standing(
        &self,
        user: &str,
        token: Option<Uuid>,
    ) -> Result<Option<TokenStanding>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<TokenStanding> = sql_query(
            "SELECT u.roles, u.is_active, u.tokens_valid_from, \
               $2::uuid IS NULL OR EXISTS (SELECT 1 FROM access_tokens t WHERE t.id = $2 \
                 AND t.user_id = u.id AND t.revoked_at IS NULL) AS token_counts \
             FROM users u WHERE u.id = $1",
        )
        .bind::<Text, _>(user)
        .bind::<Nullable<SqlUuid>, _>(token)
        .load(&mut conn)
        .await?;
        Ok(rows.into_iter().next())
    }

    /// The keys whose tokens count: the one that signs first, then by age.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT id, public, secret, created_at, retired_at, published_until FROM signing_keys \
             WHERE published_until IS NULL OR published_until > now() \
             ORDER BY retired_at IS NOT NULL, created_at DESC, id",
        )
        .load(&mut conn)
        .await?)
    }

    /// Stores a key that signs from now on, retires the one before it, and says so in
    /// the trail. False where another than [`replaces`](NewSigningKey::replaces) signs now:
    /// somebody was faster.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn signing_key_create(
        &self,
        new: &NewSigningKey,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let (new, actor) = (new.clone(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
            let retired: Vec<KeyId> = sql_query(
                "UPDATE signing_keys SET retired_at = now(), \
                   published_until = now() + make_interval(secs => $2) \
                 WHERE id = $1 AND retired_at IS NULL RETURNING id",
            )
            .bind::<Nullable<Text>, _>(new.replaces.as_deref())
            .bind::<Double, _>(new.overlap.as_secs_f64())
            .load(conn)
            .await?;
            let added = sql_query(
                "INSERT INTO signing_keys (id, public, secret) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind::<Text, _>(&new.id)
            .bind::<Binary, _>(new.public.as_slice())
            .bind::<Text, _>(&new.secret)
            .execute(conn)
            .await?;
            if added == 0 {
                return Ok(false);
            }
            let line = NewAdminLine {
                event: AdminEvent::SigningKeyCreated,
                subject: None,
                details: json!({
                    "key_id": new.id,
                    "retired": retired.into_iter().next().map(|it| it.id),
                }),
            };
            admin_audit::append(conn, &line, &actor).await?;
            Ok(true)
            }
            .boxed()
        })
        .await
    }

    /// Drops a key: no token that it signed counts any longer. Says so in the trail.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn signing_key_drop(&self, id: &str, actor: &Actor) -> Result<(), StoreError> {
        let (id, actor) = (id.to_owned(), actor.clone());
        admin_audit::change(self, |conn| {
            async move {
                let dropped = sql_query("DELETE FROM signing_keys WHERE id = $1")
                    .bind::<Text, _>(&id)
                    .execute(conn)
                    .await?;
                if dropped == 0 {
                    return Err(StoreError::NotFound("signing key"));
                }
                let line = NewAdminLine {
                    event: AdminEvent::SigningKeyDropped,
                    subject: None,
                    details: json!({ "key_id": id }),
                };
                admin_audit::append(conn, &line, &actor).await
            }
            .boxed()
        })
        .await
    }

    /// A number that grows whenever something is taken from a user, a token or a key: what
    /// was found out about them holds while it stands still.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn credential_epoch(&self) -> Result<i64, StoreError> {
        let mut conn = self.conn().await?;
        let epoch: Epoch = sql_query("SELECT epoch FROM credential_epoch")
            .get_result(&mut conn)
            .await?;
        Ok(epoch.epoch)
    }
}
