//! What became of a mail's request.

use super::dead::{self, DeadMail};
use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::event::{Event, EventType};
use common::types::id::MailId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{
    BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use std::time::Duration;

/// What became of a mail that was held.
#[derive(Debug, Clone)]
pub struct MailOutcome {
    /// Which.
    pub id: MailId,
    /// From its claim.
    pub fence: i64,
    /// The attempt.
    pub attempt: MailAttempt,
    /// A digest of the key that it was handed over with.
    pub key: String,
    /// What happens next with the mail.
    pub next: MailStep,
    /// What happens to all mail, or to all that is handed over with that key.
    pub pause: Option<MailPause>,
    /// Requests a second, as the answer said.
    pub per_second: Option<u32>,
    /// How long no request leaves, of whichever mail: it is one too many.
    pub wait: Duration,
}

/// An attempt that is over.
#[derive(Debug, Clone)]
pub struct MailAttempt {
    /// From the claim.
    pub number: i32,
    /// `sent`, `failed`, `unknown` or `limited`; the last: surely not accepted.
    pub outcome: &'static str,
    /// Whether it counts against the schedule.
    pub counted: bool,
    /// HTTP status, if there was an answer.
    pub status: Option<i32>,
    /// Of the answer: cut, and without secrets.
    pub answer: String,
    /// How long it took.
    pub took: Duration,
}

/// What happens next with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailStep {
    /// Nothing: Resend has it.
    Sent {
        /// Resend's id.
        resend_id: Option<String>,
    },
    /// It is tried again.
    Again {
        /// Not before this time has passed.
        wait: Duration,
    },
    /// Nothing.
    Dead {
        /// Why, in a sentence.
        reason: String,
    },
}

/// Nothing leaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailPause {
    /// How long.
    pub lasts: Duration,
    /// Why, as a word.
    pub reason: &'static str,
    /// With whichever key; else with the one that met it.
    pub whatever_key: bool,
}

#[derive(QueryableByName)]
struct Paused {
    #[diesel(sql_type = Timestamptz)]
    until: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    is_new: bool,
}

impl Store {
    /// Writes what became of a mail and gives it back. A mail that is no longer this
    /// sender's is passed over: what became of it is unknown by now.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is written then, and it may be tried again.
    pub async fn mail_settle(&self, outcome: &MailOutcome) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            write(conn, outcome).await?;
            pace(conn, outcome).await?;
            if matches!(outcome.next, MailStep::Sent { .. }) {
                end_pauses(conn, &outcome.key).await?;
            }
            if let Some(pause) = outcome.pause {
                begin_pause(conn, pause, &outcome.key).await?;
            }
            Ok(())
        })
        .await
    }
}

async fn write(conn: &mut Connection, outcome: &MailOutcome) -> Result<(), StoreError> {
    let (state, wait, resend_id, reason) = match &outcome.next {
        MailStep::Sent { resend_id } => ("sent", Duration::ZERO, resend_id.clone(), None),
        MailStep::Again { wait } => ("pending", *wait, None, None),
        MailStep::Dead { reason } => ("dead", Duration::ZERO, None, Some(reason.clone())),
    };
    let attempt = &outcome.attempt;
    let dead: Vec<DeadMail> = sql_query(WRITE)
        .bind::<SqlUuid, _>(outcome.id.0)
        .bind::<BigInt, _>(outcome.fence)
        .bind::<Integer, _>(attempt.number)
        .bind::<Text, _>(attempt.outcome)
        .bind::<Bool, _>(attempt.counted)
        .bind::<Nullable<Integer>, _>(attempt.status)
        .bind::<Text, _>(&attempt.answer)
        .bind::<Integer, _>(i32::try_from(attempt.took.as_millis()).unwrap_or(i32::MAX))
        .bind::<Text, _>(state)
        .bind::<Double, _>(wait.as_secs_f64())
        .bind::<Nullable<Text>, _>(resend_id)
        .bind::<Nullable<Text>, _>(reason)
        .load(conn)
        .await?;
    dead::tell(conn, dead).await
}

/// Says whether the mail is dead now. As long as every attempt was surely not accepted, Resend does not know the mail.
const WRITE: &str = "
WITH mine AS (
    SELECT id, template FROM mails WHERE id = $1 AND fence = $2 AND holder IS NOT NULL FOR UPDATE
), noted AS (
    UPDATE mail_attempts a SET outcome = $4, counted = $5, status = $6, answer = $7, milliseconds = $8
    FROM mine WHERE a.mail_id = mine.id AND a.number = $3
), written AS (
    UPDATE mails m
    SET state = $9, attempts = $3, failures = m.failures + $5::int, due_at = now() + make_interval(secs => $10),
        holder = NULL, held_until = NULL, resend_id = $11, reason = $12,
        first_attempt_at = CASE WHEN $4 = 'limited' AND m.failures = 0 THEN NULL ELSE m.first_attempt_at END,
        finished_at = CASE WHEN $9 = 'pending' THEN NULL ELSE now() END,
        body = CASE WHEN $9 <> 'pending' AND m.holds_link THEN NULL ELSE m.body END
    FROM mine WHERE m.id = mine.id
)
SELECT id, template, $12 AS reason FROM mine WHERE $9 = 'dead'";

/// What the answer says about the pace.
async fn pace(conn: &mut Connection, outcome: &MailOutcome) -> Result<(), StoreError> {
    let per_second = outcome
        .per_second
        .filter(|it| *it > 0)
        .and_then(|it| i32::try_from(it).ok());
    if per_second.is_none() && outcome.wait.is_zero() {
        return Ok(());
    }
    sql_query(
        "UPDATE mail_pacing SET per_second = COALESCE($1, per_second), \
           next_at = GREATEST(next_at, clock_timestamp() + make_interval(secs => $2))",
    )
    .bind::<Nullable<Integer>, _>(per_second)
    .bind::<Double, _>(outcome.wait.as_secs_f64())
    .execute(conn)
    .await?;
    Ok(())
}

/// A mail was taken. One that runs was begun while that mail was on its way, and stays.
async fn end_pauses(conn: &mut Connection, key: &str) -> Result<(), StoreError> {
    sql_query("DELETE FROM mail_pauses WHERE key IN ('', $1) AND until <= clock_timestamp()")
        .bind::<Text, _>(key)
        .execute(conn)
        .await?;
    Ok(())
}

/// Begins or prolongs a pause; it is told of when it begins.
async fn begin_pause(conn: &mut Connection, pause: MailPause, key: &str) -> Result<(), StoreError> {
    // One after another: of two that begin the same pause, the second prolongs it.
    sql_query("SELECT FROM mail_pacing FOR UPDATE")
        .execute(conn)
        .await?;
    let paused: Paused = sql_query(
        "WITH earlier AS (SELECT because FROM mail_pauses WHERE key = $1) \
         INSERT INTO mail_pauses AS p (key, because, until) \
         VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3)) \
         ON CONFLICT (key) DO UPDATE SET because = EXCLUDED.because, until = GREATEST(p.until, EXCLUDED.until), \
           met_at = now() \
         RETURNING until, (SELECT because FROM earlier) IS DISTINCT FROM $2 AS is_new",
    )
    .bind::<Text, _>(if pause.whatever_key { "" } else { key })
    .bind::<Text, _>(pause.reason)
    .bind::<Double, _>(pause.lasts.as_secs_f64())
    .get_result(conn)
    .await?;
    if paused.is_new {
        let data = json!({ "reason": pause.reason, "until": paused.until });
        let event = Event::new(EventType::MailPaused, "mail", Utc::now(), data);
        outbox::say(conn, vec![Outgoing::event(event)]).await?;
    }
    Ok(())
}
