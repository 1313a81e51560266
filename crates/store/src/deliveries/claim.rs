//! Claiming lanes, the requests of which may leave when the claim is committed.

use crate::error::StoreError;
use crate::pool::Connection;
use chrono::{DateTime, Utc};
use common::types::id::{DeliveryId, MessageId, WebhookId, WorkerId};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use std::time::Duration;
use uuid::Uuid;

/// What a sender has room for.
#[derive(Debug, Clone)]
pub struct LaneClaim {
    /// Who sends.
    pub holder: WorkerId,
    /// Lanes that it takes.
    pub lanes: u32,
    /// Of one webhook, in one claim.
    pub per_webhook: u32,
    /// Webhooks of which it has enough in hand.
    pub except: Vec<WebhookId>,
    /// After this time without a word from it, the lanes are another's.
    pub hold: Duration,
    /// Deliveries that one message to Discord may tell of.
    pub merge: u32,
}

/// A lane that is the claimant's for now.
#[derive(Debug, Clone)]
pub struct HeldLane {
    /// Whose it is.
    pub webhook: WebhookId,
    /// Which.
    pub lane: String,
    /// What proves that it is still the claimant's.
    pub fence: i64,
    /// Whether nothing else goes to the webhook until this has shown how it is.
    pub is_probe: bool,
    /// What the webhook's address and secrets are known by.
    pub revision: i64,
    /// When the webhook last took something, to a tenth of a second.
    pub last_success_at: Option<DateTime<Utc>>,
    /// What waits, oldest first. Of signed webhooks one, whose attempt is written; of Discord
    /// several, whose attempts are written when the message may leave.
    pub heads: Vec<Head>,
}

/// A delivery at the head of a lane.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its id.
    pub delivery: DeliveryId,
    /// Number of the attempt that is made now, from 1.
    pub attempt: i32,
    /// Attempts that failed and count.
    pub failures: i32,
    /// When the one before began.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// Whether it was set aside before.
    pub is_parked: bool,
    /// The event's id.
    pub event: MessageId,
    /// Its type.
    pub event_type: String,
    /// The CloudEvent, as it is sent.
    pub body: String,
    /// Discord's id of the message that told of the beginning of what this ends.
    pub begun_in: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    webhook_id: Uuid,
    #[diesel(sql_type = Text)]
    lane: String,
    #[diesel(sql_type = BigInt)]
    fence: i64,
    #[diesel(sql_type = Bool)]
    is_probe: bool,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_success_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = SqlUuid)]
    delivery_id: Uuid,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_attempt_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    is_parked: bool,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Text)]
    body: String,
    #[diesel(sql_type = Nullable<Text>)]
    begun_in: Option<String>,
}

/// Claims lanes in the caller's transaction.
pub(super) async fn claim(
    conn: &mut Connection,
    claim: &LaneClaim,
) -> Result<Vec<HeldLane>, StoreError> {
    if claim.lanes == 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = sql_query(CLAIM)
        .bind::<SqlUuid, _>(claim.holder.0)
        .bind::<BigInt, _>(i64::from(claim.lanes))
        .bind::<BigInt, _>(i64::from(claim.per_webhook))
        .bind::<Array<SqlUuid>, _>(claim.except.iter().map(|it| it.0).collect::<Vec<_>>())
        .bind::<Double, _>(claim.hold.as_secs_f64())
        .bind::<BigInt, _>(i64::from(claim.merge))
        .load(conn)
        .await?;
    let mut lanes: Vec<HeldLane> = Vec::new();
    for row in rows {
        let head = Head {
            delivery: DeliveryId(row.delivery_id),
            attempt: row.attempts + 1,
            failures: row.failures,
            last_attempt_at: row.last_attempt_at,
            is_parked: row.is_parked,
            event: MessageId(row.event_id),
            event_type: row.event_type,
            body: row.body,
            begun_in: row.begun_in,
        };
        match lanes.last_mut() {
            Some(lane) if lane.webhook.0 == row.webhook_id && lane.lane == row.lane => {
                lane.heads.push(head);
            }
            _ => lanes.push(HeldLane {
                webhook: WebhookId(row.webhook_id),
                lane: row.lane,
                fence: row.fence,
                is_probe: row.is_probe,
                revision: row.revision,
                last_success_at: row.last_success_at,
                heads: vec![head],
            }),
        }
    }
    Ok(lanes)
}

/// $1 holder, $2 lanes, $3 of one webhook, $4 webhooks left out, $5 seconds, $6 merged.
///
/// Webhooks are looked at in any order, so that none waits behind a busy one. While a
/// circuit is open, whoever comes first when the next probe is due takes one lane: the one
/// that has waited longest, and after a probe that failed that is another.
const CLAIM: &str = "
WITH paused AS (
    SELECT kind FROM provider_pauses WHERE until > now()
), probing AS (
    SELECT h.webhook_id FROM webhook_health h JOIN webhooks w ON w.id = h.webhook_id
    WHERE h.probe_at <= now() AND w.enabled AND (h.paused_until IS NULL OR h.paused_until <= now())
      AND w.kind NOT IN (SELECT kind FROM paused)
      AND EXISTS (SELECT 1 FROM delivery_lanes l
                  WHERE l.webhook_id = w.id AND l.holder IS NULL AND l.due_at <= now())
    FOR UPDATE OF h SKIP LOCKED
), ready AS (
    SELECT w.id, $3::bigint AS most, false AS is_probe
    FROM webhooks w JOIN webhook_health h ON h.webhook_id = w.id
    WHERE w.enabled AND h.probe_at IS NULL AND (h.paused_until IS NULL OR h.paused_until <= now())
      AND w.id <> ALL ($4::uuid[]) AND w.kind NOT IN (SELECT kind FROM paused)
    UNION ALL
    SELECT webhook_id, 1, true FROM probing
), chosen AS (
    SELECT due.webhook_id, due.lane, r.is_probe
    FROM (SELECT * FROM ready ORDER BY random()) r CROSS JOIN LATERAL (
        SELECT l.webhook_id, l.lane FROM delivery_lanes l
        WHERE l.webhook_id = r.id AND l.holder IS NULL AND l.due_at <= now()
        ORDER BY l.due_at LIMIT r.most FOR UPDATE SKIP LOCKED
    ) due
    LIMIT $2
), probed AS (
    UPDATE webhook_health h SET probe_at = now() + make_interval(secs => $5)
    FROM chosen c WHERE c.is_probe AND h.webhook_id = c.webhook_id
), held AS (
    UPDATE delivery_lanes l
    SET holder = $1, held_until = now() + make_interval(secs => $5), fence = l.fence + 1
    FROM chosen c WHERE l.webhook_id = c.webhook_id AND l.lane = c.lane
    RETURNING l.webhook_id, l.lane, l.fence, c.is_probe
), heads AS (
    SELECT h.*, w.kind, w.revision, d.id AS delivery_id, d.seq, d.attempts, d.failures, d.last_attempt_at,
           d.parked_at IS NOT NULL AS is_parked, d.event_id
    FROM held h JOIN webhooks w ON w.id = h.webhook_id CROSS JOIN LATERAL (
        SELECT * FROM deliveries d
        WHERE d.webhook_id = h.webhook_id AND d.lane = h.lane AND d.state = 'pending' AND d.due_at <= now()
        ORDER BY d.seq LIMIT CASE w.kind WHEN 'discord' THEN $6 ELSE 1 END
    ) d
), begun AS (
    INSERT INTO delivery_attempts (delivery_id, number)
    SELECT delivery_id, attempts + 1 FROM heads WHERE kind = 'signed'
)
SELECT h.webhook_id, h.lane, h.fence, h.is_probe, h.revision, s.last_success_at, h.delivery_id, h.attempts,
       h.failures, h.last_attempt_at, h.is_parked, h.event_id, e.event_type, e.body,
       CASE WHEN h.kind = 'discord' AND e.event_type = 'sync.completed' THEN (
           SELECT b.message_id FROM delivery_events s JOIN deliveries b ON b.event_id = s.id
           WHERE s.event_type = 'sync.started' AND s.subject = e.subject AND b.webhook_id = h.webhook_id
             AND b.message_id IS NOT NULL LIMIT 1) END AS begun_in
FROM heads h
JOIN delivery_events e ON e.id = h.event_id
JOIN webhook_health s ON s.webhook_id = h.webhook_id
ORDER BY h.webhook_id, h.lane, h.seq";
