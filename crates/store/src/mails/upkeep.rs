//! Mails whose sender is gone, that came too late, or that are over for long.

use super::dead::{self, DeadMail};
use super::{MAIL_LIFE, MAILS_CHANNEL};
use crate::error::StoreError;
use crate::pool::Store;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double};
use diesel_async::{AsyncConnection, RunQueryDsl};
use std::time::Duration;

/// Mails that are looked after at once.
const AT_ONCE: i64 = 500;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailUpkeep {
    /// Mails whose sender was gone.
    pub freed: u64,
    /// Mails that can no longer be sent.
    pub expired: u64,
}

#[derive(QueryableByName)]
struct Freed {
    #[diesel(sql_type = BigInt)]
    freed: i64,
}

impl Store {
    /// Frees mails whose sender is gone: what it was sending may have arrived, so that
    /// attempt is unknown, and is made again as if it had failed. Ends mails whose link has
    /// expired, or that Resend would send twice, and those that were on their way somewhere
    /// when their address was suppressed.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn mails_recover(&self) -> Result<MailUpkeep, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let freed: Freed = sql_query(FREE)
                .bind::<BigInt, _>(AT_ONCE)
                .get_result(conn)
                .await?;
            let dead: Vec<DeadMail> = sql_query(EXPIRE)
                .bind::<Double, _>(MAIL_LIFE.as_secs_f64())
                .bind::<BigInt, _>(AT_ONCE)
                .load(conn)
                .await?;
            let expired = dead.len() as u64;
            dead::tell(conn, dead).await?;
            sql_query(SUPPRESS).execute(conn).await?;
            sql_query(FORGET).execute(conn).await?;
            if freed.freed > 0 {
                sql_query(format!("NOTIFY {MAILS_CHANNEL}"))
                    .execute(conn)
                    .await?;
            }
            Ok(MailUpkeep {
                freed: freed.freed.unsigned_abs(),
                expired,
            })
        })
        .await
    }

    /// Deletes mails that have been over for so long, with their attempts; and says how many.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; what was deleted stays deleted.
    pub async fn mails_clean_up(&self, keep: Duration) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let mut conn = self.conn().await?;
            let rows = sql_query(
                "DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE state <> 'pending' \
                   AND finished_at < now() - make_interval(secs => $1) LIMIT $2 FOR UPDATE SKIP LOCKED)",
            )
            .bind::<Double, _>(keep.as_secs_f64())
            .bind::<BigInt, _>(AT_ONCE)
            .execute(&mut conn)
            .await?;
            all += rows as u64;
            if (rows as i64) < AT_ONCE {
                return Ok(all);
            }
        }
    }
}

const FREE: &str = "
WITH expired AS (
    SELECT id, attempts FROM mails WHERE holder IS NOT NULL AND held_until < now()
    LIMIT $1 FOR UPDATE SKIP LOCKED
), lost AS (
    UPDATE mail_attempts a SET outcome = 'unknown', counted = true
    FROM expired e WHERE a.mail_id = e.id AND a.number = e.attempts + 1
), freed AS (
    UPDATE mails m
    SET holder = NULL, held_until = NULL, due_at = now(), fence = m.fence + 1,
        attempts = m.attempts + 1, failures = m.failures + 1
    FROM expired e WHERE m.id = e.id
    RETURNING 1
)
SELECT count(*) AS freed FROM freed";

const EXPIRE: &str = "
UPDATE mails m
SET state = 'dead', finished_at = now(), body = CASE WHEN m.holds_link THEN NULL ELSE m.body END,
    reason = CASE WHEN m.expires_at <= now() THEN 'The link in it expired before it could be handed over.'
             ELSE 'It could not be handed over within 23 hours.' END
WHERE m.id IN (
    SELECT id FROM mails WHERE state = 'pending' AND holder IS NULL
      AND (expires_at <= now() OR first_attempt_at <= now() - make_interval(secs => $1))
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING m.id, m.template, m.reason";

/// Pauses of keys that nobody sends with any more, which no mail that is taken ends: if one of them
/// is set again and refused again, that is news.
const FORGET: &str = "DELETE FROM mail_pauses WHERE until < now() - interval '1 hour'";

/// Mails that were being queued or sent while that was written.
const SUPPRESS: &str = "
UPDATE mails m
SET state = 'suppressed', reason = 'Nothing is sent to the address any more: ' || s.reason, finished_at = now(),
    body = CASE WHEN m.holds_link THEN NULL ELSE m.body END
FROM mail_suppressions s
WHERE s.address = m.recipient AND s.lifted_at IS NULL AND m.state = 'pending' AND m.holder IS NULL";
