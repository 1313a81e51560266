//! Which refresh tokens are worth spending though nobody asks, and how many accounts
//! stand how.

use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::hytale::HytaleEnvironment;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

/// An account whose refresh token nobody spends at present and somebody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct DueRefresh {
    /// Hytale's id.
    #[diesel(sql_type = SqlUuid)]
    pub account_id: Uuid,
    /// Number of the token.
    #[diesel(sql_type = BigInt)]
    pub generation: i64,
    /// When it ends if it is not spent.
    #[diesel(sql_type = Timestamptz)]
    pub refresh_expires_at: DateTime<Utc>,
    /// Whether an answer is missing, so that only another try tells whether the token
    /// is spent.
    #[diesel(sql_type = Bool)]
    pub unsettled: bool,
}

impl DueRefresh {
    /// What the next page begins behind.
    #[must_use]
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.refresh_expires_at, self.account_id)
    }
}

/// How many accounts and sessions of an environment stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub struct CustodyCounts {
    /// Accounts whose refresh token is good, as far as is known, and is not under way.
    #[diesel(sql_type = BigInt)]
    pub live: i64,
    /// Accounts whose refresh token is being spent.
    #[diesel(sql_type = BigInt)]
    pub sending: i64,
    /// Accounts whose refresh token may be spent: an answer is missing.
    #[diesel(sql_type = BigInt)]
    pub lost: i64,
    /// Accounts whose tokens are dead.
    #[diesel(sql_type = BigInt)]
    pub needs_login: i64,
    /// Active game sessions.
    #[diesel(sql_type = BigInt)]
    pub sessions_active: i64,
}

impl Store {
    /// Accounts whose refresh token ends before `before` or whose last spend has no
    /// answer, and that may be spent now: no lease stands, no pause lasts. In the order
    /// of their ends, beginning behind `after`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_refreshes_due(
        &self,
        environment: HytaleEnvironment,
        before: DateTime<Utc>,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: i64,
    ) -> Result<Vec<DueRefresh>, StoreError> {
        let (after_end, after_id) = after.unzip();
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT * FROM (SELECT account_id, generation, spend <> 'idle' AS unsettled, \
                coalesce(refresh_expires_at, refreshed_at) AS refresh_expires_at \
              FROM hytale_accounts WHERE environment = $1 AND state = 'live' \
                AND (refresh_expires_at IS NULL OR refresh_expires_at < $2 OR spend <> 'idle') \
                AND (retry_at IS NULL OR retry_at <= now()) \
                AND (spend <> 'sending' OR spend_until < now())) due \
             WHERE $3::uuid IS NULL OR (refresh_expires_at, account_id) > ($4, $3) \
             ORDER BY refresh_expires_at, account_id LIMIT $5",
        )
        .bind::<Text, _>(environment.as_str())
        .bind::<Timestamptz, _>(before)
        .bind::<Nullable<SqlUuid>, _>(after_id)
        .bind::<Nullable<Timestamptz>, _>(after_end)
        .bind::<BigInt, _>(limit)
        .load(&mut conn)
        .await?)
    }

    /// How many accounts and sessions stand how.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_custody_counts(
        &self,
        environment: HytaleEnvironment,
        now: DateTime<Utc>,
    ) -> Result<CustodyCounts, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT count(*) FILTER (WHERE state = 'live' AND spend = 'idle') AS live, \
               count(*) FILTER (WHERE state = 'live' AND spend = 'sending' AND spend_until >= now()) AS sending, \
               count(*) FILTER (WHERE state = 'live' \
                 AND (spend = 'lost' OR (spend = 'sending' AND spend_until < now()))) AS lost, \
               count(*) FILTER (WHERE state = 'needs_login') AS needs_login, \
               (SELECT count(*) FROM hytale_sessions \
                 WHERE environment = $1 AND state = 'active' AND expires_at > $2) AS sessions_active \
             FROM hytale_accounts WHERE environment = $1",
        )
        .bind::<Text, _>(environment.as_str())
        .bind::<Timestamptz, _>(now)
        .get_result(&mut conn)
        .await?)
    }
}
