//! New mails.

use super::MAILS_CHANNEL;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::caller::Principal;
use common::types::id::MailId;
use common::types::mail::MailAddress;
use diesel::QueryableByName;
use diesel::result::Error as DieselError;
use diesel::sql_query;
use diesel::sql_types::{Binary, Bool, Double, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use std::time::Duration;
use uuid::Uuid;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct MailAsked {
    /// The template's name.
    pub template: &'static str,
    /// To whom.
    pub recipient: MailAddress,
    /// Who has it sent.
    pub created_by: Principal,
    /// The key under which its sender may ask once more.
    pub idempotency_key: Option<String>,
    /// SHA-256 of all of it: under one key nothing else may be asked for.
    pub request_digest: [u8; 32],
}

/// A mail to send.
#[derive(Debug, Clone)]
pub struct NewMail {
    /// Its id: a body with a link is sealed for it.
    pub id: MailId,
    /// What was asked for.
    pub asked: MailAsked,
    /// Its subject.
    pub subject: String,
    /// What Resend gets; sealed where the mail holds a link.
    pub body: String,
    /// How long the link in it lives, if there is one.
    pub link_lives: Option<Duration>,
    /// Why it is not sent at all, if so; it is only noted then.
    pub withheld: Option<&'static str>,
}

/// What became of a mail to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailQueued {
    /// It is kept and will be sent.
    New(MailId),
    /// It was asked for before, under this id.
    Repeated(MailId),
    /// Another mail was asked for with the same key.
    KeyReused,
    /// Nothing is sent to this address any more.
    Suppressed,
}

#[derive(QueryableByName)]
struct Suppressed {
    #[diesel(sql_type = Bool)]
    is_suppressed: bool,
}

/// Why nothing was kept.
enum Undone<E> {
    NotAdmitted(E),
    Store(StoreError),
}

impl<E> From<StoreError> for Undone<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E> From<DieselError> for Undone<E> {
    fn from(error: DieselError) -> Self {
        Self::Store(error.into())
    }
}

#[derive(QueryableByName)]
struct Earlier {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Bool)]
    is_same: bool,
}

impl Store {
    /// Keeps a mail and wakes the senders, if it is admitted. That is asked once nothing else
    /// stands in its way, so that what makes no mail uses up no limit; whoever comes with the
    /// same key meanwhile waits for the answer.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is kept then. Within: why it is not admitted.
    pub async fn mail_queue<E: Send>(
        &self,
        mail: &NewMail,
        admission: impl Future<Output = Result<(), E>> + Send,
    ) -> Result<Result<MailQueued, E>, StoreError> {
        let mut conn = self.conn().await?;
        let queued = conn
            .transaction(async |conn| {
                if let Some(foreseen) = foreseen(conn, &mail.asked).await? {
                    return Ok(foreseen);
                }
                admission.await.map_err(Undone::NotAdmitted)?;
                Ok(add(conn, mail).await?)
            })
            .await;
        match queued {
            Ok(queued) => Ok(Ok(queued)),
            Err(Undone::NotAdmitted(why)) => Ok(Err(why)),
            Err(Undone::Store(error)) => Err(error),
        }
    }
}

/// What becomes of a mail without anything being kept, if that can be said: it was asked for
/// before, or nothing is sent to its recipient. Of those who come at once with one key, one
/// after another learns it.
async fn foreseen(
    conn: &mut Connection,
    asked: &MailAsked,
) -> Result<Option<MailQueued>, StoreError> {
    if let Some(key) = &asked.idempotency_key {
        sql_query("SELECT pg_advisory_xact_lock(hashtextextended('mail ' || $1 || ' ' || $2, 0))")
            .bind::<Text, _>(asked.created_by.to_string())
            .bind::<Text, _>(key)
            .execute(conn)
            .await?;
    }
    if let Some(earlier) = earlier(conn, asked).await? {
        return Ok(Some(earlier));
    }
    let recipient: Suppressed = sql_query(
        "SELECT EXISTS (SELECT FROM mail_suppressions WHERE address = $1 AND lifted_at IS NULL) \
           AS is_suppressed",
    )
    .bind::<Text, _>(asked.recipient.as_str())
    .get_result(conn)
    .await?;
    Ok(recipient.is_suppressed.then_some(MailQueued::Suppressed))
}

async fn add(conn: &mut Connection, mail: &NewMail) -> Result<MailQueued, StoreError> {
    let asked = &mail.asked;
    let added = sql_query(ADD)
        .bind::<SqlUuid, _>(mail.id.0)
        .bind::<Text, _>(asked.template)
        .bind::<Text, _>(asked.recipient.as_str())
        .bind::<Text, _>(&mail.subject)
        .bind::<Text, _>(&mail.body)
        .bind::<Nullable<Double>, _>(mail.link_lives.map(|it| it.as_secs_f64()))
        .bind::<Text, _>(asked.created_by.to_string())
        .bind::<Nullable<Text>, _>(&asked.idempotency_key)
        .bind::<Nullable<Text>, _>(mail.withheld)
        .bind::<Binary, _>(asked.request_digest.as_slice())
        .execute(conn)
        .await?;
    if added == 0 {
        // A release that knows no lock was faster, or the address is suppressed by now.
        let earlier = earlier(conn, asked).await?;
        return Ok(earlier.unwrap_or(MailQueued::Suppressed));
    }
    sql_query(format!("NOTIFY {MAILS_CHANNEL}"))
        .execute(conn)
        .await?;
    Ok(MailQueued::New(mail.id))
}

async fn earlier(
    conn: &mut Connection,
    asked: &MailAsked,
) -> Result<Option<MailQueued>, StoreError> {
    let Some(key) = &asked.idempotency_key else {
        return Ok(None);
    };
    let rows: Vec<Earlier> = sql_query(
        "SELECT id, template = $3 AND recipient = $4 AND COALESCE(request_digest = $5, true) AS is_same \
         FROM mails WHERE created_by = $1 AND idempotency_key = $2",
    )
    .bind::<Text, _>(asked.created_by.to_string())
    .bind::<Text, _>(key)
    .bind::<Text, _>(asked.template)
    .bind::<Text, _>(asked.recipient.as_str())
    .bind::<Binary, _>(asked.request_digest.as_slice())
    .load(conn)
    .await?;
    Ok(rows.into_iter().next().map(|row| {
        if row.is_same {
            MailQueued::Repeated(MailId(row.id))
        } else {
            MailQueued::KeyReused
        }
    }))
}

const ADD: &str = "
INSERT INTO mails (id, template, recipient, subject, body, holds_link, expires_at, created_by,
                   idempotency_key, state, reason, finished_at, request_digest)
SELECT $1, $2, $3, $4, $5, $6 IS NOT NULL, now() + make_interval(secs => $6), $7, $8,
       CASE WHEN $9 IS NULL THEN 'pending' ELSE 'suppressed' END, $9,
       CASE WHEN $9 IS NOT NULL THEN now() END, CASE WHEN $8 IS NOT NULL THEN $10 END
WHERE NOT EXISTS (SELECT 1 FROM mail_suppressions WHERE address = $3 AND lifted_at IS NULL)
ON CONFLICT (created_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING";
