//! Claiming lanes, the requests of which may leave when the claim is committed.

use super::lanes::give_back;
use super::outcome::LaneOutcome;
use crate::error::StoreError;
use crate::pool::Connection;
use crate::prepared::prepared;
use common::types::id::{DeliveryId, MessageId, WebhookId, WorkerId};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What a sender has room for.
#[derive(Debug, Clone)]
pub struct LaneClaim {
    /// Who sends.
    pub holder: WorkerId,
    /// Lanes that it takes, those that it holds on to among them.
    pub lanes: u32,
    /// Of one webhook, in one claim.
    pub per_webhook: u32,
    /// Webhooks of which it has enough in hand.
    pub except: Vec<WebhookId>,
    /// After this time without a word from it, the lanes are another's.
    pub hold: Duration,
    /// Deliveries that one message to Discord may tell of.
    pub merge: u32,
    /// So long it may hold on to a lane whose end takes what it gets; much less than `hold`.
    pub stay: Duration,
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
    /// When it was claimed.
    pub since: Instant,
    /// Whether nothing else goes to the webhook until this has shown how it is.
    pub is_probe: bool,
    /// What the webhook's address and secrets are known by.
    pub revision: i64,
    /// When the webhook last took something, to a tenth of a second.
    pub last_success: Option<Instant>,
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
    pub last_attempt: Option<Instant>,
    /// Whether it was set aside before.
    pub is_parked: bool,
    /// Whether the last message that told of it was refused: it goes in one of its own.
    pub was_refused: bool,
    /// Whether the sender of the last message that told of it was lost, perhaps over it: it goes
    /// in one of its own.
    pub was_lost: bool,
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
struct LaneRow {
    #[diesel(sql_type = SqlUuid)]
    webhook_id: Uuid,
    #[diesel(sql_type = Text)]
    lane: String,
    #[diesel(sql_type = BigInt)]
    fence: i64,
    #[diesel(sql_type = Bool)]
    is_probe: bool,
}

/// A lane that is this sender's.
struct Lane {
    webhook: Uuid,
    lane: String,
    fence: i64,
    is_probe: bool,
    /// Since when, if it was before.
    stays: Option<Instant>,
}

impl From<LaneRow> for Lane {
    fn from(row: LaneRow) -> Self {
        Self {
            webhook: row.webhook_id,
            lane: row.lane,
            fence: row.fence,
            is_probe: row.is_probe,
            stays: None,
        }
    }
}

impl From<&LaneOutcome> for Lane {
    fn from(outcome: &LaneOutcome) -> Self {
        Self {
            webhook: outcome.webhook.0,
            lane: outcome.lane.clone(),
            fence: outcome.fence,
            is_probe: false,
            stays: outcome.stays,
        }
    }
}

#[derive(QueryableByName)]
struct HeadRow {
    #[diesel(sql_type = SqlUuid)]
    webhook_id: Uuid,
    #[diesel(sql_type = Text)]
    lane: String,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Nullable<Double>)]
    since_success: Option<f64>,
    #[diesel(sql_type = SqlUuid)]
    delivery_id: Uuid,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = Nullable<Double>)]
    since_attempt: Option<f64>,
    #[diesel(sql_type = Bool)]
    is_parked: bool,
    #[diesel(sql_type = Bool)]
    was_refused: bool,
    #[diesel(sql_type = Bool)]
    was_lost: bool,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Text)]
    body: String,
    #[diesel(sql_type = Nullable<Text>)]
    begun_in: Option<String>,
}

/// What waits in a lane, and what its webhook is like.
struct Waiting {
    revision: i64,
    last_success: Option<Instant>,
    heads: Vec<Head>,
}

impl HeadRow {
    /// `read_at`: when its times were read.
    fn head(self, read_at: Instant) -> Head {
        Head {
            delivery: DeliveryId(self.delivery_id),
            attempt: self.attempts + 1,
            failures: self.failures,
            last_attempt: before(read_at, self.since_attempt),
            is_parked: self.is_parked,
            was_refused: self.was_refused,
            was_lost: self.was_lost,
            event: MessageId(self.event_id),
            event_type: self.event_type,
            body: self.body,
            begun_in: self.begun_in,
        }
    }
}

/// A moment so many seconds before another, on this process's clock: PostgreSQL's may be ahead
/// of it, or behind.
fn before(moment: Instant, seconds: Option<f64>) -> Option<Instant> {
    let age = Duration::try_from_secs_f64(seconds?.max(0.0)).ok()?;
    moment.checked_sub(age)
}

/// Claims lanes in the caller's transaction, beside those that stay: takes them, and then, with
/// all in sight that was added until then, looks what is at their heads.
pub(super) async fn claim(
    conn: &mut Connection,
    claim: &LaneClaim,
    stay: Vec<&LaneOutcome>,
) -> Result<Vec<HeldLane>, StoreError> {
    let room = i64::from(claim.lanes) - stay.len() as i64;
    let mut lanes: Vec<Lane> = stay.into_iter().map(Lane::from).collect();
    lanes.extend(hold(conn, claim, room).await?);
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    let mut waiting = heads(conn, &lanes, claim.merge).await?;
    let (mut held, mut idle) = (Vec::new(), Vec::new());
    for lane in lanes {
        match waiting.remove(&(lane.webhook, lane.lane.clone())) {
            Some(waiting) => held.push(HeldLane {
                webhook: WebhookId(lane.webhook),
                lane: lane.lane,
                fence: lane.fence,
                since: lane.stays.unwrap_or_else(Instant::now),
                is_probe: lane.is_probe,
                revision: waiting.revision,
                last_success: waiting.last_success,
                heads: waiting.heads,
            }),
            None => idle.push(lane),
        }
    }
    leave(conn, &idle).await?;
    Ok(held)
}

/// Takes lanes.
async fn hold(
    conn: &mut Connection,
    claim: &LaneClaim,
    room: i64,
) -> Result<Vec<Lane>, StoreError> {
    if room <= 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<LaneRow> = prepared(HOLD)
        .bind::<SqlUuid, _>(claim.holder.0)
        .bind::<BigInt, _>(room)
        .bind::<BigInt, _>(i64::from(claim.per_webhook))
        .bind::<Array<SqlUuid>, _>(claim.except.iter().map(|it| it.0).collect::<Vec<_>>())
        .bind::<Double, _>(claim.hold.as_secs_f64())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Lane::from).collect())
}

/// What is at the heads of lanes. Of signed webhooks the attempts are written.
async fn heads(
    conn: &mut Connection,
    lanes: &[Lane],
    merge: u32,
) -> Result<HashMap<(Uuid, String), Waiting>, StoreError> {
    let rows: Vec<HeadRow> = prepared(HEADS)
        .bind::<Array<SqlUuid>, _>(lanes.iter().map(|it| it.webhook).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(lanes.iter().map(|it| &it.lane).collect::<Vec<_>>())
        .bind::<BigInt, _>(i64::from(merge))
        .bind::<Array<Bool>, _>(lanes.iter().map(|it| it.is_probe).collect::<Vec<_>>())
        .load(conn)
        .await?;
    let read_at = Instant::now();
    let mut waiting: HashMap<(Uuid, String), Waiting> = HashMap::new();
    for row in rows {
        let lane = waiting
            .entry((row.webhook_id, row.lane.clone()))
            .or_insert_with(|| Waiting {
                revision: row.revision,
                last_success: before(read_at, row.since_success),
                heads: Vec::new(),
            });
        lane.heads.push(row.head(read_at));
    }
    Ok(waiting)
}

/// Gives back lanes in which nothing may leave yet: the oldest was put off meanwhile, or
/// nothing waits there any more.
async fn leave(conn: &mut Connection, idle: &[Lane]) -> Result<(), StoreError> {
    if idle.is_empty() {
        return Ok(());
    }
    give_back(conn, idle.iter().map(|it| (it.webhook, it.lane.as_str()))).await?;
    prepared(
        "UPDATE webhook_health SET busy_until = NULL, \
           probe_at = CASE WHEN probe_at IS NULL THEN NULL ELSE now() END \
         FROM unnest($1::uuid[], $2::bool[]) AS n (id, is_probe) \
         WHERE webhook_id = n.id AND (n.is_probe OR busy_until IS NOT NULL)",
    )
    .bind::<Array<SqlUuid>, _>(idle.iter().map(|it| it.webhook).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(idle.iter().map(|it| it.is_probe).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// $1 holder, $2 lanes, $3 of one webhook, $4 webhooks left out, $5 seconds.
///
/// Webhooks are looked at in any order, so that none waits behind a busy one. While a
/// circuit is open, whoever comes first when the next probe is due takes one lane: the one
/// that has waited longest, and after a probe that failed that is another. Of Discord one
/// lane is in hand at a time, whoever holds it.
const HOLD: &str = "
WITH paused AS (
    SELECT kind FROM provider_pauses WHERE until > now()
), single AS (
    SELECT h.webhook_id, w.kind, h.probe_at IS NOT NULL AS is_probe
    FROM webhook_health h JOIN webhooks w ON w.id = h.webhook_id
    CROSS JOIN LATERAL (SELECT FROM delivery_lanes l
                        WHERE l.webhook_id = h.webhook_id AND l.holder IS NULL AND l.due_at <= now() LIMIT 1) due
    WHERE w.enabled AND w.kind NOT IN (SELECT kind FROM paused)
      AND (h.probe_at <= now() OR (h.probe_at IS NULL AND w.kind = 'discord'))
      AND (h.paused_until IS NULL OR h.paused_until <= now())
      AND (h.busy_until IS NULL OR h.busy_until <= now())
      AND (w.kind <> 'discord' OR NOT EXISTS (SELECT 1 FROM delivery_lanes l
                                              WHERE l.webhook_id = w.id AND l.holder IS NOT NULL))
    FOR UPDATE OF h SKIP LOCKED
), ready AS (
    SELECT w.id AS webhook_id, w.kind, false AS is_probe, false AS is_single, $3::bigint AS most
    FROM webhooks w JOIN webhook_health h ON h.webhook_id = w.id
    WHERE w.enabled AND w.kind <> 'discord' AND w.kind NOT IN (SELECT kind FROM paused)
      AND h.probe_at IS NULL AND (h.paused_until IS NULL OR h.paused_until <= now())
      AND w.id <> ALL ($4::uuid[])
    UNION ALL
    SELECT webhook_id, kind, is_probe, true, 1 FROM single
), chosen AS (
    SELECT due.lane, r.*
    FROM (SELECT * FROM ready ORDER BY random()) r CROSS JOIN LATERAL (
        SELECT l.lane FROM delivery_lanes l
        WHERE l.webhook_id = r.webhook_id AND l.holder IS NULL AND l.due_at <= now()
        ORDER BY l.due_at LIMIT r.most FOR UPDATE SKIP LOCKED
    ) due
    LIMIT $2
), taken AS (
    UPDATE webhook_health h
    SET probe_at = CASE WHEN c.is_probe THEN now() + make_interval(secs => $5) END,
        busy_until = CASE WHEN c.kind = 'discord' THEN now() + make_interval(secs => $5) END
    FROM chosen c WHERE c.is_single AND h.webhook_id = c.webhook_id
)
UPDATE delivery_lanes l
SET holder = $1, held_until = now() + make_interval(secs => $5), fence = nextval('delivery_fences')
FROM chosen c WHERE l.webhook_id = c.webhook_id AND l.lane = c.lane
RETURNING l.webhook_id, l.lane, l.fence, c.is_probe";

/// $1 webhooks and $2 lanes, $3 merged, $4 whether it probes. Nothing passes what is older
/// in its lane, and nothing is sent to a webhook that was disabled, has failed or has asked for
/// a pause since its lane was claimed.
const HEADS: &str = "
WITH heads AS (
    SELECT d.*, w.kind, w.revision, s.last_success_at
    FROM unnest($1::uuid[], $2::text[], $4::bool[]) AS h (webhook_id, lane, is_probe)
    JOIN webhooks w ON w.id = h.webhook_id JOIN webhook_health s ON s.webhook_id = h.webhook_id
    CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT o.*, bool_and(o.due_at <= now()) OVER (ORDER BY o.seq) AS is_due FROM (
                SELECT * FROM deliveries d
                WHERE d.webhook_id = h.webhook_id AND d.lane = h.lane AND d.state = 'pending'
                ORDER BY d.seq LIMIT CASE w.kind WHEN 'discord' THEN $3 ELSE 1 END
            ) o
        ) o WHERE is_due
    ) d
    WHERE h.is_probe OR (w.enabled AND s.probe_at IS NULL
      AND (s.paused_until IS NULL OR s.paused_until <= now()))
), begun AS (
    INSERT INTO delivery_attempts (delivery_id, number)
    SELECT id, attempts + 1 FROM heads WHERE kind = 'signed'
    ON CONFLICT (delivery_id, number) DO UPDATE SET started_at = now()
      WHERE delivery_attempts.outcome = 'sending'
)
SELECT h.webhook_id, h.lane, h.revision, h.id AS delivery_id, h.attempts, h.failures,
       extract(epoch FROM now() - h.last_success_at)::float8 AS since_success,
       extract(epoch FROM now() - h.last_attempt_at)::float8 AS since_attempt, h.parked_at IS NOT NULL AS is_parked, h.event_id, e.event_type, e.body,
       before.was_refused IS TRUE AS was_refused, before.was_lost IS TRUE AS was_lost,
       CASE WHEN h.kind = 'discord' AND e.event_type = 'sync.completed' THEN (
           SELECT b.message_id FROM delivery_events s JOIN deliveries b ON b.event_id = s.id
           WHERE s.event_type = 'sync.started' AND s.subject = e.subject AND b.webhook_id = h.webhook_id
             AND b.message_id IS NOT NULL LIMIT 1) END AS begun_in
FROM heads h JOIN delivery_events e ON e.id = h.event_id
LEFT JOIN LATERAL (
    SELECT a.outcome = 'failed' AND a.status BETWEEN 400 AND 499 AS was_refused,
           a.outcome = 'unknown' AND a.counted AS was_lost
    FROM delivery_attempts a
    WHERE h.kind = 'discord' AND a.delivery_id = h.id AND a.number <= h.attempts AND a.outcome <> 'limited'
    ORDER BY a.number DESC LIMIT 1
) before ON true
ORDER BY h.webhook_id, h.lane, h.seq";
