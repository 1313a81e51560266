//! What of the delivery log is old enough to go.

use crate::error::StoreError;
use crate::pool::Store;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// How long deliveries are kept.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryRetention {
    /// Those that arrived or were dropped, with their attempts.
    pub finished: Duration,
    /// Those that wait for a webhook that is disabled; they are dropped then.
    pub while_disabled: Duration,
    /// Rows in one statement.
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
        let dropped = self
            .in_batches(
                "UPDATE deliveries SET state = 'dropped', finished_at = now(), \
                   reason = 'the webhook was disabled for too long' WHERE id IN (SELECT d.id FROM deliveries d \
                     JOIN webhooks w ON w.id = d.webhook_id AND NOT w.enabled WHERE d.state = 'pending' \
                     AND d.created_at < now() - make_interval(secs => $1) LIMIT $2 FOR UPDATE OF d SKIP LOCKED)",
                retention.while_disabled,
                retention.batch,
            )
            .await?;
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
