//! The mails that there are, without what stands in them.

use super::MAIL_LIFE;
use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::id::MailId;
use common::types::mail::MailAddress;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{
    BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

/// Which mails; all that is given must agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailFilter {
    /// One mail.
    pub id: Option<MailId>,
    /// To this address.
    pub recipient: Option<MailAddress>,
    /// `pending`, `sent`, `dead` or `suppressed`.
    pub state: Option<String>,
    /// Of this template.
    pub template: Option<String>,
    /// Made at this time or later …
    pub since: Option<DateTime<Utc>>,
    /// … and before this one.
    pub until: Option<DateTime<Utc>>,
}

/// A mail as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct MailRow {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Its template's name.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// To whom.
    #[diesel(sql_type = Text)]
    pub recipient: String,
    /// Its subject.
    #[diesel(sql_type = Text)]
    pub subject: String,
    /// `pending`, `sent`, `dead` or `suppressed`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Attempts so far.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// Those that failed and count against the schedule.
    #[diesel(sql_type = Integer)]
    pub failures: i32,
    /// There is no attempt before, if there is one at all: it may be that no mail leaves until
    /// then. None while one is under way.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub due_at: Option<DateTime<Utc>>,
    /// When the link in it ends, if it holds one.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub expires_at: Option<DateTime<Utc>>,
    /// Resend's id.
    #[diesel(sql_type = Nullable<Text>)]
    pub resend_id: Option<String>,
    /// Who had it sent.
    #[diesel(sql_type = Text)]
    pub created_by: String,
    /// Why it is dead or was suppressed.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finished_at: Option<DateTime<Utc>>,
}

/// One attempt, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct MailAttemptRow {
    /// From 1.
    #[diesel(sql_type = Integer)]
    pub number: i32,
    /// `sending`, `sent`, `failed`, `unknown` or `limited`.
    #[diesel(sql_type = Text)]
    pub outcome: String,
    /// Whether it counts against the schedule.
    #[diesel(sql_type = Bool)]
    pub counted: bool,
    /// HTTP status of the answer.
    #[diesel(sql_type = Nullable<Integer>)]
    pub status: Option<i32>,
    /// Of the answer: cut, and without secrets.
    #[diesel(sql_type = Nullable<Text>)]
    pub answer: Option<String>,
    /// When the request left.
    #[diesel(sql_type = Timestamptz)]
    pub started_at: DateTime<Utc>,
    /// How long it took.
    #[diesel(sql_type = Nullable<Integer>)]
    pub milliseconds: Option<i32>,
}

impl Store {
    /// Mails, the newest first; those before `before`, where that is given.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn mails(
        &self,
        filter: &MailFilter,
        before: Option<MailId>,
        limit: i64,
    ) -> Result<Vec<MailRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT id, template, recipient, subject, state, attempts, failures, \
               CASE WHEN (GREATEST(next.at, now()) < LEAST(expires_at, first_attempt_at + make_interval(secs => $9))) \
                 IS NOT FALSE THEN next.at END AS due_at, \
               expires_at, resend_id, created_by, \
               reason, created_at, finished_at \
             FROM mails LEFT JOIN LATERAL (SELECT GREATEST(due_at, (SELECT max(p.until) FROM mail_pauses p \
                 JOIN mail_pacing s ON p.key IN ('', s.sender_key))) AS at) next \
               ON state = 'pending' AND holder IS NULL \
             WHERE ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR recipient = $2) \
               AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR template = $4) \
               AND ($5::timestamptz IS NULL OR created_at >= $5) \
               AND ($6::timestamptz IS NULL OR created_at < $6) AND ($7::uuid IS NULL OR id < $7) \
             ORDER BY id DESC LIMIT $8",
        )
        .bind::<Nullable<SqlUuid>, _>(filter.id.map(|it| it.0))
        .bind::<Nullable<Text>, _>(filter.recipient.as_ref().map(MailAddress::as_str))
        .bind::<Nullable<Text>, _>(filter.state.as_deref())
        .bind::<Nullable<Text>, _>(filter.template.as_deref())
        .bind::<Nullable<Timestamptz>, _>(filter.since)
        .bind::<Nullable<Timestamptz>, _>(filter.until)
        .bind::<Nullable<SqlUuid>, _>(before.map(|it| it.0))
        .bind::<BigInt, _>(limit)
        .bind::<Double, _>(MAIL_LIFE.as_secs_f64())
        .load(&mut conn)
        .await?)
    }

    /// The attempts of a mail, in order.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn mail_attempts(&self, id: MailId) -> Result<Vec<MailAttemptRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT number, outcome, counted, status, answer, started_at, milliseconds FROM mail_attempts \
             WHERE mail_id = $1 ORDER BY number",
        )
        .bind::<SqlUuid, _>(id.0)
        .load(&mut conn)
        .await?)
    }
}
