//! Webhooks that asked for a pause, and providers that block us: nothing goes there, whoever
//! would send it.

use super::outcome::LaneOutcome;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::id::WebhookId;
use common::types::webhook::WebhookKind;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Double, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;

#[derive(QueryableByName)]
struct Left {
    #[diesel(sql_type = Nullable<Double>)]
    seconds: Option<f64>,
}

#[derive(QueryableByName)]
struct Kind {
    #[diesel(sql_type = Text)]
    kind: String,
}

impl Store {
    /// How long nothing goes to webhooks of this kind any more, or to this one, if it is stored;
    /// `None` if it may.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhooks_paused(
        &self,
        kind: WebhookKind,
        webhook: Option<WebhookId>,
    ) -> Result<Option<Duration>, StoreError> {
        let mut conn = self.conn().await?;
        let left: Left = sql_query(
            "SELECT EXTRACT(EPOCH FROM greatest( \
               (SELECT until FROM provider_pauses WHERE kind = $1), \
               (SELECT paused_until FROM webhook_health WHERE webhook_id = $2)) - now())::float8 AS seconds",
        )
        .bind::<Text, _>(kind.as_str())
        .bind::<Nullable<SqlUuid>, _>(webhook.map(|it| it.0))
        .get_result(&mut conn)
        .await?;
        let left = left.seconds.filter(|seconds| *seconds > 0.0);
        Ok(left.map(Duration::from_secs_f64))
    }

    /// Nothing goes to a webhook for so long: it asked for that.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn webhook_pause(&self, id: WebhookId, lasts: Duration) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "UPDATE webhook_health SET paused_until = greatest(paused_until, now() + make_interval(secs => $2)) \
             WHERE webhook_id = $1",
        )
        .bind::<SqlUuid, _>(id.0)
        .bind::<Double, _>(lasts.as_secs_f64())
        .execute(&mut conn)
        .await?;
        Ok(())
    }

    /// Nothing goes to the provider of webhooks of this kind for so long.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn provider_pause(
        &self,
        kind: WebhookKind,
        lasts: Duration,
    ) -> Result<(), StoreError> {
        pause(&mut *self.conn().await?, kind.as_str(), lasts).await
    }
}

/// Writes that providers block us, in the caller's transaction.
pub(super) async fn provider_pauses(
    conn: &mut Connection,
    outcomes: &[&LaneOutcome],
) -> Result<(), StoreError> {
    for it in outcomes.iter().filter(|it| !it.provider_pause.is_zero()) {
        let kind: Kind = sql_query("SELECT kind FROM webhooks WHERE id = $1")
            .bind::<SqlUuid, _>(it.webhook.0)
            .get_result(conn)
            .await?;
        pause(conn, &kind.kind, it.provider_pause).await?;
    }
    Ok(())
}

async fn pause(conn: &mut Connection, kind: &str, lasts: Duration) -> Result<(), StoreError> {
    sql_query(
        "INSERT INTO provider_pauses AS p (kind, until) VALUES ($1, now() + make_interval(secs => $2)) \
         ON CONFLICT (kind) DO UPDATE SET until = greatest(p.until, excluded.until)",
    )
    .bind::<Text, _>(kind)
    .bind::<Double, _>(lasts.as_secs_f64())
    .execute(conn)
    .await?;
    Ok(())
}
