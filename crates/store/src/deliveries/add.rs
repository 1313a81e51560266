//! New deliveries, in the order in which their events were matched.

use super::DELIVERIES_CHANNEL;
use crate::error::StoreError;
use crate::pool::Store;
use common::types::id::{DeliveryId, MessageId, WebhookId};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

/// An event that somebody is told of.
#[derive(Debug, Clone)]
pub struct NewDeliveryEvent {
    /// The CloudEvent's id.
    pub id: MessageId,
    /// Its type.
    pub event_type: String,
    /// Its subject.
    pub subject: String,
    /// The whole of it, as it is sent.
    pub body: String,
}

/// That a webhook is told of an event.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Who is told.
    pub webhook: WebhookId,
    /// Of which event.
    pub event: MessageId,
    /// See [`super::lane`].
    pub lane: String,
}

#[derive(QueryableByName)]
struct Added {
    #[diesel(sql_type = BigInt)]
    deliveries: i64,
}

impl Store {
    /// Stores deliveries with their events, each once however often it comes, and wakes the
    /// senders. Webhooks that are gone by now are passed over. Says how many are new.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is stored then.
    pub async fn deliveries_add(
        &self,
        events: Vec<NewDeliveryEvent>,
        deliveries: Vec<NewDelivery>,
    ) -> Result<u64, StoreError> {
        if deliveries.is_empty() {
            return Ok(0);
        }
        let mut conn = self.conn().await?;
        let ids: Vec<_> = deliveries.iter().map(|_| DeliveryId::new().0).collect();
        let added: Added = sql_query(ADD)
            .bind::<Array<SqlUuid>, _>(events.iter().map(|it| it.id.0).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(events.iter().map(|it| &it.event_type).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(events.iter().map(|it| &it.subject).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(events.iter().map(|it| &it.body).collect::<Vec<_>>())
            .bind::<Array<SqlUuid>, _>(ids)
            .bind::<Array<SqlUuid>, _>(deliveries.iter().map(|it| it.webhook.0).collect::<Vec<_>>())
            .bind::<Array<SqlUuid>, _>(deliveries.iter().map(|it| it.event.0).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(deliveries.iter().map(|it| &it.lane).collect::<Vec<_>>())
            .get_result(&mut conn)
            .await?;
        if added.deliveries > 0 {
            sql_query(format!("NOTIFY {DELIVERIES_CHANNEL}"))
                .execute(&mut conn)
                .await?;
        }
        Ok(added.deliveries.unsigned_abs())
    }
}

/// Webhooks are locked before anything else, as everywhere: the sort by ordinal waits for all.
/// A lane that is there already is touched: that waits for whoever is about to find it empty,
/// and makes those wait who come after. Its oldest delivery says when it is due, so that stays.
const ADD: &str = "
WITH open AS (
    SELECT id FROM webhooks WHERE id = ANY ($6::uuid[]) ORDER BY id FOR KEY SHARE
), events AS (
    INSERT INTO delivery_events (id, event_type, subject, body)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
    ON CONFLICT (id) DO NOTHING
), added AS (
    INSERT INTO deliveries (id, webhook_id, event_id, lane)
    SELECT n.id, n.webhook_id, n.event_id, n.lane
    FROM unnest($5::uuid[], $6::uuid[], $7::uuid[], $8::text[])
         WITH ORDINALITY AS n (id, webhook_id, event_id, lane, ordinal)
    JOIN open ON open.id = n.webhook_id
    ORDER BY n.ordinal
    ON CONFLICT (webhook_id, event_id) DO NOTHING
    RETURNING webhook_id, lane
), touched AS (
    INSERT INTO delivery_lanes AS l (webhook_id, lane, due_at)
    SELECT DISTINCT webhook_id, lane, now() FROM added ORDER BY webhook_id, lane
    ON CONFLICT (webhook_id, lane) DO UPDATE SET due_at = l.due_at
)
SELECT count(*) AS deliveries FROM added";
