//! Spending refresh tokens. Each can be spent once, and a second spender kills the
//! whole family, so:
//!
//! - the intent is committed (`sending`, a fence, an end) before the request leaves,
//!   and nobody else begins while it stands;
//! - what comes back is stored by naming the generation that was spent, and by
//!   nothing else: an answer that comes late, after its lease has ended, is stored
//!   all the same as long as nobody else has replaced that generation;
//! - an answer that never came is a state of its own (`lost`). An intent whose end has
//!   passed (its process died) is the same.

use super::audit::{self, NewAuditLine};
use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::caller::Origin;
use common::types::event::{Event, EventType};
use common::types::hytale::{HytaleAccount, HytaleAuditEvent};
use diesel::OptionalExtension;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// Leave to spend a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// Whose.
    pub account: HytaleAccount,
    /// Which token.
    pub generation: i64,
    /// Grows with every leave.
    pub fence: i64,
    /// The token, sealed for the account's row.
    pub refresh_token: String,
    /// Answers that did not come, of this token. Above 0 the token may be spent.
    pub losses: i32,
    /// Of which login's tokens it is one.
    pub family: Uuid,
}

/// What has become of tokens that a spend brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// They are the account's.
    Stored,
    /// They are not, but the account's come from the same login: revoking these ends those.
    Overtaken,
    /// A login has brought others, or the account is gone: these are nobody's.
    Nobodys,
}

/// What a spend brought. Tokens are sealed for the account's row.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// Sealed.
    pub access_token: String,
    /// When the access token ends.
    pub access_expires_at: DateTime<Utc>,
    /// Sealed; `None`: Hytale gave none, and the old one stays good (RFC 6749
    /// section 6).
    pub refresh_token: Option<String>,
    /// When the new refresh token ends if it is not spent.
    pub refresh_expires_at: DateTime<Utc>,
    /// What the tokens are good for.
    pub scope: String,
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Bool)]
    same: bool,
}

impl Store {
    /// Stores what a spend brought, if the token that it spent is still the
    /// account's; the lease does not matter. Once, however often it is asked: the answer
    /// to storing it may have been lost.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; ask again, the new token is nowhere else.
    pub async fn hytale_spend_renewed(
        &self,
        spend: &Spend,
        renewal: &Renewal,
        origin: &Origin,
    ) -> Result<Renewed, StoreError> {
        let line =
            NewAuditLine::of_account(HytaleAuditEvent::TokenRefreshed, spend.account).with(json!({
                "access_expires_at": renewal.access_expires_at,
                "refresh_expires_at": renewal.refresh_expires_at,
                "rotated": renewal.refresh_token.is_some(),
                "after_losses": spend.losses,
            }));
        let (spend, renewal, origin) = (spend.clone(), renewal.clone(), origin.clone());
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let stored = sql_query(
                "UPDATE hytale_accounts SET generation = nextval('hytale_generations'), \
                   access_token = $4, access_expires_at = $5, \
                   refresh_token = coalesce($6, refresh_token), \
                   refresh_expires_at = CASE WHEN $6 IS NULL THEN refresh_expires_at ELSE $7 END, \
                   scope = coalesce(nullif($8, ''), scope), spend = 'idle', spend_holder = NULL, spend_until = NULL, losses = 0, \
                   retry_at = NULL, failure = NULL, refreshed_at = now(), updated_at = now() \
                 WHERE environment = $1 AND account_id = $2 AND generation = $3 AND state = 'live'",
            )
            .bind::<Text, _>(spend.account.environment.as_str())
            .bind::<SqlUuid, _>(spend.account.id)
            .bind::<BigInt, _>(spend.generation)
            .bind::<Text, _>(&renewal.access_token)
            .bind::<Timestamptz, _>(renewal.access_expires_at)
            .bind::<Nullable<Text>, _>(renewal.refresh_token.as_deref())
            .bind::<Timestamptz, _>(renewal.refresh_expires_at)
            .bind::<Text, _>(&renewal.scope)
            .execute(conn)
            .await?;
            if stored == 1 {
                audit::append(conn, &line, &origin).await?;
                return Ok(Renewed::Stored);
            }
            beside(conn, &spend, &renewal).await
        })
        .await
    }

    /// Marks an account's token dead and erases it, with the trail's line and the
    /// event that asks for a login. `reason` is a word. `false`: the token had been
    /// replaced, and nothing changes.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_spend_refused(
        &self,
        spend: &Spend,
        reason: &str,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let (spend, reason, origin) = (spend.clone(), reason.to_owned(), origin.clone());
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let dead = sql_query(
                "UPDATE hytale_accounts SET state = 'needs_login', \
                   generation = nextval('hytale_generations'), refresh_token = NULL, \
                   refresh_expires_at = NULL, access_token = NULL, access_expires_at = NULL, \
                   spend = 'idle', spend_holder = NULL, spend_until = NULL, losses = 0, \
                   retry_at = NULL, failure = $4, updated_at = now() \
                 WHERE environment = $1 AND account_id = $2 AND generation = $3 AND state = 'live'",
            )
            .bind::<Text, _>(spend.account.environment.as_str())
            .bind::<SqlUuid, _>(spend.account.id)
            .bind::<BigInt, _>(spend.generation)
            .bind::<Text, _>(&reason)
            .execute(conn)
            .await?;
            if dead == 1 {
                say_dead(conn, &spend, &reason, &origin).await?;
            }
            Ok(dead == 1)
        })
        .await
    }

    /// Notes that no answer came: the token may be spent. Nobody tries before
    /// `retry_after` has passed.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; the intent's end says the same later.
    pub async fn hytale_spend_lost(
        &self,
        spend: &Spend,
        retry_after: Duration,
    ) -> Result<(), StoreError> {
        let ends = "spend = 'lost', losses = losses + 1";
        self.end_spend(spend, ends, Some(retry_after)).await
    }

    /// Gives a leave back: the request surely did not reach Hytale, or was turned
    /// away unspent.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; the intent then counts as lost.
    pub async fn hytale_spend_unsent(
        &self,
        spend: &Spend,
        retry_after: Option<Duration>,
    ) -> Result<(), StoreError> {
        let ends = "spend = CASE WHEN losses > 0 THEN 'lost' ELSE 'idle' END";
        self.end_spend(spend, ends, retry_after).await
    }

    async fn end_spend(
        &self,
        spend: &Spend,
        ends: &str,
        retry_after: Option<Duration>,
    ) -> Result<(), StoreError> {
        let mut conn = self.conn().await?;
        sql_query(format!(
            "UPDATE hytale_accounts SET {ends}, spend_holder = NULL, spend_until = NULL, \
               retry_at = now() + make_interval(secs => $5), updated_at = now() \
             WHERE environment = $1 AND account_id = $2 AND generation = $3 AND spend_fence = $4 \
               AND spend = 'sending'"
        ))
        .bind::<Text, _>(spend.account.environment.as_str())
        .bind::<SqlUuid, _>(spend.account.id)
        .bind::<BigInt, _>(spend.generation)
        .bind::<BigInt, _>(spend.fence)
        .bind::<Nullable<Double>, _>(retry_after.map(|wait| wait.as_secs_f64()))
        .execute(&mut conn)
        .await?;
        Ok(())
    }
}

/// What an account holds whose token of that generation is replaced already.
async fn beside(
    conn: &mut Connection,
    spend: &Spend,
    renewal: &Renewal,
) -> Result<Renewed, StoreError> {
    let held: Option<Held> = sql_query(
        "SELECT access_token IS NOT DISTINCT FROM $4 AS same FROM hytale_accounts \
         WHERE environment = $1 AND account_id = $2 AND family = $3 AND state = 'live'",
    )
    .bind::<Text, _>(spend.account.environment.as_str())
    .bind::<SqlUuid, _>(spend.account.id)
    .bind::<SqlUuid, _>(spend.family)
    .bind::<Text, _>(&renewal.access_token)
    .get_result(conn)
    .await
    .optional()?;
    Ok(match held {
        Some(Held { same: true }) => Renewed::Stored,
        Some(Held { same: false }) => Renewed::Overtaken,
        None => Renewed::Nobodys,
    })
}

async fn say_dead(
    conn: &mut Connection,
    spend: &Spend,
    reason: &str,
    origin: &Origin,
) -> Result<(), StoreError> {
    let line = NewAuditLine::of_account(HytaleAuditEvent::AuthFailed, spend.account)
        .with(json!({ "reason": reason, "after_losses": spend.losses }));
    audit::append(conn, &line, origin).await?;
    let event = Event::new(
        EventType::HytaleLoginNeeded,
        spend.account.to_string(),
        Utc::now(),
        json!({
            "environment": spend.account.environment,
            "account_id": spend.account.id,
            "reason": reason,
        }),
    );
    outbox::say(conn, vec![Outgoing::event(event)]).await
}
