//! Webhooks that fail for days: what is told of them.

use super::disable::disable;
use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::event::{Event, EventType};
use common::types::id::WebhookId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use uuid::Uuid;

/// A webhook that takes nothing.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct FailingWebhook {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Since when.
    #[diesel(sql_type = Timestamptz)]
    pub failing_since: DateTime<Utc>,
    /// When it last failed.
    #[diesel(sql_type = Timestamptz)]
    pub last_failure_at: DateTime<Utc>,
    /// Highest per cent of the time until it is disabled that was told of.
    #[diesel(sql_type = Integer)]
    pub alerted: i32,
}

/// What is told of a failing webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAlert {
    /// Which.
    pub webhook: WebhookId,
    /// Its name.
    pub name: String,
    /// Since when it fails; if that is another by now, nothing is told.
    pub failing_since: DateTime<Utc>,
    /// Per cent of the time that is over.
    pub percent: i32,
    /// When it is disabled.
    pub disabled_at: DateTime<Utc>,
    /// Whether that is now.
    pub disable: bool,
}

impl Store {
    /// Enabled webhooks that take nothing, with what was told of them.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhooks_failing(&self) -> Result<Vec<FailingWebhook>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT w.id, w.name, h.failing_since, \
               COALESCE(h.last_failure_at, h.failing_since) AS last_failure_at, h.alerted FROM webhook_health h \
             JOIN webhooks w ON w.id = h.webhook_id WHERE h.failing_since IS NOT NULL AND w.enabled",
        )
        .load(&mut conn)
        .await?)
    }

    /// Tells of a failing webhook, once, and disables it if its time is over.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is told then.
    pub async fn webhook_alert(&self, alert: &WebhookAlert) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            if alert.disable {
                lock(conn, alert.webhook).await?;
            }
            let told = sql_query(
                "UPDATE webhook_health SET alerted = $2 \
                 WHERE webhook_id = $1 AND failing_since = $3 AND alerted < $2",
            )
            .bind::<SqlUuid, _>(alert.webhook.0)
            .bind::<Integer, _>(alert.percent)
            .bind::<Timestamptz, _>(alert.failing_since)
            .execute(conn)
            .await?;
            if told == 0 {
                return Ok(());
            }
            let data = json!({
                "name": alert.name, "since": alert.failing_since, "percent": alert.percent,
                "disabled_at": alert.disabled_at,
            });
            let subject = alert.webhook.to_string();
            let event = Event::new(EventType::WebhookFailing, subject, Utc::now(), data);
            outbox::say(conn, vec![Outgoing::event(event)]).await?;
            if alert.disable {
                disable(conn, &[(alert.webhook.0, "FAILING", None)]).await?;
            }
            Ok(())
        })
        .await
    }
}

/// The webhook before its health, as everybody who needs both.
async fn lock(conn: &mut Connection, webhook: WebhookId) -> Result<(), StoreError> {
    sql_query("SELECT 1 FROM webhooks WHERE id = $1 FOR NO KEY UPDATE")
        .bind::<SqlUuid, _>(webhook.0)
        .execute(conn)
        .await?;
    Ok(())
}
