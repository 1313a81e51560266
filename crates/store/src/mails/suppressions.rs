//! Addresses to which nothing is sent any more.

use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::inbox::{self, InboxEntry, Receipt};
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use common::types::mail::MailAddress;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl};
use futures_util::FutureExt;
use serde_json::json;

/// Nothing is to be sent to these addresses any more.
#[derive(Debug, Clone)]
pub struct NewMailSuppression {
    /// Whose.
    pub addresses: Vec<MailAddress>,
    /// What happened, as a word.
    pub reason: &'static str,
    /// What Resend calls the event that told of it.
    pub event: String,
}

/// An address to which nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct MailSuppressionRow {
    /// The address.
    #[diesel(sql_type = Text)]
    pub address: String,
    /// What happened, as a word.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// What Resend calls the event that told of it.
    #[diesel(sql_type = Text)]
    pub event: String,
    /// Since when.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

impl Store {
    /// Records that an event of Resend's was heard and, if it is new, sends nothing to the
    /// addresses any more that it names; what waits for them is suppressed.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is recorded then.
    pub async fn mail_suppress(
        &self,
        entry: InboxEntry,
        suppression: &NewMailSuppression,
    ) -> Result<Receipt, StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let receipt = inbox::record(conn, entry).await?;
            if receipt == Receipt::Repeated || suppression.addresses.is_empty() {
                return Ok(receipt);
            }
            let addresses = suppression.addresses.iter().map(MailAddress::as_str);
            sql_query(SUPPRESS)
                .bind::<Array<Text>, _>(addresses.collect::<Vec<_>>())
                .bind::<Text, _>(suppression.reason)
                .bind::<Text, _>(&suppression.event)
                .execute(conn)
                .await?;
            Ok(receipt)
        })
        .await
    }

    /// The addresses to which nothing is sent, the newest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn mail_suppressions(
        &self,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<MailSuppressionRow>, StoreError> {
        let mut conn = self.conn().await?;
        let rows = sql_query(
            "SELECT address, reason, event, created_at FROM mail_suppressions \
             WHERE lifted_at IS NULL ORDER BY created_at DESC, id LIMIT $1 OFFSET $2",
        )
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(offset)
        .load(&mut conn)
        .await?;
        Ok(rows)
    }

    /// Mail may be sent to this address again. In the trail of administration.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn mail_suppression_lift(
        &self,
        address: &MailAddress,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let (address, actor) = (address.clone(), actor.clone());
        admin_audit::change(self, move |conn| {
            async move {
                let lifted = sql_query(
                    "UPDATE mail_suppressions SET lifted_at = now() \
                     WHERE address = $1 AND lifted_at IS NULL",
                )
                .bind::<Text, _>(address.as_str())
                .execute(conn)
                .await?;
                if lifted == 0 {
                    return Err(StoreError::NotFound("suppressed address"));
                }
                let line = NewAdminLine {
                    event: AdminEvent::MailSuppressionLifted,
                    subject: None,
                    details: json!({ "address": address.as_str() }),
                };
                admin_audit::append(conn, &line, &actor).await
            }
            .boxed()
        })
        .await
    }
}

/// A mail that is being sent just now goes on its way.
const SUPPRESS: &str = "
WITH added AS (
    INSERT INTO mail_suppressions (id, address, reason, event)
    SELECT gen_random_uuid(), address, $2, $3 FROM (SELECT DISTINCT unnest($1::text[])) AS a (address)
    ON CONFLICT (address) WHERE lifted_at IS NULL DO NOTHING
)
UPDATE mails m
SET state = 'suppressed', reason = 'Nothing is sent to the address any more: ' || $2, finished_at = now(),
    body = CASE WHEN m.holds_link THEN NULL ELSE m.body END
WHERE m.recipient = ANY($1) AND m.state = 'pending' AND m.holder IS NULL";
