//! What of the delivery log is old enough to go.

use super::lanes::give_back;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Double, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use std::time::Duration;
use uuid::Uuid;

/// How long deliveries are kept.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryRetention {
    /// Those that arrived or were dropped, with their attempts.
    pub finished: Duration,
    /// Those that wait for a webhook that is disabled; they are dropped then.
    pub while_disabled: Duration,
    /// Rows (of what is dropped: lanes) in one statement.
    pub batch: i64,
}

impl Store {
    /// Drops what has waited too long for disabled webhooks, and deletes what is over for
    /// long. Dead deliveries stay. Says how many were dropped, and how many deleted.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; what was done stays done.
    pub async fn deliveries_clean_up(
        &self,
        retention: DeliveryRetention,
    ) -> Result<(u64, u64), StoreError> {
        let mut dropped = 0;
        loop {
            let mut conn = self.conn().await?;
            let age = retention.while_disabled;
            let rows = conn
                .transaction(async |conn| drop_kept(conn, age, retention.batch).await)
                .await?;
            let Some(rows) = rows else { break };
            dropped += rows;
        }
        let deleted = self
            .in_batches(
                "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries \
                   WHERE state IN ('delivered', 'dropped') AND finished_at < now() - make_interval(secs => $1) \
                   LIMIT $2 FOR UPDATE SKIP LOCKED)",
                retention.finished,
                retention.batch,
            )
            .await?;
        self.in_batches(
            "DELETE FROM delivery_events WHERE id IN (SELECT e.id FROM delivery_events e \
               WHERE e.created_at < now() - make_interval(secs => $1) \
               AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id) LIMIT $2)",
            retention.finished,
            retention.batch,
        )
        .await?;
        Ok((dropped, deleted))
    }

    async fn in_batches(
        &self,
        statement: &str,
        age: Duration,
        batch: i64,
    ) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let mut conn = self.conn().await?;
            let rows = sql_query(statement)
                .bind::<Double, _>(age.as_secs_f64())
                .bind::<BigInt, _>(batch)
                .execute(&mut conn)
                .await?;
            all += rows as u64;
            if (rows as i64) < batch {
                return Ok(all);
            }
        }
    }
}

#[derive(QueryableByName)]
struct Lane {
    #[diesel(sql_type = SqlUuid)]
    webhook_id: Uuid,
    #[diesel(sql_type = Text)]
    lane: String,
}

/// Drops what has waited too long in some lanes of disabled webhooks; `None` when there are
/// no more such lanes.
async fn drop_kept(
    conn: &mut Connection,
    age: Duration,
    lanes: i64,
) -> Result<Option<u64>, StoreError> {
    let lanes: Vec<Lane> = sql_query(
        "SELECT l.webhook_id, l.lane FROM delivery_lanes l JOIN webhooks w ON w.id = l.webhook_id \
         WHERE NOT w.enabled AND l.holder IS NULL AND EXISTS ( \
           SELECT 1 FROM deliveries d WHERE d.webhook_id = l.webhook_id AND d.lane = l.lane \
             AND d.state = 'pending' AND d.due_at < now() - make_interval(secs => $1)) \
         ORDER BY l.webhook_id, l.lane LIMIT $2 FOR UPDATE OF l SKIP LOCKED",
    )
    .bind::<Double, _>(age.as_secs_f64())
    .bind::<BigInt, _>(lanes)
    .load(conn)
    .await?;
    if lanes.is_empty() {
        return Ok(None);
    }
    let rows = sql_query(
        "UPDATE deliveries d SET state = 'dropped', finished_at = now(), \
           reason = 'the webhook was disabled for too long' \
         FROM unnest($2::uuid[], $3::text[]) AS l (webhook_id, lane) \
         WHERE d.webhook_id = l.webhook_id AND d.lane = l.lane AND d.state = 'pending' \
           AND d.due_at < now() - make_interval(secs => $1)",
    )
    .bind::<Double, _>(age.as_secs_f64())
    .bind::<Array<SqlUuid>, _>(lanes.iter().map(|it| it.webhook_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(lanes.iter().map(|it| &it.lane).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    let touched = lanes.iter().map(|it| (it.webhook_id, it.lane.as_str()));
    give_back(conn, touched).await?;
    Ok(Some(rows as u64))
}
