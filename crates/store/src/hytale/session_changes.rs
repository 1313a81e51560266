//! Game sessions that change: new tokens, and their end.

use super::audit::{self, NewAuditLine};
use super::sessions::{COLUMNS, SessionRow, SessionTokens, record, record_pair};
use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::caller::Origin;
use common::types::hytale::HytaleAuditEvent;
use common::types::id::SessionId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Double, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = Timestamptz)]
    claimed_until: DateTime<Utc>,
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// Hytale has ended it because we asked.
    Terminated,
    /// We asked Hytale to end it, and Hytale does not know its pair of tokens.
    Forgotten,
    /// It ran out, or Hytale did not know its pair when it was to be renewed.
    Lapsed,
}

impl SessionEnd {
    fn state(self) -> &'static str {
        match self {
            Self::Terminated | Self::Forgotten => "terminated",
            Self::Lapsed => "lapsed",
        }
    }
}

impl Store {
    /// Claims a session's pair of `generation`, to renew or to end it. `None`:
    /// somebody else is at it, or that pair is not the session's any more. A claim ends
    /// after `lease` in any case, at the time that is answered, and with every new pair.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_session_claim(
        &self,
        session: SessionId,
        generation: i64,
        lease: Duration,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut conn = self.conn().await?;
        let claimed: Vec<Claimed> = sql_query(
            "UPDATE hytale_sessions SET claimed_until = now() + make_interval(secs => $3) \
             WHERE id = $1 AND generation = $2 AND state = 'active' \
               AND (claimed_until IS NULL OR claimed_until < now()) RETURNING claimed_until",
        )
        .bind::<SqlUuid, _>(session.0)
        .bind::<BigInt, _>(generation)
        .bind::<Double, _>(lease.as_secs_f64())
        .load(&mut conn)
        .await?;
        Ok(claimed.into_iter().next().map(|row| row.claimed_until))
    }

    /// Gives a claim back after what it was made for has failed, with the trail's line
    /// of that: the claim that ends at `claimed_until`, not one that somebody else has
    /// made since. The line is appended in any case. `lost`: Hytale may hold another pair,
    /// of which no answer came, so the session counts for a while after this pair's end.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; ask again. The claim ends by itself.
    pub async fn hytale_session_release(
        &self,
        session: SessionId,
        generation: i64,
        claimed_until: DateTime<Utc>,
        lost: bool,
        failure: &NewAuditLine,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let (failure, origin) = (failure.clone(), origin.clone());
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            sql_query(
                "UPDATE hytale_sessions SET claimed_until = NULL, lost = lost OR $4 \
                 WHERE id = $1 AND generation = $2 AND claimed_until = $3",
            )
            .bind::<SqlUuid, _>(session.0)
            .bind::<BigInt, _>(generation)
            .bind::<Timestamptz, _>(claimed_until)
            .bind::<Bool, _>(lost)
            .execute(conn)
            .await?;
            audit::append(conn, &failure, &origin).await
        })
        .await
    }

    /// Stores a session's new pair of tokens in place of the one of `generation`,
    /// with the trail's line; once, however often it is asked. A session that another
    /// process took for lapsed, since Hytale did not know the old pair any more, goes on.
    /// `false`: that pair is not the session's any more, and neither is the new one.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; ask again.
    pub async fn hytale_session_renewed(
        &self,
        session: SessionId,
        generation: i64,
        tokens: &SessionTokens,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let (tokens, origin) = (tokens.clone(), origin.clone());
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let rows: Vec<SessionRow> = sql_query(format!(
                "UPDATE hytale_sessions SET session_token = $3, identity_token = $4, expires_at = $5, \
                   generation = generation + 1, claimed_until = NULL, refreshed_at = now(), \
                   state = 'active', ended_at = NULL, lost = false \
                 WHERE id = $1 AND generation = $2 AND state IN ('active', 'lapsed') RETURNING {COLUMNS}"
            ))
            .bind::<SqlUuid, _>(session.0)
            .bind::<BigInt, _>(generation)
            .bind::<Text, _>(&tokens.session_token)
            .bind::<Text, _>(&tokens.identity_token)
            .bind::<Timestamptz, _>(tokens.expires_at)
            .load(conn)
            .await?;
            let event = HytaleAuditEvent::SessionRefreshed;
            record_pair(conn, event, session, &rows, &tokens, &origin).await
        })
        .await
    }

    /// Ends an active session and erases its tokens, with the trail's line. Ending
    /// it again, or when its pair is not of `generation` any more, changes nothing and
    /// answers `false`. What Hytale may hold of it without our knowing counts on, unless
    /// Hytale has [ended](SessionEnd::Terminated) it.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_session_ended(
        &self,
        session: SessionId,
        generation: i64,
        end: SessionEnd,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        self.end_session(session, generation, end, None, origin)
            .await
    }

    /// Ends an active session as [`hytale_session_ended`](Self::hytale_session_ended)
    /// does, because nobody needs it: the trail says why, by the word `reason`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_session_reaped(
        &self,
        session: SessionId,
        generation: i64,
        end: SessionEnd,
        reason: &'static str,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        self.end_session(session, generation, end, Some(reason), origin)
            .await
    }

    async fn end_session(
        &self,
        session: SessionId,
        generation: i64,
        end: SessionEnd,
        reason: Option<&'static str>,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let origin = origin.clone();
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let rows: Vec<SessionRow> = sql_query(format!(
                "UPDATE hytale_sessions SET state = $2, session_token = NULL, identity_token = NULL, \
                   ended_at = now(), lost = lost AND NOT $4 \
                 WHERE id = $1 AND generation = $3 AND state = 'active' RETURNING {COLUMNS}"
            ))
            .bind::<SqlUuid, _>(session.0)
            .bind::<Text, _>(end.state())
            .bind::<BigInt, _>(generation)
            .bind::<Bool, _>(end == SessionEnd::Terminated)
            .load(conn)
            .await?;
            let mut details = json!({ "outcome": end.state() });
            if let Some(reason) = reason {
                details["reason"] = Value::from(reason);
            }
            if rows.iter().any(|row| row.lost) {
                details["lost"] = Value::from(true);
            }
            let event = HytaleAuditEvent::SessionDeleted;
            Ok(record(conn, event, &rows, &details, &origin).await? == 1)
        })
        .await
    }
}
