//! How webhooks are doing: circuits, pauses, and those that fail for days.

use super::settle::{HealthNote, LaneOutcome};
use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::event::{Event, EventType};
use common::types::id::WebhookId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{
    Array, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A webhook that takes nothing.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct FailingWebhook {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Since when.
    #[diesel(sql_type = Timestamptz)]
    pub failing_since: DateTime<Utc>,
    /// When it last failed.
    #[diesel(sql_type = Timestamptz)]
    pub last_failure_at: DateTime<Utc>,
    /// Highest per cent of the time until it is disabled that was told of.
    #[diesel(sql_type = Integer)]
    pub alerted: i32,
}

/// What is told of a failing webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAlert {
    /// Which.
    pub webhook: WebhookId,
    /// Its name.
    pub name: String,
    /// Since when it fails; if that is another by now, nothing is told.
    pub failing_since: DateTime<Utc>,
    /// Per cent of the time that is over.
    pub percent: i32,
    /// When it is disabled.
    pub disabled_at: DateTime<Utc>,
    /// Whether that is now.
    pub disable: bool,
}

impl Store {
    /// Enabled webhooks that take nothing, with what was told of them.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhooks_failing(&self) -> Result<Vec<FailingWebhook>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT w.id, w.name, h.failing_since, \
               COALESCE(h.last_failure_at, h.failing_since) AS last_failure_at, h.alerted FROM webhook_health h \
             JOIN webhooks w ON w.id = h.webhook_id WHERE h.failing_since IS NOT NULL AND w.enabled",
        )
        .load(&mut conn)
        .await?)
    }

    /// Tells of a failing webhook, once, and disables it if its time is over.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is told then.
    pub async fn webhook_alert(&self, alert: &WebhookAlert) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        conn.transaction(async |conn| {
            let told = sql_query(
                "UPDATE webhook_health SET alerted = $2 \
                 WHERE webhook_id = $1 AND failing_since = $3 AND alerted < $2",
            )
            .bind::<SqlUuid, _>(alert.webhook.0)
            .bind::<Integer, _>(alert.percent)
            .bind::<Timestamptz, _>(alert.failing_since)
            .execute(conn)
            .await?;
            if told == 0 {
                return Ok(());
            }
            let data = json!({
                "name": alert.name, "since": alert.failing_since, "percent": alert.percent,
                "disabled_at": alert.disabled_at,
            });
            let subject = alert.webhook.to_string();
            let event = Event::new(EventType::WebhookFailing, subject, Utc::now(), data);
            outbox::say(conn, vec![Outgoing::event(event)]).await?;
            if alert.disable {
                disable(conn, &[alert.webhook.0], &["FAILING"]).await?;
            }
            Ok(())
        })
        .await
    }
}

/// Writes what requests said about their webhooks, in the caller's transaction.
pub(super) async fn note(
    conn: &mut Connection,
    outcomes: &[&LaneOutcome],
) -> Result<(), StoreError> {
    let of = |pick: fn(HealthNote) -> bool| -> Vec<&LaneOutcome> {
        outcomes
            .iter()
            .copied()
            .filter(|it| pick(it.health))
            .collect()
    };
    works(conn, &of(|it| matches!(it, HealthNote::Works { .. }))).await?;
    fails(conn, &of(|it| matches!(it, HealthNote::Fails { .. }))).await?;
    pauses(conn, outcomes).await?;
    provider_pauses(conn, outcomes).await?;
    let gone = of(|it| matches!(it, HealthNote::Disable { .. }));
    let reasons = gone.iter().map(|it| match it.health {
        HealthNote::Disable { reason } => reason,
        _ => "",
    });
    let ids: Vec<Uuid> = gone.iter().map(|it| it.webhook.0).collect();
    disable(conn, &ids, &reasons.collect::<Vec<_>>()).await
}

/// Written a tenth of a second apart at most, unless there is something to take back.
async fn works(conn: &mut Connection, outcomes: &[&LaneOutcome]) -> Result<(), StoreError> {
    let mut took: BTreeMap<Uuid, bool> = BTreeMap::new();
    for it in outcomes {
        let HealthNote::Works { took_it } = it.health else {
            continue;
        };
        *took.entry(it.webhook.0).or_default() |= took_it;
    }
    if took.is_empty() {
        return Ok(());
    }
    let (ids, took): (Vec<Uuid>, Vec<bool>) = took.into_iter().unzip();
    sql_query(
        "WITH n AS (SELECT h.webhook_id, n.took_it FROM unnest($1::uuid[], $2::bool[]) AS n (id, took_it) \
           JOIN webhook_health h ON h.webhook_id = n.id \
           WHERE h.probe_at IS NOT NULL OR NOT n.took_it OR (n.took_it AND (h.failing_since IS NOT NULL \
             OR h.last_success_at IS NULL OR h.last_success_at < now() - interval '100 milliseconds')) \
           ORDER BY h.webhook_id FOR UPDATE OF h) \
         UPDATE webhook_health h SET probe_at = NULL, probes = 0, \
           last_success_at = CASE WHEN n.took_it THEN now() ELSE h.last_success_at END, \
           failing_since = CASE WHEN NOT n.took_it THEN COALESCE(h.failing_since, now()) END, \
           last_failure_at = CASE WHEN n.took_it THEN h.last_failure_at ELSE now() END, \
           alerted = CASE WHEN n.took_it THEN 0 ELSE h.alerted END \
         FROM n WHERE h.webhook_id = n.webhook_id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Bool>, _>(took)
    .execute(conn)
    .await?;
    Ok(())
}

/// Opens circuits, and after a probe that failed waits twice as long for the next: 1 s, 2 s,
/// … 5 min. A request that began before the webhook last took something says nothing new.
async fn fails(conn: &mut Connection, outcomes: &[&LaneOutcome]) -> Result<(), StoreError> {
    let mut failed: BTreeMap<Uuid, (f64, bool)> = BTreeMap::new();
    for it in outcomes {
        let HealthNote::Fails { began, is_probe } = it.health else {
            continue;
        };
        let entry = failed.entry(it.webhook.0).or_insert((f64::MAX, false));
        entry.0 = entry.0.min(began.as_secs_f64());
        entry.1 |= is_probe;
    }
    if failed.is_empty() {
        return Ok(());
    }
    let (ids, rest): (Vec<Uuid>, Vec<(f64, bool)>) = failed.into_iter().unzip();
    let (began, probes): (Vec<f64>, Vec<bool>) = rest.into_iter().unzip();
    sql_query(
        "WITH n AS (SELECT h.webhook_id, n.is_probe FROM unnest($1::uuid[], $2::float8[], $3::bool[]) \
             AS n (id, began, is_probe) \
           JOIN webhook_health h ON h.webhook_id = n.id \
           WHERE (n.is_probe OR h.probe_at IS NULL) AND (h.last_success_at IS NULL \
             OR h.last_success_at <= now() - make_interval(secs => n.began)) \
           ORDER BY h.webhook_id FOR UPDATE OF h) \
         UPDATE webhook_health h SET failing_since = COALESCE(h.failing_since, now()), last_failure_at = now(), \
           probe_at = now() + make_interval(secs => least(300, 2 ^ least(h.probes, 16))), \
           probes = h.probes + 1 \
         FROM n WHERE h.webhook_id = n.webhook_id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Double>, _>(began)
    .bind::<Array<Bool>, _>(probes)
    .execute(conn)
    .await?;
    Ok(())
}

async fn pauses(conn: &mut Connection, outcomes: &[&LaneOutcome]) -> Result<(), StoreError> {
    let mut pauses: BTreeMap<Uuid, f64> = BTreeMap::new();
    for it in outcomes.iter().filter(|it| !it.pause.is_zero()) {
        let longest = pauses.entry(it.webhook.0).or_default();
        *longest = longest.max(it.pause.as_secs_f64());
    }
    if pauses.is_empty() {
        return Ok(());
    }
    let (ids, waits): (Vec<Uuid>, Vec<f64>) = pauses.into_iter().unzip();
    // A probe that was asked to wait has not shown anything: another is due after the pause.
    sql_query(
        "WITH n AS (SELECT h.webhook_id, n.wait FROM unnest($1::uuid[], $2::float8[]) AS n (id, wait) \
           JOIN webhook_health h ON h.webhook_id = n.id ORDER BY h.webhook_id FOR UPDATE OF h) \
         UPDATE webhook_health h SET probe_at = CASE WHEN h.probe_at IS NULL THEN NULL ELSE now() END, \
           paused_until = greatest(h.paused_until, now() + make_interval(secs => n.wait)) \
         FROM n WHERE h.webhook_id = n.webhook_id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Double>, _>(waits)
    .execute(conn)
    .await?;
    Ok(())
}

/// The provider of a webhook blocks us: nothing is sent to any of its webhooks for so long.
async fn provider_pauses(
    conn: &mut Connection,
    outcomes: &[&LaneOutcome],
) -> Result<(), StoreError> {
    let blocked = outcomes.iter().filter(|it| !it.provider_pause.is_zero());
    for it in blocked {
        sql_query(
            "INSERT INTO provider_pauses AS p (kind, until) \
             SELECT kind, now() + make_interval(secs => $2) FROM webhooks WHERE id = $1 \
             ON CONFLICT (kind) DO UPDATE SET until = greatest(p.until, excluded.until)",
        )
        .bind::<SqlUuid, _>(it.webhook.0)
        .bind::<Double, _>(it.provider_pause.as_secs_f64())
        .execute(conn)
        .await?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Disabled {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
}

/// Disables webhooks, and says so in the outbox.
async fn disable(
    conn: &mut Connection,
    webhooks: &[Uuid],
    reasons: &[&str],
) -> Result<(), StoreError> {
    if webhooks.is_empty() {
        return Ok(());
    }
    let rows: Vec<Disabled> = sql_query(
        "WITH n AS (SELECT w.id, min(n.reason) AS reason FROM unnest($1::uuid[], $2::text[]) AS n (id, reason) \
           JOIN webhooks w ON w.id = n.id AND w.enabled GROUP BY w.id ORDER BY w.id) \
         UPDATE webhooks w SET enabled = false, disabled_because = n.reason, disabled_at = now(), \
           revision = w.revision + 1 \
         FROM n WHERE w.id = n.id AND w.enabled RETURNING w.id, w.name, w.disabled_because AS reason",
    )
    .bind::<Array<SqlUuid>, _>(webhooks)
    .bind::<Array<Text>, _>(reasons)
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
