//! Which processes are alive.

use crate::error::StoreError;
use crate::pool::Store;
use common::types::id::WorkerId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::time::Duration;

/// What the workers of runs call their service.
pub const SYNC_WORKER: &str = "sync-worker";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    live: i64,
}

impl Store {
    /// Says that a worker lives, and answers how many of its service do: those
    /// heard of within `within`, the caller among them.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn worker_alive(
        &self,
        worker: WorkerId,
        service: &str,
        within: Duration,
    ) -> Result<u32, StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "INSERT INTO workers (id, service) VALUES ($1, $2) \
             ON CONFLICT (id) DO UPDATE SET seen_at = now()",
        )
        .bind::<SqlUuid, _>(worker.0)
        .bind::<Text, _>(service)
        .execute(&mut conn)
        .await?;
        Ok(living(&mut conn, service, within).await?.max(1))
    }

    /// How many workers of a service were heard of within `within`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn workers_alive(&self, service: &str, within: Duration) -> Result<u32, StoreError> {
        let mut conn = self.conn().await?;
        living(&mut conn, service, within).await
    }

    /// Says that a worker is going.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn worker_gone(&self, worker: WorkerId) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query("DELETE FROM workers WHERE id = $1 OR seen_at < now() - interval '1 day'")
            .bind::<SqlUuid, _>(worker.0)
            .execute(&mut conn)
            .await?;
        Ok(())
    }
}

async fn living(
    conn: &mut AsyncPgConnection,
    service: &str,
    within: Duration,
) -> Result<u32, StoreError> {
    let count: Count = sql_query(
        "SELECT count(*) AS live FROM workers \
         WHERE service = $1 AND seen_at > now() - make_interval(secs => $2)",
    )
    .bind::<Text, _>(service)
    .bind::<Double, _>(within.as_secs_f64())
    .get_result(conn)
    .await?;
    Ok(u32::try_from(count.live).unwrap_or(u32::MAX))
}
