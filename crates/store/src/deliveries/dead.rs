//! Deliveries that are not tried any more.

use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::Connection;
use crate::prepared::prepared;
use chrono::{DateTime, Utc};
use common::types::event::{Event, EventType};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::json;
use uuid::Uuid;

#[derive(QueryableByName)]
struct Dead {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    webhook_id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
}

/// Says in the outbox what will not be tried any more. Of what is said about webhooks and
/// deliveries nothing is said: that would have no end.
pub(super) async fn tell_of_dead(conn: &mut Connection, dead: Vec<Uuid>) -> Result<(), StoreError> {
    if dead.is_empty() {
        return Ok(());
    }
    let rows: Vec<Dead> = prepared(
        "SELECT d.id, d.webhook_id, w.name, d.event_id, e.event_type, d.reason FROM deliveries d \
         JOIN webhooks w ON w.id = d.webhook_id JOIN delivery_events e ON e.id = d.event_id \
         WHERE d.id = ANY($1) AND e.event_type NOT LIKE 'webhook.%' AND e.event_type NOT LIKE 'delivery.%'",
    )
    .bind::<Array<SqlUuid>, _>(dead)
    .load(conn)
    .await?;
    let now: DateTime<Utc> = Utc::now();
    let said = rows.into_iter().map(|row| {
        let data = json!({
            "webhook_id": row.webhook_id, "name": row.name, "event_id": row.event_id,
            "event_type": row.event_type, "reason": row.reason,
        });
        Outgoing::event(Event::new(
            EventType::DeliveryDead,
            row.id.to_string(),
            now,
            data,
        ))
    });
    outbox::say(conn, said.collect()).await
}
