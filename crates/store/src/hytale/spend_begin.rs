//! Leave to spend a refresh token, or to revoke it; see [`spend`](super::spend).

use super::spend::Spend;
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::hytale::HytaleAccount;
use common::types::id::WorkerId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;
use uuid::Uuid;

/// How long nobody spends after an intent has ended without a word.
const AFTER_LEASE: Duration = Duration::from_secs(15);

/// Whether a spend has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpendStart {
    /// The intent is committed; send now.
    Begun(Spend),
    /// Somebody else is at it, or it is too early: look again.
    Wait,
    /// That token is not the account's any more, or there is no such account.
    Replaced,
}

#[derive(QueryableByName)]
struct Begun {
    #[diesel(sql_type = BigInt)]
    spend_fence: i64,
    #[diesel(sql_type = Text)]
    refresh_token: String,
    #[diesel(sql_type = Integer)]
    losses: i32,
    #[diesel(sql_type = SqlUuid)]
    family: Uuid,
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    exists: bool,
}

impl Store {
    /// Commits the intent to spend the account's token of this generation.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing was begun then, or it ends by
    /// itself after `lease`.
    pub async fn hytale_spend_begin(
        &self,
        account: HytaleAccount,
        generation: i64,
        holder: WorkerId,
        lease: Duration,
    ) -> Result<SpendStart, StoreError> {
        let due = "(retry_at IS NULL OR retry_at <= now())";
        self.begin_spend(account, generation, holder, lease, due)
            .await
    }

    /// Commits the intent to revoke the account's tokens of this generation, which is not
    /// too early when it is too early to spend them.
    ///
    /// # Errors
    /// As [`hytale_spend_begin`](Self::hytale_spend_begin).
    pub async fn hytale_revocation_begin(
        &self,
        account: HytaleAccount,
        generation: i64,
        holder: WorkerId,
        lease: Duration,
    ) -> Result<SpendStart, StoreError> {
        self.begin_spend(account, generation, holder, lease, "true")
            .await
    }

    async fn begin_spend(
        &self,
        account: HytaleAccount,
        generation: i64,
        holder: WorkerId,
        lease: Duration,
        due: &str,
    ) -> Result<SpendStart, StoreError> {
        let mut conn = self.conn().await?;
        self.give_up_on(&mut conn, account, generation).await?;
        let begun: Vec<Begun> = sql_query(format!(
            "UPDATE hytale_accounts SET spend = 'sending', spend_fence = spend_fence + 1, \
               spend_holder = $4, spend_until = now() + make_interval(secs => $5), updated_at = now() \
             WHERE environment = $1 AND account_id = $2 AND generation = $3 AND state = 'live' \
               AND spend <> 'sending' \
               AND {due} \
             RETURNING spend_fence, refresh_token, losses, family"
        ))
        .bind::<Text, _>(account.environment.as_str())
        .bind::<SqlUuid, _>(account.id)
        .bind::<BigInt, _>(generation)
        .bind::<SqlUuid, _>(holder.0)
        .bind::<Double, _>(lease.as_secs_f64())
        .load(&mut conn)
        .await?;
        if let Some(begun) = begun.into_iter().next() {
            return Ok(SpendStart::Begun(Spend {
                account,
                generation,
                fence: begun.spend_fence,
                refresh_token: begun.refresh_token,
                losses: begun.losses,
                family: begun.family,
            }));
        }
        let current: Exists = sql_query(
            "SELECT EXISTS (SELECT 1 FROM hytale_accounts WHERE environment = $1 AND account_id = $2 \
               AND generation = $3 AND state = 'live') AS exists",
        )
        .bind::<Text, _>(account.environment.as_str())
        .bind::<SqlUuid, _>(account.id)
        .bind::<BigInt, _>(generation)
        .get_result(&mut conn)
        .await?;
        Ok(if current.exists {
            SpendStart::Wait
        } else {
            SpendStart::Replaced
        })
    }

    /// An intent whose end has passed is an answer that did not come. It is not taken over
    /// at once: its holder may have the answer and wait for PostgreSQL, which was away
    /// until now, and whoever sends the old token then kills the new one.
    async fn give_up_on(
        &self,
        conn: &mut Connection,
        account: HytaleAccount,
        generation: i64,
    ) -> Result<(), StoreError> {
        sql_query(
            "UPDATE hytale_accounts SET spend = 'lost', losses = losses + 1, spend_holder = NULL, \
               spend_until = NULL, retry_at = now() + make_interval(secs => $4), updated_at = now() \
             WHERE environment = $1 AND account_id = $2 AND generation = $3 AND state = 'live' \
               AND spend = 'sending' AND spend_until < now()",
        )
        .bind::<Text, _>(account.environment.as_str())
        .bind::<SqlUuid, _>(account.id)
        .bind::<BigInt, _>(generation)
        .bind::<Double, _>(AFTER_LEASE.as_secs_f64())
        .execute(conn)
        .await?;
        Ok(())
    }
}
