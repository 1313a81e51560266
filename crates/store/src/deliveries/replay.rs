//! Deliveries made once more.

use super::DELIVERIES_CHANNEL;
use super::list::{CONDITIONS, DeliveryFilter, bind_filter};
use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::Store;
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;

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
                let statement = replay();
                let query = bind_filter!(sql_query(&statement), filter);
                let report: ReplayReport = query
                    .bind::<BigInt, _>(limit)
                    .bind::<Double, _>(per_second.max(0.001))
                    .get_result(conn)
                    .await?;
                if report.replayed > 0 {
                    let line = NewAdminLine {
                        event: AdminEvent::DeliveriesReplayed,
                        subject: None,
                        details: json!({
                            "replayed": report.replayed, "delivery_id": filter.id,
                            "webhook_id": filter.webhook, "state": filter.state,
                            "event_type": filter.event_type, "since": filter.since,
                            "until": filter.until, "per_second": per_second,
                        }),
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

/// A lane for replays: what is new does not wait for them.
fn replay() -> String {
    format!(
        "WITH matched AS (
            SELECT d.id, d.seq FROM deliveries d JOIN delivery_events e ON e.id = d.event_id
            WHERE {CONDITIONS} AND {REPLAYABLE}
        ), oldest AS (
            SELECT d.id, d.webhook_id, d.state, m.turn FROM (
                SELECT id, row_number() OVER (ORDER BY seq) - 1 AS turn FROM matched ORDER BY seq LIMIT $9
            ) m JOIN deliveries d ON d.id = m.id WHERE {REPLAYABLE} FOR UPDATE OF d
        ), again AS (
            UPDATE deliveries d SET state = 'pending', failures = 0, parked_at = NULL, reason = NULL,
                finished_at = NULL, due_at = now() + make_interval(secs => o.turn / $10), lane = 'replay'
            FROM oldest o WHERE d.id = o.id AND o.state <> 'pending'
            RETURNING d.webhook_id, d.lane, d.due_at
        ), sooner AS (
            UPDATE deliveries d SET due_at = now() FROM oldest o WHERE d.id = o.id AND o.state = 'pending'
            RETURNING d.webhook_id, d.lane, d.due_at
        ), touched AS (
            INSERT INTO delivery_lanes AS l (webhook_id, lane, due_at)
            SELECT webhook_id, lane, min(due_at) FROM (SELECT * FROM again UNION ALL SELECT * FROM sooner) r
            GROUP BY webhook_id, lane ORDER BY webhook_id, lane
            ON CONFLICT (webhook_id, lane) DO UPDATE SET due_at = least(l.due_at, excluded.due_at)
        )
        SELECT (SELECT count(*) FROM matched) AS matched, (SELECT count(*) FROM oldest) AS replayed"
    )
}
