//! Game sessions that nobody ends: those that ran out, those whose answer never came,
//! and those that nobody needs any more.

use super::sessions::{COLUMNS, SessionRow, record};
use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::caller::Origin;
use common::types::hytale::{HytaleAuditEvent, HytaleEnvironment};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Double, Text, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use std::time::Duration;

/// An active session that its server does not need.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct SurplusSession {
    /// The session.
    #[diesel(embed)]
    pub session: SessionRow,
    /// Whether its server is gone; otherwise the server holds a newer session.
    #[diesel(sql_type = Bool)]
    pub server_removed: bool,
}

impl Store {
    /// Marks active sessions as lapsed whose end is not after `now`, erases their
    /// tokens and appends the trail's lines. One whose tokens are being renewed waits
    /// for that. Answers how many there were; fewer than `limit`: there are no more.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_sessions_lapse(
        &self,
        environment: HytaleEnvironment,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<usize, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let rows: Vec<SessionRow> = sql_query(format!(
                "UPDATE hytale_sessions SET state = 'lapsed', session_token = NULL, identity_token = NULL, \
                   ended_at = now() \
                 WHERE id = ANY(ARRAY(SELECT id FROM hytale_sessions \
                   WHERE environment = $1 AND state = 'active' AND expires_at <= $2 \
                     AND (claimed_until IS NULL OR claimed_until < now()) \
                   ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)) \
                 RETURNING {COLUMNS}"
            ))
            .bind::<Text, _>(environment.as_str())
            .bind::<Timestamptz, _>(now)
            .bind::<BigInt, _>(limit)
            .load(conn)
            .await?;
            let details = json!({ "outcome": "lapsed" });
            let event = HytaleAuditEvent::SessionDeleted;
            record(conn, event, &rows, &details, &Origin::default()).await
        })
        .await
    }

    /// Gives up sessions that were asked for longer than `patience` ago and of which
    /// nobody has said what became of them: failed, and lost, since Hytale may have
    /// made them. Answers as [`hytale_sessions_lapse`](Self::hytale_sessions_lapse).
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_sessions_abandon(
        &self,
        environment: HytaleEnvironment,
        patience: Duration,
        limit: i64,
    ) -> Result<usize, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let rows: Vec<SessionRow> = sql_query(format!(
                "UPDATE hytale_sessions SET state = 'failed', lost = true, ended_at = now(), \
                   idempotency_key = NULL \
                 WHERE id = ANY(ARRAY(SELECT id FROM hytale_sessions \
                   WHERE environment = $1 AND state = 'created' \
                     AND created_at < now() - make_interval(secs => $2) \
                   ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED)) \
                 RETURNING {COLUMNS}"
            ))
            .bind::<Text, _>(environment.as_str())
            .bind::<Double, _>(patience.as_secs_f64())
            .bind::<BigInt, _>(limit)
            .load(conn)
            .await?;
            let details = json!({ "outcome": "failed", "reason": "abandoned", "lost": true });
            let event = HytaleAuditEvent::SessionCreated;
            record(conn, event, &rows, &details, &Origin::default()).await
        })
        .await
    }

    /// Active sessions whose server is gone, or holds a newer session of the same
    /// account and profile, and that nobody has claimed. Those that end last first:
    /// they would count longest.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_sessions_surplus(
        &self,
        environment: HytaleEnvironment,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<SurplusSession>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS}, server_removed FROM (SELECT s.*, \
                EXISTS (SELECT 1 FROM servers v \
                  WHERE v.id = s.server_id AND v.removed_at IS NOT NULL) AS server_removed \
              FROM hytale_sessions s WHERE s.environment = $1 AND s.state = 'active' \
                AND s.expires_at > $2 AND s.server_id IS NOT NULL \
                AND (s.claimed_until IS NULL OR s.claimed_until < now())) s \
             WHERE server_removed OR EXISTS (SELECT 1 FROM hytale_sessions n \
               WHERE n.environment = s.environment AND n.account_id = s.account_id \
                 AND n.state = 'active' AND n.expires_at > $2 \
                 AND n.profile_id = s.profile_id AND n.server_id = s.server_id \
                 AND (n.created_at, n.id) > (s.created_at, s.id)) \
             ORDER BY expires_at DESC LIMIT $3"
        ))
        .bind::<Text, _>(environment.as_str())
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(limit)
        .load(&mut conn)
        .await?)
    }
}
