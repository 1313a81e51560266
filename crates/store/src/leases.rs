//! Named leases: work that any replica may do, one at a time.

use crate::error::StoreError;
use crate::pool::Store;
use common::types::id::WorkerId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// A lease that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub name: String,
    /// Grows with each change of holder.
    pub fence: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    fence: i64,
}

impl Store {
    /// Takes or renews a lease. `None`: another holder has it.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn lease_take(
        &self,
        name: &str,
        holder: WorkerId,
        duration: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = sql_query(
            "INSERT INTO leases AS l (name, holder, fence, until) \
             VALUES ($1, $2, 1, now() + make_interval(secs => $3)) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until, \
               fence = l.fence + (l.holder <> excluded.holder)::int \
             WHERE l.holder = excluded.holder OR l.until < now() \
             RETURNING fence",
        )
        .bind::<Text, _>(name)
        .bind::<SqlUuid, _>(holder.0)
        .bind::<Double, _>(duration.as_secs_f64())
        .load(&mut conn)
        .await?;
        Ok(rows.into_iter().next().map(|row| Lease {
            name: name.to_owned(),
            fence: row.fence,
        }))
    }

    /// Takes a lease only when nobody has it, the caller included: for work that
    /// is to be done at most once an interval.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn lease_try(
        &self,
        name: &str,
        holder: WorkerId,
        duration: Duration,
    ) -> Result<bool, StoreError> {
        let mut conn = self.conn().await?;
        let rows = sql_query(
            "INSERT INTO leases AS l (name, holder, fence, until) \
             VALUES ($1, $2, 1, now() + make_interval(secs => $3)) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until, \
               fence = l.fence + 1 WHERE l.until < now()",
        )
        .bind::<Text, _>(name)
        .bind::<SqlUuid, _>(holder.0)
        .bind::<Double, _>(duration.as_secs_f64())
        .execute(&mut conn)
        .await?;
        Ok(rows == 1)
    }

    /// Gives a lease back, so that nobody waits for its end.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn lease_release(&self, name: &str, holder: WorkerId) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query("UPDATE leases SET until = now() WHERE name = $1 AND holder = $2")
            .bind::<Text, _>(name)
            .bind::<SqlUuid, _>(holder.0)
            .execute(&mut conn)
            .await?;
        Ok(())
    }
}
