//! Webhooks made, changed and removed, each with its line in the trail.

use super::kept::{Kept, release};
use super::{NewWebhook, WebhookChange, WebhookRow, find, just_made};
use crate::admin_audit::{self, NewAdminLine};
use crate::deliveries::lock_all;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use common::types::id::WebhookId;
use diesel::sql_query;
use diesel::sql_types::{Array, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::{Value, json};
use uuid::Uuid;

impl Store {
    /// Stores a webhook, unless `actor` has made others within a moment than those that are
    /// `known` ([`Store::webhooks_just_made`]): one of them may be what is wished. Of wishes
    /// that come at once one after another is stored.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhook_create(
        &self,
        new: &NewWebhook,
        actor: &Actor,
        known: &[WebhookRow],
    ) -> Result<Option<WebhookRow>, StoreError> {
        let (new, actor) = (new.clone(), actor.clone());
        let known: Vec<Uuid> = known.iter().map(|row| row.id).collect();
        admin_audit::change(self, |conn| {
            async move {
                sql_query("SELECT pg_advisory_xact_lock(hashtextextended('webhook ' || $1, 0))")
                    .bind::<Text, _>(actor.name())
                    .execute(conn)
                    .await?;
                let made = just_made(conn, &actor).await?;
                if made.iter().any(|row| !known.contains(&row.id)) {
                    return Ok(None);
                }
                create(conn, &new, &actor).await.map(Some)
            }
            .boxed()
        })
        .await
    }

    /// Changes a webhook, and says so in the trail if it was another before. One that is
    /// enabled again begins with a clean slate.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn webhook_change(
        &self,
        id: WebhookId,
        change: WebhookChange,
        actor: &Actor,
    ) -> Result<WebhookRow, StoreError> {
        let actor = actor.clone();
        admin_audit::change(self, |conn| {
            async move {
                let before = find(conn, id, "FOR UPDATE OF w").await?;
                let after = apply(before.clone(), &change);
                if after == before {
                    return Ok(before);
                }
                save(conn, &after).await?;
                let again = after.enabled && !before.enabled;
                if again {
                    let at_once = Kept::Send { per_second: None };
                    release(conn, id, change.kept.unwrap_or(at_once)).await?;
                }
                // At another address, or told to try again: what was is no longer true.
                if after.address != before.address || again {
                    forget_health(conn, id).await?;
                }
                let row = find(conn, id, "").await?;
                let mut details = json!({
                    "webhook_id": row.id, "before": shown(&before), "after": shown(&row),
                });
                if row.address != before.address {
                    details["address"] = Value::from("changed");
                }
                note(conn, AdminEvent::WebhookChanged, details, &actor).await?;
                Ok(row)
            }
            .boxed()
        })
        .await
    }

    /// Removes a webhook and all that is known of its deliveries.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when PostgreSQL cannot be asked.
    pub async fn webhook_delete(&self, id: WebhookId, actor: &Actor) -> Result<(), StoreError> {
        let actor = actor.clone();
        admin_audit::change(self, |conn| {
            async move {
                let before = find(conn, id, "FOR UPDATE OF w").await?;
                lock_all(conn, id.0).await?;
                sql_query(DELETE)
                    .bind::<SqlUuid, _>(id.0)
                    .execute(conn)
                    .await?;
                let details = json!({ "webhook_id": before.id, "before": shown(&before) });
                note(conn, AdminEvent::WebhookDeleted, details, &actor).await
            }
            .boxed()
        })
        .await
    }
}

/// Stores a webhook, with its line in the trail.
async fn create(
    conn: &mut Connection,
    new: &NewWebhook,
    actor: &Actor,
) -> Result<WebhookRow, StoreError> {
    sql_query(
        "WITH made AS (INSERT INTO webhooks (id, name, kind, about, scope, description, address, \
           address_shown, secret, events, conditions, channel_id, enabled) \
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)) \
         INSERT INTO webhook_health (webhook_id) VALUES ($1)",
    )
    .bind::<SqlUuid, _>(new.id.0)
    .bind::<Text, _>(&new.name)
    .bind::<Text, _>(new.kind.as_str())
    .bind::<Text, _>(new.about.as_str())
    .bind::<Text, _>(new.scope.as_str())
    .bind::<Text, _>(&new.description)
    .bind::<Text, _>(&new.address)
    .bind::<Text, _>(&new.address_shown)
    .bind::<Nullable<Text>, _>(new.secret.as_deref())
    .bind::<Array<Text>, _>(&new.events)
    .bind::<Jsonb, _>(&new.conditions)
    .bind::<Nullable<Text>, _>(new.channel_id.as_deref())
    .bind::<Bool, _>(new.enabled)
    .execute(conn)
    .await?;
    let row = find(conn, new.id, "").await?;
    let details = json!({ "webhook_id": row.id, "after": shown(&row) });
    note(conn, AdminEvent::WebhookCreated, details, actor).await?;
    Ok(row)
}

/// Deliveries go by their reference. Lanes and health have none: its check would wait for
/// webhooks behind lanes.
const DELETE: &str = "
WITH lanes AS (
    DELETE FROM delivery_lanes WHERE webhook_id = $1
), health AS (
    DELETE FROM webhook_health WHERE webhook_id = $1
)
DELETE FROM webhooks WHERE id = $1";

fn apply(mut row: WebhookRow, change: &WebhookChange) -> WebhookRow {
    let change = change.clone();
    row.name = change.name.unwrap_or(row.name);
    row.about = change.about.map_or(row.about, |it| it.to_string());
    row.scope = change.scope.map_or(row.scope, |it| it.to_string());
    row.description = change.description.unwrap_or(row.description);
    // Forms say which it is also where nobody changed it.
    if let Some(enabled) = change.enabled.filter(|it| *it != row.enabled) {
        row.enabled = enabled;
        row.disabled_because = None;
        row.disabled_at = None;
    }
    if let Some((address, shown)) = change.address {
        row.address = address;
        row.address_shown = shown;
        row.channel_id = change.channel_id;
    }
    row.events = change.events.unwrap_or(row.events);
    row.conditions = change.conditions.unwrap_or(row.conditions);
    row
}

async fn save(conn: &mut Connection, row: &WebhookRow) -> Result<(), StoreError> {
    sql_query(
        "UPDATE webhooks SET name = $2, about = $3, scope = $4, description = $5, enabled = $6, address = $7, \
           address_shown = $8, events = $9, conditions = $10, disabled_because = $11, disabled_at = $12, \
           revision = revision + 1, updated_at = now(), channel_id = $13 \
         WHERE id = $1",
    )
    .bind::<SqlUuid, _>(row.id)
    .bind::<Text, _>(&row.name)
    .bind::<Text, _>(&row.about)
    .bind::<Text, _>(&row.scope)
    .bind::<Text, _>(&row.description)
    .bind::<Bool, _>(row.enabled)
    .bind::<Text, _>(&row.address)
    .bind::<Text, _>(&row.address_shown)
    .bind::<Array<Text>, _>(&row.events)
    .bind::<Jsonb, _>(&row.conditions)
    .bind::<Nullable<Text>, _>(row.disabled_because.as_deref())
    .bind::<Nullable<Timestamptz>, _>(row.disabled_at)
    .bind::<Nullable<Text>, _>(row.channel_id.as_deref())
    .execute(conn)
    .await?;
    Ok(())
}

async fn forget_health(conn: &mut Connection, id: WebhookId) -> Result<(), StoreError> {
    sql_query(
        "UPDATE webhook_health SET failing_since = NULL, probe_at = NULL, probes = 0, paused_until = NULL, \
           alerted = 0 WHERE webhook_id = $1",
    )
    .bind::<SqlUuid, _>(id.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// What the trail shows of a webhook: no address, no secret.
pub(super) fn shown(row: &WebhookRow) -> Value {
    json!({
        "name": row.name, "kind": row.kind, "type": row.about, "scope": row.scope,
        "description": row.description, "enabled": row.enabled, "address": row.address_shown,
        "events": row.events, "conditions": row.conditions,
    })
}

pub(super) async fn note(
    conn: &mut Connection,
    event: AdminEvent,
    details: Value,
    actor: &Actor,
) -> Result<(), StoreError> {
    let line = NewAdminLine {
        event,
        subject: None,
        details,
    };
    admin_audit::append(conn, &line, actor).await
}
