//! Claiming a mail, the request of which may leave when the claim is committed.

use super::MAIL_LIFE;
use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::id::{MailId, WorkerId};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{
    BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use std::time::Duration;
use uuid::Uuid;

/// Who would send.
#[derive(Debug, Clone)]
pub struct MailClaim {
    /// Who sends.
    pub holder: WorkerId,
    /// After this time without a word from it, the mail is another's.
    pub hold: Duration,
    /// Requests a second, of all senders, unless Resend has said otherwise.
    pub per_second: u32,
    /// A digest of the key that it has: another key's pause is none for it.
    pub key: String,
}

/// A mail that is the claimant's for now, its attempt written.
#[derive(Debug, Clone)]
pub struct HeldMail {
    /// Its id.
    pub id: MailId,
    /// What proves that it is still the claimant's.
    pub fence: i64,
    /// Number of the attempt that is made now, from 1.
    pub attempt: i32,
    /// Attempts that failed and count.
    pub failures: i32,
    /// When the first attempt began that Resend may have accepted; now, if it is this one.
    pub first_attempt_at: DateTime<Utc>,
    /// When the link in it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether the body is sealed.
    pub holds_link: bool,
    /// What Resend gets, perhaps sealed.
    pub body: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    fence: i64,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = Timestamptz)]
    first_attempt_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    holds_link: bool,
    #[diesel(sql_type = Text)]
    body: String,
}

#[derive(QueryableByName)]
struct Pace {
    #[diesel(sql_type = Double)]
    wait: f64,
}

impl Store {
    /// Claims the mail that is due, one with a link first; or says how long none may leave,
    /// zero where none is due.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is claimed then.
    pub async fn mail_claim(
        &self,
        claim: &MailClaim,
    ) -> Result<Result<HeldMail, Duration>, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            // Whoever comes while another claims waits for it, and then for the pace; by a
            // statement of its own, since the next one must see what was written meanwhile.
            sql_query("SELECT FROM mail_pacing FOR UPDATE")
                .execute(conn)
                .await?;
            sql_query(
                "UPDATE mail_pacing SET sender_key = $1 WHERE sender_key IS DISTINCT FROM $1",
            )
            .bind::<Text, _>(&claim.key)
            .execute(conn)
            .await?;
            let pace: Pace = sql_query(
                "SELECT GREATEST(0, EXTRACT(EPOCH FROM GREATEST(next_at, \
                   (SELECT max(until) FROM mail_pauses WHERE key IN ('', $1))) \
                   - clock_timestamp()))::float8 AS wait \
                 FROM mail_pacing",
            )
            .bind::<Text, _>(&claim.key)
            .get_result(conn)
            .await?;
            if pace.wait > 0.0 {
                return Ok(Err(Duration::from_secs_f64(pace.wait)));
            }
            let rows: Vec<Row> = sql_query(CLAIM)
                .bind::<SqlUuid, _>(claim.holder.0)
                .bind::<Double, _>(claim.hold.as_secs_f64())
                .bind::<Double, _>(MAIL_LIFE.as_secs_f64())
                .bind::<Integer, _>(i32::try_from(claim.per_second).unwrap_or(i32::MAX))
                .load(conn)
                .await?;
            let held = rows.into_iter().next().map(|row| HeldMail {
                id: MailId(row.id),
                fence: row.fence,
                attempt: row.attempts + 1,
                failures: row.failures,
                first_attempt_at: row.first_attempt_at,
                expires_at: row.expires_at,
                holds_link: row.holds_link,
                body: row.body,
            });
            Ok(held.ok_or(Duration::ZERO))
        })
        .await
    }
}

const CLAIM: &str = "
WITH chosen AS (
    SELECT id FROM mails
    WHERE state = 'pending' AND holder IS NULL AND due_at <= now()
      AND (expires_at IS NULL OR expires_at > now())
      AND (first_attempt_at IS NULL OR first_attempt_at > now() - make_interval(secs => $3))
      -- It may have been on its way when its address was suppressed, and come back since.
      AND NOT EXISTS (SELECT 1 FROM mail_suppressions s
                      WHERE s.address = mails.recipient AND s.lifted_at IS NULL)
    ORDER BY holds_link DESC, due_at LIMIT 1 FOR UPDATE SKIP LOCKED
), held AS (
    UPDATE mails m
    SET holder = $1, held_until = now() + make_interval(secs => $2), fence = m.fence + 1,
        first_attempt_at = COALESCE(m.first_attempt_at, now())
    FROM chosen c WHERE m.id = c.id
    RETURNING m.*
), begun AS (
    INSERT INTO mail_attempts (mail_id, number) SELECT id, attempts + 1 FROM held
), paced AS (
    UPDATE mail_pacing
    SET next_at = clock_timestamp() + make_interval(secs => 1.0 / COALESCE(per_second, $4))
    FROM held
)
SELECT id, fence, attempts, failures, first_attempt_at, expires_at, holds_link, body FROM held";
