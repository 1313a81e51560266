//! The rows of lanes, for those who hold their locks.

use crate::error::StoreError;
use crate::pool::Connection;
use crate::prepared::prepared;
use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

/// Locks all lanes of a webhook, in their order. Whoever holds the webhook's row too knows
/// that no lane is added.
pub(crate) async fn lock_all(conn: &mut Connection, webhook: Uuid) -> Result<(), StoreError> {
    prepared("SELECT 1 FROM delivery_lanes WHERE webhook_id = $1 ORDER BY lane FOR UPDATE")
        .bind::<SqlUuid, _>(webhook)
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives lanes back, due when what is oldest in them is, or removes them. They must have been
/// locked by a statement before: what was added to them until then is seen.
pub(super) async fn give_back(
    conn: &mut Connection,
    lanes: impl Iterator<Item = (Uuid, &str)>,
) -> Result<(), StoreError> {
    let (webhooks, lanes): (Vec<Uuid>, Vec<&str>) = lanes.unzip();
    if lanes.is_empty() {
        return Ok(());
    }
    prepared(
        "WITH next AS ( \
           SELECT m.webhook_id, m.lane, (SELECT d.due_at FROM deliveries d WHERE d.webhook_id = m.webhook_id \
               AND d.lane = m.lane AND d.state = 'pending' ORDER BY d.seq LIMIT 1) AS due_at \
           FROM unnest($1::uuid[], $2::text[]) AS m (webhook_id, lane) \
         ), gone AS ( \
           DELETE FROM delivery_lanes l USING next n \
           WHERE l.webhook_id = n.webhook_id AND l.lane = n.lane AND n.due_at IS NULL \
         ) \
         UPDATE delivery_lanes l SET holder = NULL, held_until = NULL, due_at = n.due_at FROM next n \
         WHERE l.webhook_id = n.webhook_id AND l.lane = n.lane AND n.due_at IS NOT NULL",
    )
    .bind::<Array<SqlUuid>, _>(webhooks)
    .bind::<Array<Text>, _>(lanes)
    .execute(conn)
    .await?;
    Ok(())
}
