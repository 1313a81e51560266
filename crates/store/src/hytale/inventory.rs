//! Which sessions count against Hytale's limit, one by one.

use super::session_limit::{COLUMNS, COUNTS, LOST_SESSIONS_COUNT, SessionCount};
use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::caller::Principal;
use common::types::hytale::HytaleEnvironment;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Bool, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

/// A session that counts, without its tokens.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct CountedSession {
    /// Our id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Whose.
    #[diesel(sql_type = SqlUuid)]
    pub account_id: Uuid,
    /// For which profile.
    #[diesel(sql_type = SqlUuid)]
    pub profile_id: Uuid,
    /// For which of our servers.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub server_id: Option<Uuid>,
    /// Whether no answer came, and Hytale may hold it all the same.
    #[diesel(sql_type = Bool)]
    pub lost: bool,
    /// When it was asked for.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When its pair of tokens ends.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// Which sessions that count are wanted; by account, then in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct InventoryPage {
    /// Only of accounts that all of these own; empty: of all.
    pub owners: Vec<Principal>,
    /// Only of this account.
    pub account: Option<Uuid>,
    /// Only behind this one: its account and its id.
    pub after: Option<(Uuid, Uuid)>,
    /// At most this many.
    pub limit: i64,
}

impl Store {
    /// Sessions that count against Hytale's limit at `now`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_sessions_counted(
        &self,
        environment: HytaleEnvironment,
        page: &InventoryPage,
        now: DateTime<Utc>,
    ) -> Result<Vec<CountedSession>, StoreError> {
        let (after_account, after) = page.after.unzip();
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT id, account_id, profile_id, server_id, state <> 'active' AS lost, created_at, expires_at \
             FROM hytale_sessions s WHERE {COUNTS} \
               AND ($4::uuid IS NULL OR account_id = $4) \
               AND (cardinality($5::text[]) = 0 OR s.account_id IN (SELECT o.account_id \
                 FROM hytale_account_owners o WHERE o.environment = $1 AND o.principal = ANY($5) \
                 GROUP BY o.account_id HAVING count(*) = cardinality($5))) \
               AND ($6::uuid IS NULL OR (account_id, id) > ($6, $7)) \
             ORDER BY account_id, id LIMIT $8"
        ))
        .bind::<Text, _>(environment.as_str())
        .bind::<Timestamptz, _>(now)
        .bind::<Double, _>(LOST_SESSIONS_COUNT.as_secs_f64())
        .bind::<Nullable<SqlUuid>, _>(page.account)
        .bind::<Array<Text>, _>(
            page.owners
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )
        .bind::<Nullable<SqlUuid>, _>(after_account)
        .bind::<Nullable<SqlUuid>, _>(after)
        .bind::<BigInt, _>(page.limit)
        .load(&mut conn)
        .await?)
    }

    /// How many sessions of these accounts count at `now`, in the order of their ids;
    /// accounts that have none are left out.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_session_counts_of(
        &self,
        environment: HytaleEnvironment,
        accounts: &[Uuid],
        now: DateTime<Utc>,
    ) -> Result<Vec<SessionCount>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM hytale_sessions WHERE {COUNTS} AND account_id = ANY($4) \
             GROUP BY account_id ORDER BY account_id"
        ))
        .bind::<Text, _>(environment.as_str())
        .bind::<Timestamptz, _>(now)
        .bind::<Double, _>(LOST_SESSIONS_COUNT.as_secs_f64())
        .bind::<Array<SqlUuid>, _>(accounts)
        .load(&mut conn)
        .await?)
    }
}
