//! Accounts: who owns one, what its owners call it, which profile is chosen.

use super::audit::{self, NewAuditLine};
use super::sessions::{self, SessionRow};
use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::caller::{Origin, Principal};
use common::types::hytale::{HytaleAccount, HytaleAuditEvent, HytaleEnvironment};
use diesel::OptionalExtension;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

/// An account in custody. Tokens are sealed for the row `environment/account_id`.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct AccountRow {
    /// Hytale's id.
    #[diesel(sql_type = SqlUuid)]
    pub account_id: Uuid,
    /// `live` or `needs_login`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Game profiles, a list of `uuid` and `username`, as Hytale said last.
    #[diesel(sql_type = Jsonb)]
    pub profiles: Value,
    /// The profile that sessions are made for when none is named.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub selected_profile: Option<Uuid>,
    /// Number of the stored tokens.
    #[diesel(sql_type = BigInt)]
    pub generation: i64,
    /// Sealed.
    #[diesel(sql_type = Nullable<Text>)]
    pub access_token: Option<String>,
    /// When the access token ends.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub access_expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends, if nobody spends it before.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// What the tokens are good for.
    #[diesel(sql_type = Text)]
    pub scope: String,
    /// `idle`, `sending` or `lost`.
    #[diesel(sql_type = Text)]
    pub spend: String,
    /// Answers that did not come, of this generation.
    #[diesel(sql_type = Integer)]
    pub losses: i32,
    /// While it is `sending`: the end of that leave.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub spend_until: Option<DateTime<Utc>>,
    /// Nobody spends before.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub retry_at: Option<DateTime<Utc>>,
    /// Why a login is needed.
    #[diesel(sql_type = Nullable<Text>)]
    pub failure: Option<String>,
    /// Who may use it.
    #[diesel(sql_type = Array<Text>)]
    pub owners: Vec<String>,
    /// First login.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When its tokens were stored.
    #[diesel(sql_type = Timestamptz)]
    pub refreshed_at: DateTime<Utc>,
}

/// What a caller's name for an account stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct NamedAccount {
    /// Hytale's id.
    #[diesel(sql_type = SqlUuid)]
    pub account_id: Uuid,
}

const COLUMNS: &str = "a.account_id, a.state, a.profiles, a.selected_profile, a.generation, \
    a.access_token, a.access_expires_at, a.refresh_expires_at, a.scope, a.spend, a.losses, \
    a.spend_until, a.retry_at, a.failure, a.created_at, a.refreshed_at, \
    ARRAY(SELECT o.principal FROM hytale_account_owners o WHERE o.environment = a.environment \
      AND o.account_id = a.account_id ORDER BY o.created_at, o.principal) AS owners";

#[derive(QueryableByName)]
struct Erased {
    #[diesel(sql_type = Integer)]
    losses: i32,
}

impl Store {
    /// An account.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn hytale_account(&self, account: HytaleAccount) -> Result<AccountRow, StoreError> {
        let mut conn = self.conn().await?;
        sql_query(format!(
            "SELECT {COLUMNS} FROM hytale_accounts a WHERE a.environment = $1 AND a.account_id = $2"
        ))
        .bind::<Text, _>(account.environment.as_str())
        .bind::<SqlUuid, _>(account.id)
        .get_result(&mut conn)
        .await
        .optional()?
        .ok_or(StoreError::NotFound("account"))
    }

    /// Whether the account has, or had, a game session of this server of ours.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_account_ran(
        &self,
        account: HytaleAccount,
        server: Uuid,
    ) -> Result<bool, StoreError> {
        let mut conn = self.conn().await?;
        let sessions = sql_query(
            "SELECT 1 FROM hytale_sessions \
             WHERE environment = $1 AND account_id = $2 AND server_id = $3 LIMIT 1",
        )
        .bind::<Text, _>(account.environment.as_str())
        .bind::<SqlUuid, _>(account.id)
        .bind::<SqlUuid, _>(server)
        .execute(&mut conn)
        .await?;
        Ok(sessions > 0)
    }

    /// Accounts in the order of their ids, beginning behind `after`; those that all of
    /// `owners` own: without owners, all.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_accounts(
        &self,
        environment: HytaleEnvironment,
        owners: &[Principal],
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<AccountRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {COLUMNS} FROM hytale_accounts a WHERE a.environment = $1 \
               AND (cardinality($2::text[]) = 0 OR a.account_id IN (SELECT o.account_id \
                 FROM hytale_account_owners o WHERE o.environment = $1 AND o.principal = ANY($2) \
                 GROUP BY o.account_id HAVING count(*) = cardinality($2))) \
               AND ($3::uuid IS NULL OR a.account_id > $3) \
             ORDER BY a.account_id LIMIT $4"
        ))
        .bind::<Text, _>(environment.as_str())
        .bind::<Array<Text>, _>(owners.iter().map(ToString::to_string).collect::<Vec<_>>())
        .bind::<Nullable<SqlUuid>, _>(after)
        .bind::<BigInt, _>(limit)
        .load(&mut conn)
        .await?)
    }

    /// What `principal` calls `name`, if that is an account of its own.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_account_named(
        &self,
        environment: HytaleEnvironment,
        principal: &Principal,
        name: &str,
    ) -> Result<Option<NamedAccount>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(
            "SELECT account_id FROM hytale_account_names \
             WHERE environment = $1 AND principal = $2 AND name = $3",
        )
        .bind::<Text, _>(environment.as_str())
        .bind::<Text, _>(principal.to_string())
        .bind::<Text, _>(name)
        .get_result(&mut conn)
        .await
        .optional()?)
    }

    /// Remembers which profiles an account has; a chosen one that is gone is
    /// chosen no more. Writes only what differs.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_profiles_seen(
        &self,
        account: HytaleAccount,
        profiles: &Value,
        ids: &[Uuid],
    ) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "UPDATE hytale_accounts SET profiles = $3, updated_at = now(), \
               selected_profile = CASE WHEN selected_profile = ANY($4) THEN selected_profile END \
             WHERE environment = $1 AND account_id = $2 AND profiles <> $3",
        )
        .bind::<Text, _>(account.environment.as_str())
        .bind::<SqlUuid, _>(account.id)
        .bind::<Jsonb, _>(profiles)
        .bind::<Array<SqlUuid>, _>(ids)
        .execute(&mut conn)
        .await?;
        Ok(())
    }

    /// Chooses the profile that sessions are made for, with its audit line.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such account.
    pub async fn hytale_profile_select(
        &self,
        account: HytaleAccount,
        profile: Uuid,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let line = NewAuditLine {
            profile: Some(profile),
            ..NewAuditLine::of_account(HytaleAuditEvent::ProfileSelected, account)
        };
        let origin = origin.clone();
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let changed = sql_query(
                "UPDATE hytale_accounts SET selected_profile = $3, updated_at = now() \
                 WHERE environment = $1 AND account_id = $2",
            )
            .bind::<Text, _>(account.environment.as_str())
            .bind::<SqlUuid, _>(account.id)
            .bind::<SqlUuid, _>(profile)
            .execute(conn)
            .await?;
            if changed == 0 {
                return Err(StoreError::NotFound("account"));
            }
            audit::append(conn, &line, &origin).await
        })
        .await
    }

    /// Erases an account whose tokens are of `generation`, its owners, names and
    /// sessions, with the trail's lines, which stay: one for each session that may live
    /// on at Hytale, too. `fence` names the caller's own leave to spend; `revoked`: Hytale
    /// was told that its tokens are good no longer. `false`: it was
    /// gone before, its tokens are others, or somebody else spends them; nothing changes.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_account_erase(
        &self,
        account: HytaleAccount,
        generation: i64,
        fence: Option<i64>,
        revoked: bool,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let line = NewAuditLine::of_account(HytaleAuditEvent::TokenDeleted, account);
        let origin = origin.clone();
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            // Nobody adds a session to a locked account.
            let locked = sql_query(
                "SELECT 1 FROM hytale_accounts WHERE environment = $1 AND account_id = $2 \
                   AND generation = $3 \
                   AND (spend <> 'sending' OR spend_until < now() OR spend_fence = $4) FOR UPDATE",
            )
            .bind::<Text, _>(account.environment.as_str())
            .bind::<SqlUuid, _>(account.id)
            .bind::<BigInt, _>(generation)
            .bind::<Nullable<BigInt>, _>(fence)
            .execute(conn)
            .await?;
            if locked == 0 {
                return Ok(false);
            }
            let left: Vec<SessionRow> = sql_query(format!(
                "DELETE FROM hytale_sessions WHERE environment = $1 AND account_id = $2 \
                   AND state IN ('active', 'created') RETURNING {}",
                sessions::COLUMNS
            ))
            .bind::<Text, _>(account.environment.as_str())
            .bind::<SqlUuid, _>(account.id)
            .load(conn)
            .await?;
            let details = json!({ "outcome": "abandoned" });
            let event = HytaleAuditEvent::SessionDeleted;
            sessions::record(conn, event, &left, &details, &origin).await?;
            let erased: Erased = sql_query(
                "DELETE FROM hytale_accounts WHERE environment = $1 AND account_id = $2 \
                 RETURNING losses",
            )
            .bind::<Text, _>(account.environment.as_str())
            .bind::<SqlUuid, _>(account.id)
            .get_result(conn)
            .await?;
            // After a lost answer Hytale may have given a token that nobody has.
            let details = json!({ "revoked": revoked, "after_losses": erased.losses });
            audit::append(conn, &line.with(details), &origin).await?;
            Ok(true)
        })
        .await
    }
}
