//! Lanes whose sender has not been heard of in time.

use super::DELIVERIES_CHANNEL;
use crate::error::StoreError;
use crate::pool::Store;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncConnection, RunQueryDsl};

#[derive(QueryableByName)]
struct Recovered {
    #[diesel(sql_type = BigInt)]
    lanes: i64,
}

impl Store {
    /// Frees lanes whose sender is gone. What it was sending may have arrived: those attempts
    /// are unknown, and are made again as if they had failed. Says how many lanes were freed.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn deliveries_recover(&self) -> Result<u64, StoreError> {
        let mut conn = self.conn().await?;
        let recovered: Recovered = conn
            .transaction(async |conn| {
                sql_query(RECOVER)
                    .get_result(conn)
                    .await
                    .map_err(StoreError::from)
            })
            .await?;
        if recovered.lanes > 0 {
            sql_query(format!("NOTIFY {DELIVERIES_CHANNEL}"))
                .execute(&mut conn)
                .await?;
        }
        Ok(recovered.lanes.unsigned_abs())
    }
}

/// No more than 10 deliveries of a lane are sent at once, the oldest ones.
const RECOVER: &str = "
WITH expired AS (
    SELECT webhook_id, lane FROM delivery_lanes
    WHERE holder IS NOT NULL AND held_until < now()
    ORDER BY webhook_id, lane LIMIT 500 FOR UPDATE SKIP LOCKED
), lost AS (
    UPDATE delivery_attempts a SET outcome = 'unknown', counted = true
    FROM expired e CROSS JOIN LATERAL (
        SELECT d.id, d.attempts FROM deliveries d
        WHERE d.webhook_id = e.webhook_id AND d.lane = e.lane AND d.state = 'pending'
        ORDER BY d.seq LIMIT 10
    ) d
    WHERE a.delivery_id = d.id AND a.number = d.attempts + 1 AND a.outcome = 'sending'
    RETURNING a.delivery_id
), again AS (
    UPDATE deliveries d SET attempts = d.attempts + 1, failures = d.failures + 1, last_attempt_at = now()
    FROM lost WHERE d.id = lost.delivery_id
), freed AS (
    UPDATE delivery_lanes l SET holder = NULL, held_until = NULL, due_at = now(), fence = l.fence + 1
    FROM expired e WHERE l.webhook_id = e.webhook_id AND l.lane = e.lane
      AND EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_id = e.webhook_id AND d.lane = e.lane
                    AND d.state = 'pending')
    RETURNING 1
), emptied AS (
    DELETE FROM delivery_lanes l USING expired e WHERE l.webhook_id = e.webhook_id AND l.lane = e.lane
      AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_id = e.webhook_id AND d.lane = e.lane
                        AND d.state = 'pending')
)
SELECT count(*) AS lanes FROM freed";
