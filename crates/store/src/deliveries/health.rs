//! How webhooks are doing: circuits, pauses, and since when nothing was taken.

use super::disable::disable;
use super::outcome::{HealthNote, LaneOutcome};
use super::pauses::provider_pauses;
use crate::error::StoreError;
use crate::pool::Connection;
use crate::prepared::prepared;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// After so long without a failure a webhook begins to fail anew. Longer than the usual
/// schedule's longest pause, so that one event that is refused again and again goes on.
const FORGETS_AFTER: TimeDelta = TimeDelta::hours(29);
/// Between two probes at most, in seconds.
const SLOWEST_PROBES: u32 = 300;

/// A webhook's row of `webhook_health`.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
struct Health {
    #[diesel(sql_type = SqlUuid)]
    webhook_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_success_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    failing_since: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_failure_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    probe_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    probes: i32,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    paused_until: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    alerted: i32,
}

impl Health {
    /// What a request says. One that failed and began before the webhook last took something
    /// says nothing new, and neither does one that is no probe while the circuit is open.
    fn hear(&mut self, outcome: &LaneOutcome) {
        let now = self.now;
        match outcome.health {
            HealthNote::Works { took_it: true } => {
                (self.probe_at, self.probes) = (None, 0);
                self.last_success_at = Some(now);
                (self.failing_since, self.alerted) = (None, 0);
            }
            HealthNote::Works { took_it: false } => {
                (self.probe_at, self.probes) = (None, 0);
                self.fail();
            }
            HealthNote::Fails { began }
                if (outcome.is_probe || self.probe_at.is_none())
                    && self.last_success_at.is_none_or(|at| at <= now - began) =>
            {
                self.fail();
                // 1 s, 2 s, 4 s … 5 min.
                let doubled = 1_u32.checked_shl(self.probes.unsigned_abs());
                let seconds = doubled.unwrap_or(SLOWEST_PROBES).min(SLOWEST_PROBES);
                self.probe_at = Some(now + Duration::from_secs(seconds.into()));
                self.probes += 1;
            }
            // It has shown nothing: another probe is due, after the pause.
            HealthNote::Nothing if outcome.is_probe => self.probe_at = Some(now),
            HealthNote::Limited => {
                self.fail();
                self.probe_at = self.probe_at.filter(|_| !outcome.is_probe);
            }
            HealthNote::Nothing | HealthNote::Fails { .. } | HealthNote::Disable { .. } => {}
        }
        if !outcome.pause.is_zero() {
            self.paused_until = self.paused_until.max(Some(now + outcome.pause));
        }
    }

    fn fail(&mut self) {
        let long_ago = self.now - FORGETS_AFTER;
        if self.failing_since.is_none() || self.last_failure_at.is_some_and(|at| at < long_ago) {
            (self.failing_since, self.alerted) = (Some(self.now), 0);
        }
        self.last_failure_at = Some(self.now);
    }
}

/// Writes what requests said about their webhooks, in the caller's transaction. Those that
/// one of them disables are locked already.
pub(super) async fn note(
    conn: &mut Connection,
    outcomes: &[&LaneOutcome],
) -> Result<(), StoreError> {
    let mut said: BTreeMap<Uuid, Vec<&LaneOutcome>> = BTreeMap::new();
    for it in outcomes {
        said.entry(it.webhook.0).or_default().push(it);
    }
    let mut rows = lock(conn, &said).await?;
    for row in &mut rows {
        for outcome in said.get(&row.webhook_id).into_iter().flatten() {
            row.hear(outcome);
        }
    }
    write(conn, rows).await?;
    provider_pauses(conn, outcomes).await?;
    let gone = outcomes.iter().filter_map(|it| match it.health {
        HealthNote::Disable { reason, revision } => Some((it.webhook.0, reason, Some(revision))),
        _ => None,
    });
    disable(conn, &gone.collect::<Vec<_>>()).await
}

/// Locks the rows that change, in their order. That a webhook took something is written a
/// tenth of a second apart at most, where it says nothing more.
async fn lock(
    conn: &mut Connection,
    said: &BTreeMap<Uuid, Vec<&LaneOutcome>>,
) -> Result<Vec<Health>, StoreError> {
    let is_plain =
        |it: &&LaneOutcome| it.health == HealthNote::Works { took_it: true } && it.pause.is_zero();
    let plain: Vec<bool> = said.values().map(|all| all.iter().all(is_plain)).collect();
    if plain.is_empty() {
        return Ok(Vec::new());
    }
    let rows = prepared(
        "SELECT h.webhook_id, now() AS now, h.last_success_at, h.failing_since, h.last_failure_at, h.probe_at, \
           h.probes, h.paused_until, h.alerted \
         FROM unnest($1::uuid[], $2::bool[]) AS n (id, plain) JOIN webhook_health h ON h.webhook_id = n.id \
         WHERE NOT n.plain OR h.busy_until IS NOT NULL OR h.probe_at IS NOT NULL OR h.failing_since IS NOT NULL \
           OR h.last_success_at IS NULL OR h.last_success_at < now() - interval '100 milliseconds' \
         ORDER BY h.webhook_id FOR UPDATE OF h",
    )
    .bind::<Array<SqlUuid>, _>(said.keys().copied().collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(plain)
    .load(conn)
    .await?;
    Ok(rows)
}

/// What was in hand is not any more, whatever became of it.
async fn write(conn: &mut Connection, rows: Vec<Health>) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    prepared(
        "UPDATE webhook_health h SET last_success_at = n.last_success_at, failing_since = n.failing_since, \
           last_failure_at = n.last_failure_at, probe_at = n.probe_at, probes = n.probes, \
           paused_until = n.paused_until, alerted = n.alerted, busy_until = NULL \
         FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], \
             $6::int[], $7::timestamptz[], $8::int[]) \
           AS n (id, last_success_at, failing_since, last_failure_at, probe_at, probes, paused_until, alerted) \
         WHERE h.webhook_id = n.id",
    )
    .bind::<Array<SqlUuid>, _>(rows.iter().map(|it| it.webhook_id).collect::<Vec<_>>())
    .bind::<Times, _>(rows.iter().map(|it| it.last_success_at).collect::<Vec<_>>())
    .bind::<Times, _>(rows.iter().map(|it| it.failing_since).collect::<Vec<_>>())
    .bind::<Times, _>(rows.iter().map(|it| it.last_failure_at).collect::<Vec<_>>())
    .bind::<Times, _>(rows.iter().map(|it| it.probe_at).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|it| it.probes).collect::<Vec<_>>())
    .bind::<Times, _>(rows.iter().map(|it| it.paused_until).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|it| it.alerted).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

type Times = Array<Nullable<Timestamptz>>;
