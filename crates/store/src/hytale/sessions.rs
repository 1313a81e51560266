//! Game sessions: asked for, active, ended.

use super::audit::{self, NewAuditLine};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::caller::{Origin, Principal};
use common::types::hytale::{HytaleAccount, HytaleAuditEvent, HytaleEnvironment};
use common::types::id::SessionId;
use diesel::OptionalExtension;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

/// A session that is asked for.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Our id; its tokens are sealed for it.
    pub id: SessionId,
    /// Whose.
    pub account: HytaleAccount,
    /// For which profile.
    pub profile: Uuid,
    /// For which of our servers.
    pub server: Option<Uuid>,
    /// Who asks; the idempotency key is theirs.
    pub principal: Principal,
    /// Asking again with the same key means the same session.
    pub idempotency_key: Option<String>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct SessionRow {
    /// Our id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// `production` or `staging`.
    #[diesel(sql_type = Text)]
    pub environment: String,
    /// Whose.
    #[diesel(sql_type = SqlUuid)]
    pub account_id: Uuid,
    /// For which profile.
    #[diesel(sql_type = SqlUuid)]
    pub profile_id: Uuid,
    /// For which of our servers.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub server_id: Option<Uuid>,
    /// `created`, `active`, `terminated`, `failed` or `lapsed`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Whether Hytale may hold it although no answer came.
    #[diesel(sql_type = Bool)]
    pub lost: bool,
    /// Sealed.
    #[diesel(sql_type = Nullable<Text>)]
    pub session_token: Option<String>,
    /// Sealed.
    #[diesel(sql_type = Nullable<Text>)]
    pub identity_token: Option<String>,
    /// Number of the pair of tokens.
    #[diesel(sql_type = BigInt)]
    pub generation: i64,
    /// When the pair ends.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

impl SessionRow {
    /// The typed id.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        SessionId(self.id)
    }
}

/// What asking for a session found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionClaim {
    /// The intent is committed; ask Hytale now.
    New,
    /// The same was asked for before.
    Repeated(SessionRow),
}

/// A pair of tokens, sealed for the session's row.
#[derive(Debug, Clone)]
pub struct SessionTokens {
    /// Sealed.
    pub session_token: String,
    /// Sealed.
    pub identity_token: String,
    /// When the pair ends.
    pub expires_at: DateTime<Utc>,
}

pub(super) const COLUMNS: &str = "id, environment, account_id, profile_id, server_id, state, lost, \
    session_token, identity_token, generation, expires_at, created_at";

impl Store {
    /// The session that `principal` asked for with this key, if it is asked for or
    /// active at `now`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_session_of_key(
        &self,
        account: HytaleAccount,
        principal: &Principal,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<SessionRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM hytale_sessions \
             WHERE environment = $1 AND account_id = $2 AND principal = $3 AND idempotency_key = $4 \
               AND (state = 'created' OR (state = 'active' AND expires_at > $5))"
        ))
        .bind::<Text, _>(account.environment.as_str())
        .bind::<SqlUuid, _>(account.id)
        .bind::<Text, _>(principal.to_string())
        .bind::<Text, _>(key)
        .bind::<Timestamptz, _>(now)
        .get_result(&mut conn)
        .await
        .optional()?)
    }

    /// Commits the intent to begin a session. The key of one that has ended, or run
    /// out at `now`, is free.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked, or account or server do not exist.
    pub async fn hytale_session_begin(
        &self,
        new: &NewSession,
        now: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<SessionClaim, StoreError> {
        let mut conn = self.conn().await?;
        if let Some(key) = &new.idempotency_key {
            sql_query(
                "UPDATE hytale_sessions SET idempotency_key = NULL \
                 WHERE environment = $1 AND account_id = $2 AND principal = $3 AND idempotency_key = $4 \
                   AND NOT (state = 'created' OR (state = 'active' AND expires_at > $5))",
            )
            .bind::<Text, _>(new.account.environment.as_str())
            .bind::<SqlUuid, _>(new.account.id)
            .bind::<Text, _>(new.principal.to_string())
            .bind::<Text, _>(key)
            .bind::<Timestamptz, _>(now)
            .execute(&mut conn)
            .await?;
        }
        let inserted = sql_query(
            "INSERT INTO hytale_sessions (id, environment, account_id, profile_id, server_id, state, \
               principal, idempotency_key, ip, user_agent) \
             VALUES ($1, $2, $3, $4, $5, 'created', $6, $7, $8, $9) \
             ON CONFLICT (environment, account_id, principal, idempotency_key) \
               WHERE idempotency_key IS NOT NULL DO NOTHING",
        )
        .bind::<SqlUuid, _>(new.id.0)
        .bind::<Text, _>(new.account.environment.as_str())
        .bind::<SqlUuid, _>(new.account.id)
        .bind::<SqlUuid, _>(new.profile)
        .bind::<Nullable<SqlUuid>, _>(new.server)
        .bind::<Text, _>(new.principal.to_string())
        .bind::<Nullable<Text>, _>(new.idempotency_key.as_deref())
        .bind::<Nullable<Text>, _>(origin.ip.map(|ip| ip.to_string()))
        .bind::<Nullable<Text>, _>(origin.user_agent.as_deref())
        .execute(&mut conn)
        .await?;
        if inserted == 1 {
            return Ok(SessionClaim::New);
        }
        sql_query(format!(
            "SELECT {COLUMNS} FROM hytale_sessions \
             WHERE environment = $1 AND account_id = $2 AND principal = $3 AND idempotency_key = $4"
        ))
        .bind::<Text, _>(new.account.environment.as_str())
        .bind::<SqlUuid, _>(new.account.id)
        .bind::<Text, _>(new.principal.to_string())
        .bind::<Nullable<Text>, _>(new.idempotency_key.as_deref())
        .get_result(&mut conn)
        .await
        .optional()?
        .map(SessionClaim::Repeated)
        .ok_or(StoreError::NotFound("session"))
    }

    /// Stores the tokens of a session that Hytale made, with the trail's line; also of
    /// one whose answer was given up as lost and comes late; once, however often it is
    /// asked. `false`: the session does not wait for them (any more).
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; ask again.
    pub async fn hytale_session_active(
        &self,
        session: SessionId,
        tokens: &SessionTokens,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let (tokens, origin) = (tokens.clone(), origin.clone());
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let rows: Vec<SessionRow> = sql_query(format!(
                "UPDATE hytale_sessions SET state = 'active', session_token = $2, identity_token = $3, \
                   expires_at = $4, generation = generation + 1, refreshed_at = now(), \
                   lost = false, ended_at = NULL \
                 WHERE id = $1 AND (state = 'created' OR (state = 'failed' AND lost)) RETURNING {COLUMNS}"
            ))
            .bind::<SqlUuid, _>(session.0)
            .bind::<Text, _>(&tokens.session_token)
            .bind::<Text, _>(&tokens.identity_token)
            .bind::<Timestamptz, _>(tokens.expires_at)
            .load(conn)
            .await?;
            let event = HytaleAuditEvent::SessionCreated;
            record_pair(conn, event, session, &rows, &tokens, &origin).await
        })
        .await
    }

    /// Ends a session that was asked for and not given, with the trail's line. Its
    /// idempotency key may be used anew. `lost`: Hytale may have made it.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_session_failed(
        &self,
        session: SessionId,
        reason: &str,
        lost: bool,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let (reason, origin) = (reason.to_owned(), origin.clone());
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let rows: Vec<SessionRow> = sql_query(format!(
                "UPDATE hytale_sessions SET state = 'failed', lost = $2, ended_at = now(), \
                   idempotency_key = NULL \
                 WHERE id = $1 AND state = 'created' RETURNING {COLUMNS}"
            ))
            .bind::<SqlUuid, _>(session.0)
            .bind::<Bool, _>(lost)
            .load(conn)
            .await?;
            let details = json!({ "outcome": "failed", "reason": reason, "lost": lost });
            let event = HytaleAuditEvent::SessionCreated;
            record(conn, event, &rows, &details, &origin).await?;
            Ok(())
        })
        .await
    }

    /// A session of an account.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the account has no such session.
    pub async fn hytale_session(
        &self,
        account: HytaleAccount,
        session: SessionId,
    ) -> Result<SessionRow, StoreError> {
        let mut conn = self.conn().await?;
        sql_query(format!(
            "SELECT {COLUMNS} FROM hytale_sessions WHERE id = $1 AND environment = $2 AND account_id = $3"
        ))
        .bind::<SqlUuid, _>(session.0)
        .bind::<Text, _>(account.environment.as_str())
        .bind::<SqlUuid, _>(account.id)
        .get_result(&mut conn)
        .await
        .optional()?
        .ok_or(StoreError::NotFound("session"))
    }

    /// Active sessions of an account, newest first; of one profile and one server
    /// where they are named.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_sessions_active(
        &self,
        account: HytaleAccount,
        profile: Option<Uuid>,
        server: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM hytale_sessions WHERE environment = $1 AND account_id = $2 \
               AND state = 'active' AND expires_at > $5 \
               AND ($3::uuid IS NULL OR profile_id = $3) AND ($4::uuid IS NULL OR server_id = $4) \
             ORDER BY created_at DESC, id DESC"
        ))
        .bind::<Text, _>(account.environment.as_str())
        .bind::<SqlUuid, _>(account.id)
        .bind::<Nullable<SqlUuid>, _>(profile)
        .bind::<Nullable<SqlUuid>, _>(server)
        .bind::<Timestamptz, _>(now)
        .load(&mut conn)
        .await?)
    }
}

/// Appends the line of a session that was changed to hold this pair, and answers
/// whether it holds it. One that did not change may hold it already: the answer to
/// storing it was lost.
pub(super) async fn record_pair(
    conn: &mut Connection,
    event: HytaleAuditEvent,
    session: SessionId,
    changed: &[SessionRow],
    tokens: &SessionTokens,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let details = json!({ "outcome": "active", "expires_at": tokens.expires_at });
    if record(conn, event, changed, &details, origin).await? > 0 {
        return Ok(true);
    }
    let same = sql_query(
        "SELECT 1 FROM hytale_sessions WHERE id = $1 AND state = 'active' AND session_token = $2",
    )
    .bind::<SqlUuid, _>(session.0)
    .bind::<Text, _>(&tokens.session_token)
    .execute(conn)
    .await?;
    Ok(same == 1)
}

/// Appends a line for each changed session; answers how many there are.
pub(super) async fn record(
    conn: &mut Connection,
    event: HytaleAuditEvent,
    changed: &[SessionRow],
    details: &Value,
    origin: &Origin,
) -> Result<usize, StoreError> {
    for row in changed {
        let environment: HytaleEnvironment = row
            .environment
            .parse()
            .map_err(|unknown| StoreError::Corrupt(format!("{unknown}")))?;
        let account = HytaleAccount {
            environment,
            id: row.account_id,
        };
        let line = NewAuditLine {
            profile: Some(row.profile_id),
            session: Some(row.session_id()),
            ..NewAuditLine::of_account(event, account)
        };
        audit::append(conn, &line.with(details.clone()), origin).await?;
    }
    Ok(changed.len())
}
