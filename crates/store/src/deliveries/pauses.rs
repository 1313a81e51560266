//! Providers that block us: nothing goes to any of their webhooks, whoever would send it.

use super::outcome::LaneOutcome;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::id::WebhookId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Double, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;
use uuid::Uuid;

#[derive(QueryableByName)]
struct Left {
    #[diesel(sql_type = Nullable<Double>)]
    seconds: Option<f64>,
}

impl Store {
    /// How long nothing goes to the provider of this webhook any more; `None` if it may.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhook_provider_paused(
        &self,
        id: WebhookId,
    ) -> Result<Option<Duration>, StoreError> {
        let mut conn = self.conn().await?;
        let left: Left = sql_query(
            "SELECT max(EXTRACT(EPOCH FROM p.until - now()))::float8 AS seconds \
             FROM provider_pauses p JOIN webhooks w ON w.kind = p.kind WHERE w.id = $1 AND p.until > now()",
        )
        .bind::<SqlUuid, _>(id.0)
        .get_result(&mut conn)
        .await?;
        Ok(left.seconds.map(Duration::from_secs_f64))
    }

    /// Nothing goes to the provider of this webhook for so long.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhook_provider_pause(
        &self,
        id: WebhookId,
        lasts: Duration,
    ) -> Result<(), StoreError> {
        pause(&mut *self.conn().await?, id.0, lasts).await
    }
}

/// Writes that providers block us, in the caller's transaction.
pub(super) async fn provider_pauses(
    conn: &mut Connection,
    outcomes: &[&LaneOutcome],
) -> Result<(), StoreError> {
    for it in outcomes.iter().filter(|it| !it.provider_pause.is_zero()) {
        pause(conn, it.webhook.0, it.provider_pause).await?;
    }
    Ok(())
}

async fn pause(conn: &mut Connection, webhook: Uuid, lasts: Duration) -> Result<(), StoreError> {
    sql_query(
        "INSERT INTO provider_pauses AS p (kind, until) \
         SELECT kind, now() + make_interval(secs => $2) FROM webhooks WHERE id = $1 \
         ON CONFLICT (kind) DO UPDATE SET until = greatest(p.until, excluded.until)",
    )
    .bind::<SqlUuid, _>(webhook)
    .bind::<Double, _>(lasts.as_secs_f64())
    .execute(conn)
    .await?;
    Ok(())
}
