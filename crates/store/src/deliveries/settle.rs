//! What became of requests, and the next ones: one transaction, so that a sender asks
//! PostgreSQL once a round.

use super::claim::{HeldLane, LaneClaim, claim};
use super::dead::tell_of_dead;
use super::lanes::give_back;
use super::outcome::{HealthNote, LaneOutcome, NextStep, Settled};
use super::{health, parked_lane};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use crate::prepared::prepared;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

impl Store {
    /// Writes what became of lanes, gives them back or holds on to them, and claims others.
    /// Lanes that are no longer this sender's are passed over: what became of them is unknown
    /// by now.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is written then, and it may be tried again.
    pub async fn deliveries_turn(
        &self,
        outcomes: &[LaneOutcome],
        next: &LaneClaim,
    ) -> Result<Vec<HeldLane>, StoreError> {
        let mut conn = self.conn_that_plans_once().await?;
        conn.transaction(async |conn| {
            let stay = match outcomes {
                [] => Vec::new(),
                outcomes => settle(conn, outcomes, next).await?,
            };
            claim(conn, next, stay).await
        })
        .await
    }

    /// Writes attempts that begin now, of a lane that is still held: they may leave.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`], or when PostgreSQL cannot be asked.
    pub async fn deliveries_begin(&self, lane: &HeldLane) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        let begun = prepared(
            "WITH mine AS (SELECT 1 FROM delivery_lanes \
               WHERE webhook_id = $1 AND lane = $2 AND fence = $3 AND held_until > now() FOR UPDATE) \
             INSERT INTO delivery_attempts (delivery_id, number) \
             SELECT b.id, b.number FROM unnest($4::uuid[], $5::int[]) AS b (id, number), mine \
             ON CONFLICT (delivery_id, number) DO UPDATE SET started_at = now() \
               WHERE delivery_attempts.outcome = 'sending'",
        )
        .bind::<SqlUuid, _>(lane.webhook.0)
        .bind::<Text, _>(&lane.lane)
        .bind::<BigInt, _>(lane.fence)
        .bind::<Array<SqlUuid>, _>(lane.heads.iter().map(|it| it.delivery.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(lane.heads.iter().map(|it| it.attempt).collect::<Vec<_>>())
        .execute(&mut conn)
        .await?;
        if begun == lane.heads.len() {
            Ok(())
        } else {
            Err(StoreError::FenceLost)
        }
    }
}

#[derive(QueryableByName)]
struct Mine {
    #[diesel(sql_type = SqlUuid)]
    webhook_id: Uuid,
    #[diesel(sql_type = Text)]
    lane: String,
    #[diesel(sql_type = BigInt)]
    fence: i64,
}

/// Says which lanes are held on to.
async fn settle<'a>(
    conn: &mut Connection,
    outcomes: &'a [LaneOutcome],
    next: &LaneClaim,
) -> Result<Vec<&'a LaneOutcome>, StoreError> {
    lock_webhooks(conn, outcomes).await?;
    let mine = write(conn, outcomes).await?;
    let ours: Vec<&LaneOutcome> = outcomes
        .iter()
        .filter(|it| mine.contains(&(it.webhook.0, it.lane.clone(), it.fence)))
        .collect();
    let (mut stay, mut leave): (Vec<_>, Vec<_>) =
        ours.iter().copied().partition(|it| stays(it, next.stay));
    leave.extend(stay.split_off(stay.len().min(next.lanes as usize)));
    let lanes = leave.iter().map(|it| (it.webhook.0, it.lane.as_str()));
    give_back(conn, lanes).await?;
    health::note(conn, &ours).await?;
    let settled = ours.iter().flat_map(|it| &it.settled);
    let dead = settled.filter(|it| matches!(it.next, NextStep::Dead { .. }));
    tell_of_dead(conn, dead.map(|it| it.delivery.0).collect()).await?;
    Ok(stay)
}

/// Whether a sender holds on to a lane: that saves two changes of its row for each delivery,
/// and must not last, since others wait.
fn stays(outcome: &LaneOutcome, limit: Duration) -> bool {
    outcome.stays.is_some_and(|since| since.elapsed() < limit)
}

/// Locks webhooks that are about to be disabled or to get a lane more, before their lanes.
async fn lock_webhooks(conn: &mut Connection, outcomes: &[LaneOutcome]) -> Result<(), StoreError> {
    let parks = |it: &Settled| matches!(it.next, NextStep::Again { park: true, .. });
    let touched = outcomes.iter().filter(|it| {
        matches!(it.health, HealthNote::Disable { .. }) || it.settled.iter().any(parks)
    });
    let ids: Vec<Uuid> = touched.map(|it| it.webhook.0).collect();
    if ids.is_empty() {
        return Ok(());
    }
    prepared("SELECT 1 FROM webhooks WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE")
        .bind::<Array<SqlUuid>, _>(ids)
        .execute(conn)
        .await?;
    Ok(())
}

/// Columns of the statements, a row each delivery.
#[derive(Default)]
struct Columns {
    deliveries: Vec<Uuid>,
    numbers: Vec<Option<i32>>,
    outcomes: Vec<Option<&'static str>>,
    counted: Vec<bool>,
    statuses: Vec<Option<i32>>,
    answers: Vec<Option<String>>,
    milliseconds: Vec<Option<i32>>,
    states: Vec<&'static str>,
    waits: Vec<f64>,
    lanes: Vec<Option<String>>,
    reasons: Vec<Option<String>>,
    messages: Vec<Option<String>>,
    places: Vec<i32>,
}

impl Columns {
    /// `place` is that of its lane.
    fn push(&mut self, place: i32, it: &Settled) {
        let attempt = it.attempt.as_ref();
        self.deliveries.push(it.delivery.0);
        self.numbers.push(attempt.map(|it| it.number));
        self.outcomes.push(attempt.map(|it| it.outcome));
        self.counted.push(attempt.is_some_and(|it| it.counted));
        self.statuses.push(attempt.and_then(|it| it.status));
        self.answers.push(attempt.map(|it| it.answer.clone()));
        self.milliseconds
            .push(attempt.map(|it| i32::try_from(it.took.as_millis()).unwrap_or(i32::MAX)));
        let (state, wait, lane, reason, message) = match &it.next {
            NextStep::Delivered { message_id } => {
                ("delivered", Duration::ZERO, None, None, message_id.clone())
            }
            NextStep::Again { wait, park } => (
                "pending",
                *wait,
                park.then(|| parked_lane(it.delivery)),
                None,
                None,
            ),
            NextStep::Dead { reason } => ("dead", Duration::ZERO, None, Some(reason.clone()), None),
        };
        self.states.push(state);
        self.waits.push(wait.as_secs_f64());
        self.lanes.push(lane);
        self.reasons.push(reason);
        self.messages.push(message);
        self.places.push(place);
    }
}

/// Locks the lanes that are still ours, and writes what became of their heads. What is added
/// to them meanwhile is seen by the statements that follow.
async fn write(
    conn: &mut Connection,
    outcomes: &[LaneOutcome],
) -> Result<BTreeSet<(Uuid, String, i64)>, StoreError> {
    let mut columns = Columns::default();
    for (place, outcome) in (0..).zip(outcomes) {
        for it in &outcome.settled {
            columns.push(place, it);
        }
    }
    let rows: Vec<Mine> = prepared(WRITE)
        .bind::<Array<SqlUuid>, _>(columns.deliveries)
        .bind::<Array<Nullable<Integer>>, _>(columns.numbers)
        .bind::<Array<Nullable<Text>>, _>(columns.outcomes)
        .bind::<Array<Bool>, _>(columns.counted)
        .bind::<Array<Nullable<Integer>>, _>(columns.statuses)
        .bind::<Array<Nullable<Text>>, _>(columns.answers)
        .bind::<Array<Nullable<Integer>>, _>(columns.milliseconds)
        .bind::<Array<Text>, _>(columns.states)
        .bind::<Array<Double>, _>(columns.waits)
        .bind::<Array<Nullable<Text>>, _>(columns.lanes)
        .bind::<Array<Nullable<Text>>, _>(columns.reasons)
        .bind::<Array<Nullable<Text>>, _>(columns.messages)
        .bind::<Array<Integer>, _>(columns.places)
        .bind::<Array<SqlUuid>, _>(outcomes.iter().map(|it| it.webhook.0).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(outcomes.iter().map(|it| &it.lane).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(outcomes.iter().map(|it| it.fence).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>((0..).zip(outcomes).map(|(it, _)| it).collect::<Vec<i32>>())
        .load(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.webhook_id, row.lane, row.fence))
        .collect())
}

/// $1 to $12 of what was settled, $13 in which of the lanes; $14 to $16 lanes as they were
/// claimed, $17 their places. All lanes are locked before anything is written.
///
/// What was set aside gets a lane of its own. Of limits met in a row the first is kept, however
/// many there are. Of Discord, what could not be sent has no attempt
/// yet. That something is not finished is said by its time and not by its state: the index of
/// what waits would lead to all that waits.
const WRITE: &str = "
WITH mine AS MATERIALIZED (
    SELECT l.webhook_id, l.lane, l.fence, h.place
    FROM unnest($14::uuid[], $15::text[], $16::bigint[], $17::int[]) AS h (webhook_id, lane, fence, place)
    JOIN delivery_lanes l ON l.webhook_id = h.webhook_id AND l.lane = h.lane AND l.fence = h.fence
    WHERE l.holder IS NOT NULL ORDER BY l.webhook_id, l.lane FOR UPDATE OF l
), s AS MATERIALIZED (
    SELECT u.*, CASE WHEN u.outcome = 'limited' THEN EXISTS (
               SELECT FROM delivery_attempts a
               WHERE a.delivery_id = u.id AND a.number = u.number - 1 AND a.outcome = 'limited')
           ELSE false END AS repeats
    FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bool[], $5::int[], $6::text[], $7::int[],
                           $8::text[], $9::float8[], $10::text[], $11::text[], $12::text[], $13::int[])
      AS u (id, number, outcome, counted, status, answer, milliseconds, state, wait, lane, reason, message_id,
            place)
    JOIN mine ON mine.place = u.place
), again AS (
    DELETE FROM delivery_attempts a USING s WHERE s.repeats AND a.delivery_id = s.id AND a.number = s.number
), noted AS (
    UPDATE delivery_attempts a
    SET outcome = s.outcome, counted = s.counted, status = s.status, answer = s.answer,
        milliseconds = s.milliseconds
    FROM s WHERE NOT s.repeats AND a.delivery_id = s.id AND a.number = s.number
), unsent AS (
    INSERT INTO delivery_attempts (delivery_id, number, outcome, counted, answer, milliseconds)
    SELECT id, number, outcome, counted, answer, milliseconds FROM s
    WHERE number IS NOT NULL AND status IS NULL AND NOT repeats
    ON CONFLICT (delivery_id, number) DO NOTHING
), written AS (
    UPDATE deliveries d
    SET state = s.state,
        attempts = CASE WHEN s.number IS NULL OR s.repeats THEN d.attempts ELSE s.number END,
        failures = d.failures + s.counted::int,
        last_attempt_at = CASE WHEN s.number IS NULL THEN d.last_attempt_at
                               ELSE now() - make_interval(secs => COALESCE(s.milliseconds, 0) / 1000.0) END,
        due_at = now() + make_interval(secs => s.wait), lane = COALESCE(s.lane, d.lane),
        parked_at = CASE WHEN s.lane IS NULL THEN d.parked_at ELSE now() END,
        reason = s.reason, message_id = COALESCE(s.message_id, d.message_id),
        finished_at = CASE WHEN s.state = 'pending' THEN NULL ELSE now() END
    FROM s WHERE d.id = s.id AND d.finished_at IS NULL
    RETURNING d.webhook_id, s.lane, d.due_at
), aside AS (
    INSERT INTO delivery_lanes (webhook_id, lane, due_at)
    SELECT webhook_id, lane, due_at FROM written WHERE lane IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT webhook_id, lane, fence FROM mine";
