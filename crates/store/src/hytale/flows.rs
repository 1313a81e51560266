//! Device logins: from the code that a person types to the tokens that it brings.

use super::audit::{self, NewAuditLine};
use crate::error::StoreError;
use crate::pool::Store;
use chrono::{DateTime, Utc};
use common::types::caller::{Origin, Principal};
use common::types::hytale::{HytaleAuditEvent, HytaleEnvironment};
use common::types::id::FlowId;
use diesel::OptionalExtension;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Binary, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// A login that begins.
#[derive(Debug, Clone)]
pub struct NewFlow {
    /// Our id; tokens of the login are sealed for it.
    pub id: FlowId,
    /// Where.
    pub environment: HytaleEnvironment,
    /// SHA-256 of the device code.
    pub code_hash: [u8; 32],
    /// Who begins it; nobody else may poll it then.
    pub principal: Option<Principal>,
    /// What the caller calls the account.
    pub account_name: Option<String>,
    /// Seconds between two polls.
    pub interval_seconds: i32,
    /// When it began.
    pub begun_at: DateTime<Utc>,
    /// When its code is worth nothing any more.
    pub expires_at: DateTime<Utc>,
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct FlowRow {
    /// Our id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Who began it.
    #[diesel(sql_type = Nullable<Text>)]
    pub principal: Option<String>,
    /// What that one calls the account.
    #[diesel(sql_type = Nullable<Text>)]
    pub account_name: Option<String>,
    /// `open`, `exchanged`, `succeeded` or `failed`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Seconds between two polls.
    #[diesel(sql_type = Integer)]
    pub interval_seconds: i32,
    /// When Hytale may be asked next.
    #[diesel(sql_type = Timestamptz)]
    pub next_poll_at: DateTime<Utc>,
    /// First poll.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub first_polled_at: Option<DateTime<Utc>>,
    /// End of the code.
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
    /// Sealed.
    #[diesel(sql_type = Nullable<Text>)]
    pub access_token: Option<String>,
    /// Sealed.
    #[diesel(sql_type = Nullable<Text>)]
    pub refresh_token: Option<String>,
    /// When the access token ends.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub access_expires_at: Option<DateTime<Utc>>,
    /// What the tokens are good for.
    #[diesel(sql_type = Nullable<Text>)]
    pub scope: Option<String>,
    /// The account that the login proved.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub account_id: Option<Uuid>,
    /// Why it failed, as a word.
    #[diesel(sql_type = Nullable<Text>)]
    pub failure: Option<String>,
    /// When it succeeded or failed.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Sealed; there while the login waits to be finished.
    #[diesel(sql_type = Nullable<Text>)]
    pub id_token: Option<String>,
    /// When its tokens came.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub exchanged_at: Option<DateTime<Utc>>,
    /// The claim of the poll that is under way, which ends then in any case.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub polling_until: Option<DateTime<Utc>>,
}

/// What a login brought, sealed for the flow's row.
#[derive(Debug, Clone)]
pub struct FlowTokens {
    /// Sealed.
    pub access_token: String,
    /// Sealed; `None`: Hytale gave none.
    pub refresh_token: Option<String>,
    /// When the access token ends.
    pub access_expires_at: DateTime<Utc>,
    /// What they are good for.
    pub scope: String,
    /// Sealed; `None`: Hytale gave none.
    pub id_token: Option<String>,
    /// When they came.
    pub exchanged_at: DateTime<Utc>,
}

pub(super) const COLUMNS: &str = "id, principal, account_name, state, interval_seconds, next_poll_at, \
    first_polled_at, expires_at, access_token, refresh_token, access_expires_at, scope, account_id, \
    failure, ended_at, id_token, exchanged_at, polling_until";

impl Store {
    /// The login with this device code.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn hytale_flow(
        &self,
        environment: HytaleEnvironment,
        code_hash: &[u8; 32],
    ) -> Result<FlowRow, StoreError> {
        let mut conn = self.conn().await?;
        sql_query(format!(
            "SELECT {COLUMNS} FROM hytale_device_flows WHERE environment = $1 AND code_hash = $2"
        ))
        .bind::<Text, _>(environment.as_str())
        .bind::<Binary, _>(code_hash.as_slice())
        .get_result(&mut conn)
        .await
        .optional()?
        .ok_or(StoreError::NotFound("login"))
    }

    /// Claims the one poll that the flow's interval allows, also of one that has brought
    /// tokens and waits to be finished, and tells how the login stands. `None`: it is too
    /// early, or another poll is under way. A claim ends after `lease` in any
    /// case.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flow_claim(
        &self,
        flow: FlowId,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Option<FlowRow>, StoreError> {
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "UPDATE hytale_device_flows SET first_polled_at = coalesce(first_polled_at, $2), \
               next_poll_at = $2 + make_interval(secs => interval_seconds), \
               polling_until = now() + make_interval(secs => $3) \
             WHERE id = $1 AND state IN ('open', 'exchanged') AND next_poll_at <= $2 \
               AND (polling_until IS NULL OR polling_until < now()) \
             RETURNING {COLUMNS}"
        ))
        .bind::<SqlUuid, _>(flow.0)
        .bind::<Timestamptz, _>(now)
        .bind::<Double, _>(lease.as_secs_f64())
        .get_result(&mut conn)
        .await
        .optional()?)
    }

    /// Ends a claimed poll that brought nothing; the next one comes `pause_seconds` after
    /// `now`, and `interval_seconds` are to lie between all that follow. Of a claim that is
    /// over it changes nothing: another poll may be under way.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flow_wait(
        &self,
        flow: &FlowRow,
        interval_seconds: i32,
        pause_seconds: i32,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query(
            "UPDATE hytale_device_flows SET interval_seconds = $2, polling_until = NULL, \
               next_poll_at = greatest(next_poll_at, $3 + make_interval(secs => $4)) \
             WHERE id = $1 AND state IN ('open', 'exchanged') AND polling_until = $5",
        )
        .bind::<SqlUuid, _>(flow.id)
        .bind::<Integer, _>(interval_seconds)
        .bind::<Timestamptz, _>(now)
        .bind::<Integer, _>(pause_seconds)
        .bind::<Nullable<Timestamptz>, _>(flow.polling_until)
        .execute(&mut conn)
        .await?;
        Ok(())
    }

    /// Keeps what a login brought before anything is done with it. Keeping it
    /// again changes nothing. `false`: the login does not wait for it any more. One
    /// that another poll has judged expired, or its code spent, still does: tokens in
    /// hand outrank both. The poll's claim goes on.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flow_exchanged(
        &self,
        flow: FlowId,
        tokens: &FlowTokens,
    ) -> Result<bool, StoreError> {
        let mut conn = self.conn().await?;
        let stored = sql_query(
            "UPDATE hytale_device_flows SET state = 'exchanged', access_token = $2, \
               refresh_token = $3, access_expires_at = $4, scope = $5, id_token = $6, \
               exchanged_at = $7, failure = NULL, ended_at = NULL \
             WHERE id = $1 AND (state = 'open' OR (state = 'exchanged' AND access_token = $2) \
               OR (state = 'failed' AND failure IN ('invalid_code', 'expired')))",
        )
        .bind::<SqlUuid, _>(flow.0)
        .bind::<Text, _>(&tokens.access_token)
        .bind::<Nullable<Text>, _>(tokens.refresh_token.as_deref())
        .bind::<Timestamptz, _>(tokens.access_expires_at)
        .bind::<Text, _>(&tokens.scope)
        .bind::<Nullable<Text>, _>(tokens.id_token.as_deref())
        .bind::<Timestamptz, _>(tokens.exchanged_at)
        .execute(&mut conn)
        .await?;
        Ok(stored == 1)
    }

    /// Ends an open login that Hytale refused to a poll, and says so in the trail: once,
    /// however often it is asked. `reason` is a word. `false`: it was not open, and
    /// nothing changes.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flow_failed(
        &self,
        environment: HytaleEnvironment,
        flow: FlowId,
        reason: &str,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        self.end_flow(
            environment,
            flow,
            reason,
            "state = 'open' AND $3::timestamptz IS NULL",
            None,
            origin,
        )
        .await
    }

    /// As [`hytale_flow_failed`](Self::hytale_flow_failed), of a login whose time is
    /// over while no poll is under way. Tokens that it brought are erased only if its
    /// code ended before `given_up`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flow_expired(
        &self,
        environment: HytaleEnvironment,
        flow: FlowId,
        reason: &str,
        given_up: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let which = "((state = 'open' AND (polling_until IS NULL OR polling_until < now())) \
             OR (state = 'exchanged' AND expires_at <= $3))";
        self.end_flow(environment, flow, reason, which, Some(given_up), origin)
            .await
    }

    /// As [`hytale_flow_failed`](Self::hytale_flow_failed), of a login whose tokens are
    /// of no use; they are erased.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_flow_useless(
        &self,
        environment: HytaleEnvironment,
        flow: FlowId,
        reason: &str,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let which = "state = 'exchanged' AND $3::timestamptz IS NULL";
        self.end_flow(environment, flow, reason, which, None, origin)
            .await
    }

    async fn end_flow(
        &self,
        environment: HytaleEnvironment,
        flow: FlowId,
        reason: &str,
        which: &'static str,
        given_up: Option<DateTime<Utc>>,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let line = NewAuditLine::of_no_account(environment, HytaleAuditEvent::AuthFailed)
            .with(json!({ "reason": reason, "login": flow.to_string() }));
        let (reason, origin) = (reason.to_owned(), origin.clone());
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let ended = sql_query(format!(
                "UPDATE hytale_device_flows SET state = 'failed', failure = $2, ended_at = now(), \
                   polling_until = NULL, access_token = NULL, refresh_token = NULL, id_token = NULL \
                 WHERE id = $1 AND {which}"
            ))
            .bind::<SqlUuid, _>(flow.0)
            .bind::<Text, _>(&reason)
            .bind::<Nullable<Timestamptz>, _>(given_up)
            .execute(conn)
            .await?;
            if ended == 1 {
                audit::append(conn, &line, &origin).await?;
            }
            Ok(ended == 1)
        })
        .await
    }
}
