//! Lanes whose sender has not been heard of in time.

use super::DELIVERIES_CHANNEL;
use super::dead::tell_of_dead;
use super::lanes::give_back;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, Bool, Integer, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

#[derive(QueryableByName)]
struct Webhook {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct Expired {
    #[diesel(sql_type = SqlUuid)]
    webhook_id: Uuid,
    #[diesel(sql_type = Text)]
    lane: String,
}

/// A delivery whose sender is gone.
#[derive(QueryableByName)]
struct Lost {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Bool)]
    is_dead: bool,
}

impl Store {
    /// Frees lanes whose sender is gone. What it was sending may have arrived: those attempts
    /// are unknown, and are made again as if they had failed; after `retries` failures and one
    /// more there is no further attempt. Says how many lanes were freed.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn deliveries_recover(&self, retries: usize) -> Result<u64, StoreError> {
        let mut conn = self.conn().await?;
        let expired = conn
            .transaction(async |conn| recover(conn, retries).await)
            .await?;
        if expired > 0 {
            sql_query(format!("NOTIFY {DELIVERIES_CHANNEL}"))
                .execute(&mut conn)
                .await?;
        }
        Ok(expired)
    }
}

async fn recover(conn: &mut Connection, retries: usize) -> Result<u64, StoreError> {
    // Lanes are added only under a lock on the webhook. Whoever holds one against that may do
    // so for long, and its lanes are freed the next time.
    let webhooks: Vec<Webhook> = sql_query(
        "SELECT id FROM webhooks WHERE id IN (SELECT webhook_id FROM delivery_lanes \
           WHERE holder IS NOT NULL AND held_until < now()) ORDER BY id FOR KEY SHARE SKIP LOCKED",
    )
    .load(conn)
    .await?;
    if webhooks.is_empty() {
        return Ok(0);
    }
    let expired: Vec<Expired> = sql_query(
        "SELECT webhook_id, lane FROM delivery_lanes WHERE holder IS NOT NULL AND held_until < now() \
           AND webhook_id = ANY($1) ORDER BY webhook_id, lane LIMIT 500 FOR UPDATE SKIP LOCKED",
    )
    .bind::<Array<SqlUuid>, _>(webhooks.iter().map(|it| it.id).collect::<Vec<_>>())
    .load(conn)
    .await?;
    if expired.is_empty() {
        return Ok(0);
    }
    let lost: Vec<Lost> = sql_query(LOST)
        .bind::<Array<SqlUuid>, _>(expired.iter().map(|it| it.webhook_id).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(expired.iter().map(|it| &it.lane).collect::<Vec<_>>())
        .bind::<Integer, _>(i32::try_from(retries).unwrap_or(i32::MAX))
        .load(conn)
        .await?;
    let dead = lost.iter().filter(|it| it.is_dead).map(|it| it.id);
    tell_of_dead(conn, dead.collect()).await?;
    let lanes = expired.iter().map(|it| (it.webhook_id, it.lane.as_str()));
    give_back(conn, lanes).await?;
    Ok(expired.len() as u64)
}

/// $1 and $2 lanes, $3 retries. No more than 10 deliveries of a lane are sent at once, the
/// oldest ones. What three senders were lost over is set aside, since it may be what they are
/// lost over: it waits 30 s, and twice as long each time, and the rest of its lane proceeds.
const LOST: &str = "
WITH lost AS (
    UPDATE delivery_attempts a SET outcome = 'unknown', counted = true
    FROM unnest($1::uuid[], $2::text[]) AS e (webhook_id, lane) CROSS JOIN LATERAL (
        SELECT d.id, d.attempts FROM deliveries d
        WHERE d.webhook_id = e.webhook_id AND d.lane = e.lane AND d.state = 'pending'
        ORDER BY d.seq LIMIT 10
    ) d
    WHERE a.delivery_id = d.id AND a.number = d.attempts + 1 AND a.outcome = 'sending'
    RETURNING a.delivery_id, a.started_at
), written AS (
    UPDATE deliveries d SET attempts = d.attempts + 1, failures = d.failures + 1, last_attempt_at = lost.started_at,
        due_at = now() + make_interval(secs => CASE WHEN d.failures < 2 THEN 0 ELSE 30 * 2 ^ least(d.failures - 2, 9) END),
        state = CASE WHEN d.failures < $3 THEN 'pending' ELSE 'dead' END,
        lane = CASE WHEN d.failures < 2 OR d.failures >= $3 THEN d.lane ELSE 'parked:' || d.id END,
        parked_at = CASE WHEN d.failures < 2 OR d.failures >= $3 THEN d.parked_at ELSE COALESCE(d.parked_at, now()) END,
        finished_at = CASE WHEN d.failures < $3 THEN NULL ELSE now() END,
        reason = CASE WHEN d.failures < $3 THEN NULL ELSE 'Its last sender was lost before the answer came.' END
    FROM lost WHERE d.id = lost.delivery_id
    RETURNING d.id, d.webhook_id, d.lane, d.due_at, d.state, d.parked_at
), aside AS (
    INSERT INTO delivery_lanes (webhook_id, lane, due_at)
    SELECT webhook_id, lane, due_at FROM written WHERE state = 'pending' AND parked_at IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT id, state = 'dead' AS is_dead FROM written";
