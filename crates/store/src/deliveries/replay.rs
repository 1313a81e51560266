//! Deliveries made once more.

use super::DELIVERIES_CHANNEL;
use super::list::{CONDITIONS, DeliveryFilter, bind_filter};
use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::Store;
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use common::types::id::DeliveryId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;
use uuid::Uuid;

/// What a replay does, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct ReplayReport {
    /// Deliveries that the filter names and that are over, or were set aside.
    #[diesel(sql_type = BigInt)]
    pub matched: i64,
    /// Of these, those that are made again.
    #[diesel(sql_type = BigInt)]
    pub replayed: i64,
}

impl Store {
    /// How many deliveries a replay would make again.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn deliveries_replayable(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<ReplayReport, StoreError> {
        let mut conn = self.conn().await?;
        let query = sql_query(format!(
            "SELECT count(*) AS matched, 0::bigint AS replayed FROM deliveries d \
             JOIN delivery_events e ON e.id = d.event_id WHERE {CONDITIONS} AND {REPLAYABLE}"
        ));
        Ok(bind_filter!(query, filter).get_result(&mut conn).await?)
    }

    /// Makes deliveries again, the oldest first, `limit` at most and `per_second` a second.
    /// They keep their ids, so that a receiver knows what it has had, and go beside what is
    /// new. Those that were set aside are tried now.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is replayed then.
    pub async fn deliveries_replay(
        &self,
        filter: &DeliveryFilter,
        limit: i64,
        per_second: f64,
        actor: &Actor,
    ) -> Result<ReplayReport, StoreError> {
        let (filter, actor) = (filter.clone(), actor.clone());
        admin_audit::change(self, move |conn| {
            async move {
                let webhooks = lock_webhooks();
                let webhooks: Vec<Locked> = bind_filter!(sql_query(&webhooks), filter)
                    .load(conn)
                    .await?;
                let statement = replay();
                let query = bind_filter!(sql_query(&statement), filter);
                let report: ReplayReport = query
                    .bind::<BigInt, _>(limit)
                    .bind::<Double, _>(per_second.max(0.001))
                    .bind::<Text, _>(format!("replay:{}", DeliveryId::new()))
                    .bind::<Array<SqlUuid>, _>(webhooks.iter().map(|it| it.id).collect::<Vec<_>>())
                    .get_result(conn)
                    .await?;
                if report.replayed > 0 {
                    let mut details = filter.told();
                    details["replayed"] = json!(report.replayed);
                    details["limit"] = json!(limit);
                    details["per_second"] = json!(per_second);
                    let line = NewAdminLine {
                        event: AdminEvent::DeliveriesReplayed,
                        subject: None,
                        details,
                    };
                    admin_audit::append(conn, &line, &actor).await?;
                    sql_query(format!("NOTIFY {DELIVERIES_CHANNEL}"))
                        .execute(conn)
                        .await?;
                }
                Ok(report)
            }
            .boxed()
        })
        .await
    }
}

const REPLAYABLE: &str = "(d.state <> 'pending' OR d.parked_at IS NOT NULL)";

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Those of webhooks that are there, which stay until this is over.
fn lock_webhooks() -> String {
    format!(
        "SELECT id FROM webhooks WHERE id IN (SELECT d.webhook_id FROM deliveries d \
           JOIN delivery_events e ON e.id = d.event_id WHERE {CONDITIONS} AND {REPLAYABLE}) \
         ORDER BY id FOR KEY SHARE"
    )
}

/// Of webhooks that were locked: those that something became replayable of since then may be
/// waited for by whoever holds them. A lane for each replay: neither what is new nor another
/// replay waits for it. What was set aside stays in its
/// lane, and is passed by while a sender has it in hand.
fn replay() -> String {
    format!(
        "WITH matched AS (
            SELECT d.id, d.seq, d.state, d.webhook_id, d.lane
            FROM deliveries d JOIN delivery_events e ON e.id = d.event_id
            WHERE {CONDITIONS} AND {REPLAYABLE} AND d.webhook_id = ANY ($12)
        ), oldest AS (
            SELECT *, row_number() OVER (ORDER BY seq) - 1 AS turn FROM matched ORDER BY seq LIMIT $9
        ), over AS (
            SELECT d.id, o.turn FROM oldest o JOIN deliveries d ON d.id = o.id
            WHERE o.state <> 'pending' AND d.state <> 'pending' FOR NO KEY UPDATE OF d SKIP LOCKED
        ), again AS (
            UPDATE deliveries d SET state = 'pending', failures = 0, parked_at = NULL, reason = NULL,
                finished_at = NULL, due_at = now() + make_interval(secs => o.turn / $10), lane = $11
            FROM over o WHERE d.id = o.id
            RETURNING d.webhook_id, d.lane, d.due_at
        ), touched AS (
            INSERT INTO delivery_lanes AS l (webhook_id, lane, due_at)
            SELECT webhook_id, lane, min(due_at) FROM again GROUP BY webhook_id, lane ORDER BY webhook_id, lane
            ON CONFLICT (webhook_id, lane) DO UPDATE SET due_at = least(l.due_at, excluded.due_at)
        ), aside AS (
            SELECT l.webhook_id, l.lane FROM oldest o
            JOIN delivery_lanes l ON l.webhook_id = o.webhook_id AND l.lane = o.lane
            WHERE o.state = 'pending' AND l.holder IS NULL
            ORDER BY l.webhook_id, l.lane FOR UPDATE OF l SKIP LOCKED
        ), sooner AS (
            UPDATE deliveries d SET due_at = now() FROM aside a
            WHERE d.webhook_id = a.webhook_id AND d.lane = a.lane AND d.state = 'pending'
            RETURNING 1
        ), due AS (
            UPDATE delivery_lanes l SET due_at = now() FROM aside a
            WHERE l.webhook_id = a.webhook_id AND l.lane = a.lane
        )
        SELECT (SELECT count(*) FROM matched) AS matched,
               (SELECT count(*) FROM again) + (SELECT count(*) FROM sooner) AS replayed"
    )
}
