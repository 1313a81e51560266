//! Webhooks: whom events are told to. Addresses and secrets come here sealed. What changes
//! stands in `change`
//! and `rotate`.

mod change;
mod kept;
mod rotate;

pub use kept::Kept;
pub use rotate::Rotated;

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::subscription::{Pattern, Subscription};
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use common::types::id::WebhookId;
use common::types::webhook::{WebhookKind, WebhookScope, WebhookType};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

/// A webhook, with how it is doing.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct WebhookRow {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// What people call it.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// A [`WebhookKind`].
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// A [`WebhookType`].
    #[diesel(sql_type = Text)]
    pub about: String,
    /// A [`WebhookScope`].
    #[diesel(sql_type = Text)]
    pub scope: String,
    /// What it is for.
    #[diesel(sql_type = Text)]
    pub description: String,
    /// Whether anything is sent.
    #[diesel(sql_type = Bool)]
    pub enabled: bool,
    /// The address, sealed.
    #[diesel(sql_type = Text)]
    pub address: String,
    /// What people may see of it.
    #[diesel(sql_type = Text)]
    pub address_shown: String,
    /// The channel; of Discord.
    #[diesel(sql_type = Nullable<Text>)]
    pub channel_id: Option<String>,
    /// The signing secret, sealed; of signed webhooks.
    #[diesel(sql_type = Nullable<Text>)]
    pub secret: Option<String>,
    /// The one before, sealed.
    #[diesel(sql_type = Nullable<Text>)]
    pub previous_secret: Option<String>,
    /// Until when that signs too.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub previous_secret_until: Option<DateTime<Utc>>,
    /// Patterns of event types.
    #[diesel(sql_type = Array<Text>)]
    pub events: Vec<String>,
    /// Conditions, as JSON.
    #[diesel(sql_type = Jsonb)]
    pub conditions: Value,
    /// Raised with every change.
    #[diesel(sql_type = BigInt)]
    pub revision: i64,
    /// When a test last arrived.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub test_success_at: Option<DateTime<Utc>>,
    /// Why we disabled it.
    #[diesel(sql_type = Nullable<Text>)]
    pub disabled_because: Option<String>,
    /// When we did.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when it has taken nothing.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub failing_since: Option<DateTime<Utc>>,
    /// When it last took something.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_success_at: Option<DateTime<Utc>>,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

impl WebhookRow {
    /// Its id.
    #[must_use]
    pub fn webhook_id(&self) -> WebhookId {
        WebhookId(self.id)
    }

    /// What it asks for; `None` if this version cannot read that.
    #[must_use]
    pub fn subscription(&self) -> Option<Subscription> {
        let patterns = self.events.iter().map(|text| Pattern::parse(text));
        Some(Subscription {
            about: self.about.parse().ok()?,
            scope: self.scope.parse().ok()?,
            events: patterns.collect::<Result<_, _>>().ok()?,
            conditions: serde_json::from_value(self.conditions.clone()).ok()?,
        })
    }
}

/// A webhook to store, or what one becomes.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Its id: address and secret are sealed for it.
    pub id: WebhookId,
    /// What people call it.
    pub name: String,
    /// What stands at the other end.
    pub kind: WebhookKind,
    /// What it is told of.
    pub about: WebhookType,
    /// How much it may see.
    pub scope: WebhookScope,
    /// What it is for.
    pub description: String,
    /// Whether anything is sent.
    pub enabled: bool,
    /// The address, sealed.
    pub address: String,
    /// What people may see of it.
    pub address_shown: String,
    /// The channel; of Discord, as far as it said so.
    pub channel_id: Option<String>,
    /// The signing secret, sealed; of signed webhooks and no others.
    pub secret: Option<String>,
    /// Patterns of event types.
    pub events: Vec<String>,
    /// Conditions, as JSON.
    pub conditions: Value,
}

/// What changes about a webhook; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// What people call it.
    pub name: Option<String>,
    /// What it is told of.
    pub about: Option<WebhookType>,
    /// How much it may see.
    pub scope: Option<WebhookScope>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether anything is sent.
    pub enabled: Option<bool>,
    /// The address, sealed, and what people may see of it.
    pub address: Option<(String, String)>,
    /// The channel that the other address leads to.
    pub channel_id: Option<String>,
    /// Patterns of event types.
    pub events: Option<Vec<String>>,
    /// Conditions, as JSON.
    pub conditions: Option<Value>,
    /// What becomes of what was kept, if this enables it again; without it, it is sent as fast
    /// as it is taken.
    pub kept: Option<Kept>,
}

/// A wish that comes again after that was sent twice: browsers repeat what had no answer.
const MOMENT_AGO: &str = "now() - interval '60 seconds'";

const SELECT: &str = "SELECT w.id, w.name, w.kind, w.about, w.scope, w.description, w.enabled, w.address, \
      w.address_shown, w.channel_id, w.secret, w.previous_secret, w.previous_secret_until, w.events, w.conditions, \
      w.revision, w.test_success_at, w.disabled_because, w.disabled_at, w.created_at, \
      h.failing_since, h.last_success_at \
    FROM webhooks w JOIN webhook_health h ON h.webhook_id = w.id";

impl Store {
    /// All webhooks, the newest first.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        let mut conn = self.conn().await?;
        let all = format!("{SELECT} ORDER BY w.created_at DESC, w.id DESC");
        Ok(sql_query(all).load(&mut conn).await?)
    }

    /// The webhooks that `actor` made a moment ago, with the secrets that they had then, as the
    /// trail knows: nobody else may learn those.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhooks_just_made(&self, actor: &Actor) -> Result<Vec<WebhookRow>, StoreError> {
        just_made(&mut *self.conn().await?, actor).await
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn webhook(&self, id: WebhookId) -> Result<WebhookRow, StoreError> {
        find(&mut *self.conn().await?, id, "").await
    }

    /// Notes that a test has arrived.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhook_tested(&self, id: WebhookId) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query("UPDATE webhooks SET test_success_at = now() WHERE id = $1")
            .bind::<SqlUuid, _>(id.0)
            .execute(&mut conn)
            .await?;
        Ok(())
    }
}

async fn just_made(conn: &mut Connection, actor: &Actor) -> Result<Vec<WebhookRow>, StoreError> {
    let made = format!(
        "{SELECT} WHERE w.previous_secret IS NULL AND w.id::text IN ( \
           SELECT details->>'webhook_id' FROM admin_audit \
           WHERE event_type = $1 AND actor = $2 AND created_at > {MOMENT_AGO})"
    );
    Ok(sql_query(made)
        .bind::<Text, _>(AdminEvent::WebhookCreated.as_str())
        .bind::<Text, _>(actor.name())
        .load(conn)
        .await?)
}

async fn find(conn: &mut Connection, id: WebhookId, lock: &str) -> Result<WebhookRow, StoreError> {
    let rows: Vec<WebhookRow> = sql_query(format!("{SELECT} WHERE w.id = $1 {lock}"))
        .bind::<SqlUuid, _>(id.0)
        .load(conn)
        .await?;
    rows.into_iter()
        .next()
        .ok_or(StoreError::NotFound("webhook"))
}
