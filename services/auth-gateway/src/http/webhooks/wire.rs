//! A webhook as it is shown.

use chrono::{DateTime, Utc};
use paperclip::actix::Apiv2Schema;
use serde::Serialize;
use serde_json::Value;
use store::WebhookRow;
use uuid::Uuid;

use crate::http::page::told;

/// A webhook.
#[derive(Debug, Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    id: Uuid,
    name: String,
    /// What may be shown of its address. Sent back, it means: unchanged.
    webhook_url: String,
    /// `discord`, or `signed`: a system that checks our signature.
    kind: String,
    /// GAME_SERVER, VPS, SYSTEM, BILLING, SECURITY, SUPPORT or CUSTOM.
    #[serde(rename = "type")]
    about: String,
    /// ADMIN, USER or PUBLIC.
    scope: String,
    description: String,
    enabled: bool,
    /// Patterns of event types; none: every type.
    events: Vec<String>,
    /// What the event's fields must be.
    conditions: Vec<Value>,
    /// When a test last arrived.
    test_success_at: Option<String>,
    /// Why it was disabled, where nobody did it: for example GONE or FAILING.
    disabled_reason: Option<String>,
    disabled_at: Option<String>,
    /// Since when it has taken nothing that was sent.
    failing_since: Option<String>,
    /// When it last took something.
    last_success_at: Option<String>,
    created_at: String,
}

impl From<WebhookRow> for Webhook {
    fn from(row: WebhookRow) -> Self {
        let moment = |at: Option<DateTime<Utc>>| at.map(told);
        Self {
            id: row.id,
            name: row.name,
            webhook_url: row.address_shown,
            kind: row.kind,
            about: row.about,
            scope: row.scope,
            description: row.description,
            enabled: row.enabled,
            events: row.events,
            conditions: row.conditions.as_array().cloned().unwrap_or_default(),
            test_success_at: moment(row.test_success_at),
            disabled_reason: row.disabled_because,
            disabled_at: moment(row.disabled_at),
            failing_since: moment(row.failing_since),
            last_success_at: moment(row.last_success_at),
            created_at: told(row.created_at),
        }
    }
}
