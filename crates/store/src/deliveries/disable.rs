//! Webhooks that nothing can be delivered to.

use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::Connection;
use chrono::Utc;
use common::types::event::{Event, EventType};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::json;
use uuid::Uuid;

#[derive(QueryableByName)]
struct Disabled {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
}

/// Disables webhooks, each for its reason and, where a revision is given, only if it still
/// has that; says so in the outbox. Their rows were locked before.
pub(super) async fn disable(
    conn: &mut Connection,
    webhooks: &[(Uuid, &str, Option<i64>)],
) -> Result<(), StoreError> {
    if webhooks.is_empty() {
        return Ok(());
    }
    let rows: Vec<Disabled> = sql_query(
        "WITH n AS (SELECT w.id, min(n.reason) AS reason \
           FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS n (id, reason, revision) \
           JOIN webhooks w ON w.id = n.id AND w.enabled AND w.revision = COALESCE(n.revision, w.revision) \
           GROUP BY w.id) \
         UPDATE webhooks w SET enabled = false, disabled_because = n.reason, disabled_at = now(), \
           revision = w.revision + 1 \
         FROM n WHERE w.id = n.id AND w.enabled RETURNING w.id, w.name, w.disabled_because AS reason",
    )
    .bind::<Array<SqlUuid>, _>(webhooks.iter().map(|it| it.0).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(webhooks.iter().map(|it| it.1).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(webhooks.iter().map(|it| it.2).collect::<Vec<_>>())
    .load(conn)
    .await?;
    let said = rows.into_iter().map(|row| {
        let data = json!({ "name": row.name, "reason": row.reason });
        let subject = row.id.to_string();
        Outgoing::event(Event::new(
            EventType::WebhookDisabled,
            subject,
            Utc::now(),
            data,
        ))
    });
    outbox::say(conn, said.collect()).await
}
