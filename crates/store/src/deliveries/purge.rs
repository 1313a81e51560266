//! Dead deliveries, deleted by hand: by themselves they never go.

use super::list::{CONDITIONS, DeliveryFilter, bind_filter};
use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::Store;
use common::types::admin::AdminEvent;
use common::types::caller::Actor;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;

/// What was purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct PurgeReport {
    /// Dead deliveries that the filter names.
    #[diesel(sql_type = BigInt)]
    pub matched: i64,
    /// Of these, those that are gone now.
    #[diesel(sql_type = BigInt)]
    pub purged: i64,
}

impl Store {
    /// Deletes dead deliveries with their attempts, the oldest first, `limit` at most. One that
    /// is being made again stays. Their events go with the next clean-up.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is deleted then.
    pub async fn deliveries_purge(
        &self,
        filter: &DeliveryFilter,
        limit: i64,
        actor: &Actor,
    ) -> Result<PurgeReport, StoreError> {
        let (filter, actor) = (filter.clone(), actor.clone());
        admin_audit::change(self, move |conn| {
            async move {
                let statement = purge();
                let report: PurgeReport = bind_filter!(sql_query(&statement), filter)
                    .bind::<BigInt, _>(limit)
                    .get_result(conn)
                    .await?;
                if report.purged > 0 {
                    let mut details = filter.told();
                    details["purged"] = json!(report.purged);
                    details["limit"] = json!(limit);
                    let line = NewAdminLine {
                        event: AdminEvent::DeliveriesPurged,
                        subject: None,
                        details,
                    };
                    admin_audit::append(conn, &line, &actor).await?;
                }
                Ok(report)
            }
            .boxed()
        })
        .await
    }
}

/// $9 how many.
fn purge() -> String {
    format!(
        "WITH matched AS (
            SELECT d.id, d.seq FROM deliveries d JOIN delivery_events e ON e.id = d.event_id
            WHERE {CONDITIONS} AND d.state = 'dead'
        ), oldest AS (
            SELECT d.id FROM deliveries d WHERE d.state = 'dead' AND d.id IN (SELECT id FROM matched)
            ORDER BY d.seq LIMIT $9 FOR UPDATE SKIP LOCKED
        ), purged AS (
            DELETE FROM deliveries WHERE id IN (SELECT id FROM oldest) RETURNING 1
        )
        SELECT (SELECT count(*) FROM matched) AS matched, (SELECT count(*) FROM purged) AS purged"
    )
}
