//! Device logins that nobody polls any more: they end, what they hold is erased, and
//! a day later they are gone.

use super::flows::{COLUMNS, FlowRow};
use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::hytale::HytaleEnvironment;
use common::types::id::FlowId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;
use uuid::Uuid;

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Whether a login's time is over: that of its code, or that of its polls.
const OVER: &str = "(expires_at <= $2 OR first_polled_at <= $2 - make_interval(secs => $3))";

impl Store {
    /// Logins that nobody has approved and whose time is over at `now`: the code has
    /// expired, or the first poll was `polling` ago. None of which a poll is under way.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flows_over(
        &self,
        environment: HytaleEnvironment,
        now: DateTime<Utc>,
        polling: Duration,
        limit: i64,
    ) -> Result<Vec<FlowId>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<Id> = sql_query(format!(
            "SELECT id FROM hytale_device_flows WHERE environment = $1 AND state = 'open' AND {OVER} \
               AND (polling_until IS NULL OR polling_until < now()) \
             ORDER BY expires_at LIMIT $4"
        ))
        .bind::<Text, _>(environment.as_str())
        .bind::<Timestamptz, _>(now)
        .bind::<Double, _>(polling.as_secs_f64())
        .bind::<BigInt, _>(limit)
        .load(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| FlowId(row.id)).collect())
    }

    /// Claims logins that brought tokens and whose callers did not come back for them
    /// in time, each for `lease`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flows_unfinished(
        &self,
        environment: HytaleEnvironment,
        now: DateTime<Utc>,
        polling: Duration,
        lease: Duration,
        limit: i64,
    ) -> Result<Vec<FlowRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "UPDATE hytale_device_flows SET polling_until = now() + make_interval(secs => $4) \
             WHERE id = ANY(ARRAY(SELECT id FROM hytale_device_flows \
               WHERE environment = $1 AND state = 'exchanged' AND {OVER} \
                 AND (polling_until IS NULL OR polling_until < now()) \
               ORDER BY expires_at LIMIT $5 FOR UPDATE SKIP LOCKED)) \
             RETURNING {COLUMNS}"
        ))
        .bind::<Text, _>(environment.as_str())
        .bind::<Timestamptz, _>(now)
        .bind::<Double, _>(polling.as_secs_f64())
        .bind::<Double, _>(lease.as_secs_f64())
        .bind::<BigInt, _>(limit)
        .load(&mut conn)
        .await?)
    }

    /// Erases what logins hold that succeeded longer than `after` ago.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flows_erase(
        &self,
        environment: HytaleEnvironment,
        after: Duration,
    ) -> Result<usize, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "UPDATE hytale_device_flows SET access_token = NULL, refresh_token = NULL \
             WHERE environment = $1 AND state = 'succeeded' AND access_token IS NOT NULL \
               AND ended_at < now() - make_interval(secs => $2)",
        )
        .bind::<Text, _>(environment.as_str())
        .bind::<Double, _>(after.as_secs_f64())
        .execute(&mut conn)
        .await?)
    }

    /// Deletes logins that ended longer than `after` ago, at most `limit`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flows_delete(
        &self,
        environment: HytaleEnvironment,
        after: Duration,
        limit: i64,
    ) -> Result<usize, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "DELETE FROM hytale_device_flows WHERE id = ANY(ARRAY(SELECT id FROM hytale_device_flows \
               WHERE environment = $1 AND ended_at < now() - make_interval(secs => $2) \
               LIMIT $3 FOR UPDATE SKIP LOCKED))",
        )
        .bind::<Text, _>(environment.as_str())
        .bind::<Double, _>(after.as_secs_f64())
        .bind::<BigInt, _>(limit)
        .execute(&mut conn)
        .await?)
    }
}
