//! The audit trail: appended in the transaction of the change that it records.

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::caller::{Origin, Principal};
use common::types::hytale::{HytaleAccount, HytaleAuditEvent, HytaleEnvironment};
use common::types::id::SessionId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

/// A line to append. `details` holds no secret.
#[derive(Debug, Clone)]
pub struct NewAuditLine {
    /// Where it happened.
    pub environment: HytaleEnvironment,
    /// What happened.
    pub event: HytaleAuditEvent,
    /// The account, where one is known.
    pub account: Option<Uuid>,
    /// The profile, where one is meant.
    pub profile: Option<Uuid>,
    /// The game session, where one is meant.
    pub session: Option<SessionId>,
    /// More, for people and filters.
    pub details: Value,
}

impl NewAuditLine {
    /// A line about an account as a whole.
    #[must_use]
    pub fn of_account(event: HytaleAuditEvent, account: HytaleAccount) -> Self {
        Self {
            environment: account.environment,
            event,
            account: Some(account.id),
            profile: None,
            session: None,
            details: json!({}),
        }
    }

    /// A line about no account: a login that never came to one, a stranger.
    #[must_use]
    pub fn of_no_account(environment: HytaleEnvironment, event: HytaleAuditEvent) -> Self {
        Self {
            environment,
            event,
            account: None,
            profile: None,
            session: None,
            details: json!({}),
        }
    }

    /// The same line with details.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

/// A line of the trail.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct AuditRow {
    /// Unique.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// When it happened.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// One of the eight types.
    #[diesel(sql_type = Text)]
    pub event_type: String,
    /// Hytale's id of the account.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub account_id: Option<Uuid>,
    /// Hytale's id of the profile.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub profile_id: Option<Uuid>,
    /// Our id of the session.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub session_id: Option<Uuid>,
    /// Who did it.
    #[diesel(sql_type = Nullable<Text>)]
    pub principal: Option<String>,
    /// From where.
    #[diesel(sql_type = Nullable<Text>)]
    pub ip: Option<String>,
    /// With what.
    #[diesel(sql_type = Nullable<Text>)]
    pub user_agent: Option<String>,
    /// In which request.
    #[diesel(sql_type = Nullable<Text>)]
    pub request_id: Option<String>,
    /// More.
    #[diesel(sql_type = Jsonb)]
    pub details: Value,
}

/// Which lines are wanted; newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only of this account.
    pub account: Option<Uuid>,
    /// Only of this type.
    pub event: Option<HytaleAuditEvent>,
    /// Only of this profile.
    pub profile: Option<Uuid>,
    /// Only of this game session.
    pub session: Option<SessionId>,
    /// Only what this principal did.
    pub principal: Option<Principal>,
    /// Only from this moment on.
    pub since: Option<DateTime<Utc>>,
    /// Only before this moment.
    pub until: Option<DateTime<Utc>>,
    /// Only older than this line (its time and id): the next page.
    pub before: Option<(DateTime<Utc>, Uuid)>,
    /// At most this many.
    pub limit: i64,
}

/// Appends a line in the caller's transaction.
pub(crate) async fn append(
    conn: &mut Connection,
    line: &NewAuditLine,
    origin: &Origin,
) -> Result<(), StoreError> {
    sql_query(
        "INSERT INTO hytale_audit (id, environment, event_type, account_id, profile_id, session_id, \
           principal, ip, user_agent, request_id, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Text, _>(line.environment.as_str())
    .bind::<Text, _>(line.event.as_str())
    .bind::<Nullable<SqlUuid>, _>(line.account)
    .bind::<Nullable<SqlUuid>, _>(line.profile)
    .bind::<Nullable<SqlUuid>, _>(line.session.map(|session| session.0))
    .bind::<Nullable<Text>, _>(origin.principal.as_ref().map(ToString::to_string))
    .bind::<Nullable<Text>, _>(origin.ip.map(|ip| ip.to_string()))
    .bind::<Nullable<Text>, _>(origin.user_agent.as_deref())
    .bind::<Nullable<Text>, _>(origin.request_id.as_deref())
    .bind::<Jsonb, _>(&line.details)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Appends lines, all or none, about what changed nothing else: refusals.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_audit_append(
        &self,
        lines: &[(NewAuditLine, Origin)],
    ) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            for (line, origin) in lines {
                append(conn, line, origin).await?;
            }
            Ok(())
        })
        .await
    }

    /// Lines of the trail, newest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_audit(
        &self,
        environment: HytaleEnvironment,
        filter: &AuditFilter,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let (before, before_id) = filter.before.unzip();
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT id, created_at, event_type, account_id, profile_id, session_id, principal, ip, \
               user_agent, request_id, details FROM hytale_audit \
             WHERE environment = $1 AND ($2::uuid IS NULL OR account_id = $2) \
               AND ($3::text IS NULL OR event_type = $3) \
               AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5)) \
               AND ($6::timestamptz IS NULL OR created_at >= $6) \
               AND ($8::timestamptz IS NULL OR created_at < $8) \
               AND ($9::uuid IS NULL OR profile_id = $9) \
               AND ($10::uuid IS NULL OR session_id = $10) \
               AND ($11::text IS NULL OR principal = $11) \
             ORDER BY created_at DESC, id DESC LIMIT $7",
        )
        .bind::<Text, _>(environment.as_str())
        .bind::<Nullable<SqlUuid>, _>(filter.account)
        .bind::<Nullable<Text>, _>(filter.event.map(HytaleAuditEvent::as_str))
        .bind::<Nullable<Timestamptz>, _>(before)
        .bind::<Nullable<SqlUuid>, _>(before_id)
        .bind::<Nullable<Timestamptz>, _>(filter.since)
        .bind::<BigInt, _>(filter.limit)
        .bind::<Nullable<Timestamptz>, _>(filter.until)
        .bind::<Nullable<SqlUuid>, _>(filter.profile)
        .bind::<Nullable<SqlUuid>, _>(filter.session.map(|session| session.0))
        .bind::<Nullable<Text>, _>(filter.principal.as_ref().map(ToString::to_string))
        .load(&mut conn)
        .await?)
    }
}
