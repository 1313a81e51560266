//! A dead mail that is tried again.

use super::MAILS_CHANNEL;
use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::Store;
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use common::types::id::MailId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;

/// What became of the wish to try a mail again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailReplay {
    /// It is tried again.
    Replayed,
    /// It is on its way or has arrived, or its address takes nothing: see its state.
    NotDead,
    /// Nothing is sent to its address any more.
    Suppressed,
    /// It held a link, which was erased when the mail ended.
    Erased,
}

#[derive(QueryableByName)]
struct Dead {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    recipient: String,
    #[diesel(sql_type = Bool)]
    is_erased: bool,
    #[diesel(sql_type = Bool)]
    is_suppressed: bool,
}

impl Store {
    /// Tries a dead mail again, from the beginning of the schedule. In the trail of
    /// administration. Where Resend has had it and forgotten its id since (after a day), it
    /// may arrive twice.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn mail_replay(&self, id: MailId, actor: &Actor) -> Result<MailReplay, StoreError> {
        let actor = actor.clone();
        admin_audit::change(self, move |conn| {
            async move {
                let rows: Vec<Dead> = sql_query(
                    "SELECT state, recipient, body IS NULL AS is_erased, EXISTS ( \
                       SELECT 1 FROM mail_suppressions s \
                       WHERE s.address = recipient AND s.lifted_at IS NULL) AS is_suppressed FROM mails \
                     WHERE id = $1 FOR UPDATE",
                )
                .bind::<SqlUuid, _>(id.0)
                .load(conn)
                .await?;
                let mail = rows.into_iter().next().ok_or(StoreError::NotFound("mail"))?;
                if mail.state != "dead" {
                    return Ok(MailReplay::NotDead);
                }
                if mail.is_erased {
                    return Ok(MailReplay::Erased);
                }
                if mail.is_suppressed {
                    return Ok(MailReplay::Suppressed);
                }
                sql_query(
                    "UPDATE mails SET state = 'pending', failures = 0, due_at = now(), reason = NULL, \
                       finished_at = NULL, first_attempt_at = NULL WHERE id = $1",
                )
                .bind::<SqlUuid, _>(id.0)
                .execute(conn)
                .await?;
                let line = NewAdminLine {
                    event: AdminEvent::MailReplayed,
                    subject: None,
                    details: json!({ "mail_id": id.to_string(), "recipient": mail.recipient }),
                };
                admin_audit::append(conn, &line, &actor).await?;
                sql_query(format!("NOTIFY {MAILS_CHANNEL}"))
                    .execute(conn)
                    .await?;
                Ok(MailReplay::Replayed)
            }
            .boxed()
        })
        .await
    }
}
