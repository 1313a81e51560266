//! The end of a login: an account comes into custody, or does not.

use super::audit::{self, NewAuditLine};
use super::flows::{COLUMNS, FlowRow};
use crate::error::StoreError;
use crate::outbox::{self, Outgoing};
use crate::pool::{Connection, Store};
use chrono::{DateTime, Utc};
use common::types::caller::Origin;
use common::types::event::{Event, EventType};
use common::types::hytale::{HytaleAccount, HytaleAuditEvent};
use common::types::id::FlowId;
use diesel::OptionalExtension;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

/// What a login has proved and brought. Tokens are sealed for the account's row.
#[derive(Debug, Clone)]
pub struct Login {
    /// The login.
    pub flow: FlowId,
    /// The account that Hytale says the tokens belong to.
    pub account: HytaleAccount,
    /// Its profiles, a list of `uuid` and `username`.
    pub profiles: Value,
    /// Their ids.
    pub profile_ids: Vec<Uuid>,
    /// Sealed.
    pub refresh_token: String,
    /// When the refresh token ends if it is not spent.
    pub refresh_expires_at: DateTime<Utc>,
    /// Sealed.
    pub access_token: String,
    /// When the access token ends.
    pub access_expires_at: DateTime<Utc>,
    /// What the tokens are good for.
    pub scope: String,
}

/// What became of it. All but `Stored` have stored nothing and ended the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The account is in custody, the login has succeeded.
    Stored,
    /// The account belongs to somebody else.
    Owned,
    /// A login without credentials met live tokens.
    InCustody,
    /// The caller's name for it already means another account.
    NameTaken,
    /// Another poll has ended this login.
    Ended,
}

/// What is known of the account before, for [`judge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    has_principal: bool,
    owned: bool,
    owned_by_principal: bool,
    live: bool,
    name_means_another: bool,
}

/// Whether a login may bring its account into custody.
fn judge(it: Standing) -> LoginOutcome {
    if it.owned && !it.owned_by_principal {
        LoginOutcome::Owned
    } else if !it.has_principal && it.live {
        LoginOutcome::InCustody
    } else if it.name_means_another {
        LoginOutcome::NameTaken
    } else {
        LoginOutcome::Stored
    }
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Array<Text>)]
    owners: Vec<String>,
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = SqlUuid)]
    account_id: Uuid,
}

impl Store {
    /// Brings a login's account into custody, if it may come, with the trail's line
    /// and the event to its owner. Repeated, it answers [`LoginOutcome::Ended`].
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn hytale_login(
        &self,
        login: &Login,
        origin: &Origin,
    ) -> Result<LoginOutcome, StoreError> {
        let (login, origin) = (login.clone(), origin.clone());
        let mut conn = self.conn().await?;
        conn.transaction(async move |conn| {
            let Some(flow) = lock_flow(conn, login.flow).await? else {
                return Ok(LoginOutcome::Ended);
            };
            let outcome = judge(standing(conn, &login, &flow).await?);
            if outcome == LoginOutcome::Stored {
                store(conn, &login, &flow, &origin).await?;
            } else {
                refuse(conn, &login, &flow, outcome, &origin).await?;
            }
            Ok(outcome)
        })
        .await
    }
}

/// The flow, if it still waits for its end. Logins of one account take turns.
async fn lock_flow(conn: &mut Connection, flow: FlowId) -> Result<Option<FlowRow>, StoreError> {
    Ok(sql_query(format!(
        "SELECT {COLUMNS} FROM hytale_device_flows WHERE id = $1 AND state = 'exchanged' FOR UPDATE"
    ))
    .bind::<SqlUuid, _>(flow.0)
    .get_result(conn)
    .await
    .optional()?)
}

async fn standing(
    conn: &mut Connection,
    login: &Login,
    flow: &FlowRow,
) -> Result<Standing, StoreError> {
    // There may be no row to lock yet; the name always after the account.
    take_turns(conn, &format!("hytale_login/{}", login.account)).await?;
    if let (Some(principal), Some(name)) = (&flow.principal, &flow.account_name) {
        take_turns(conn, &format!("hytale_name/{principal}/{name}")).await?;
    }
    let known: Vec<Known> = sql_query(
        "SELECT a.state, ARRAY(SELECT o.principal FROM hytale_account_owners o \
           WHERE o.environment = a.environment AND o.account_id = a.account_id) AS owners \
         FROM hytale_accounts a WHERE a.environment = $1 AND a.account_id = $2 FOR UPDATE",
    )
    .bind::<Text, _>(login.account.environment.as_str())
    .bind::<SqlUuid, _>(login.account.id)
    .load(conn)
    .await?;
    let known = known.as_slice().first();
    // A name may also be the id of an account that is the caller's.
    let named: Vec<Named> = sql_query(
        "SELECT account_id FROM hytale_account_names \
         WHERE environment = $1 AND principal = $2 AND name = $3 \
         UNION ALL SELECT account_id FROM hytale_account_owners \
         WHERE environment = $1 AND principal = $2 AND account_id::text = lower($3)",
    )
    .bind::<Text, _>(login.account.environment.as_str())
    .bind::<Nullable<Text>, _>(flow.principal.as_deref())
    .bind::<Nullable<Text>, _>(flow.account_name.as_deref())
    .load(conn)
    .await?;
    Ok(Standing {
        has_principal: flow.principal.is_some(),
        owned: known.is_some_and(|it| !it.owners.is_empty()),
        owned_by_principal: known.is_some_and(|it| {
            flow.principal
                .as_ref()
                .is_some_and(|principal| it.owners.contains(principal))
        }),
        live: known.is_some_and(|it| it.state == "live"),
        name_means_another: named.iter().any(|it| it.account_id != login.account.id),
    })
}

async fn take_turns(conn: &mut Connection, at: &str) -> Result<(), StoreError> {
    sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind::<Text, _>(at)
        .execute(conn)
        .await?;
    Ok(())
}

async fn store(
    conn: &mut Connection,
    login: &Login,
    flow: &FlowRow,
    origin: &Origin,
) -> Result<(), StoreError> {
    sql_query(
        "INSERT INTO hytale_accounts AS a (environment, account_id, state, profiles, refresh_token, \
           refresh_expires_at, access_token, access_expires_at, scope) \
         VALUES ($1, $2, 'live', $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (environment, account_id) DO UPDATE SET state = 'live', \
           profiles = excluded.profiles, generation = nextval('hytale_generations'), \
           family = gen_random_uuid(), \
           selected_profile = CASE WHEN a.selected_profile = ANY($9) THEN a.selected_profile END, \
           refresh_token = excluded.refresh_token, refresh_expires_at = excluded.refresh_expires_at, \
           access_token = excluded.access_token, access_expires_at = excluded.access_expires_at, \
           scope = excluded.scope, spend = 'idle', spend_holder = NULL, spend_until = NULL, \
           losses = 0, retry_at = NULL, failure = NULL, refreshed_at = now(), updated_at = now()",
    )
    .bind::<Text, _>(login.account.environment.as_str())
    .bind::<SqlUuid, _>(login.account.id)
    .bind::<Jsonb, _>(&login.profiles)
    .bind::<Text, _>(&login.refresh_token)
    .bind::<Timestamptz, _>(login.refresh_expires_at)
    .bind::<Text, _>(&login.access_token)
    .bind::<Timestamptz, _>(login.access_expires_at)
    .bind::<Text, _>(&login.scope)
    .bind::<Array<SqlUuid>, _>(&login.profile_ids)
    .execute(conn)
    .await?;
    if let Some(principal) = &flow.principal {
        own(conn, login, principal, flow.account_name.as_deref()).await?;
    }
    sql_query(
        "UPDATE hytale_device_flows SET state = 'succeeded', account_id = $2, refresh_token = NULL, \
           id_token = NULL, ended_at = now() WHERE id = $1",
    )
    .bind::<SqlUuid, _>(login.flow.0)
    .bind::<SqlUuid, _>(login.account.id)
    .execute(conn)
    .await?;
    let line =
        NewAuditLine::of_account(HytaleAuditEvent::TokenCreated, login.account).with(json!({
            "login": login.flow.to_string(),
            "access_expires_at": login.access_expires_at,
            "refresh_expires_at": login.refresh_expires_at,
        }));
    audit::append(conn, &line, origin).await
}

async fn own(
    conn: &mut Connection,
    login: &Login,
    principal: &str,
    name: Option<&str>,
) -> Result<(), StoreError> {
    sql_query(
        "INSERT INTO hytale_account_owners (environment, account_id, principal) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
    )
    .bind::<Text, _>(login.account.environment.as_str())
    .bind::<SqlUuid, _>(login.account.id)
    .bind::<Text, _>(principal)
    .execute(conn)
    .await?;
    let Some(name) = name else { return Ok(()) };
    sql_query(
        "INSERT INTO hytale_account_names (environment, principal, name, account_id) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind::<Text, _>(login.account.environment.as_str())
    .bind::<Text, _>(principal)
    .bind::<Text, _>(name)
    .bind::<SqlUuid, _>(login.account.id)
    .execute(conn)
    .await?;
    Ok(())
}

async fn refuse(
    conn: &mut Connection,
    login: &Login,
    flow: &FlowRow,
    outcome: LoginOutcome,
    origin: &Origin,
) -> Result<(), StoreError> {
    let reason = match outcome {
        LoginOutcome::Owned => "owned_by_another",
        LoginOutcome::InCustody => "already_in_custody",
        LoginOutcome::NameTaken | LoginOutcome::Stored | LoginOutcome::Ended => "name_taken",
    };
    sql_query(
        "UPDATE hytale_device_flows SET state = 'failed', failure = $2, access_token = NULL, \
           refresh_token = NULL, id_token = NULL, ended_at = now() WHERE id = $1",
    )
    .bind::<SqlUuid, _>(login.flow.0)
    .bind::<Text, _>(reason)
    .execute(conn)
    .await?;
    let line = NewAuditLine::of_account(HytaleAuditEvent::AuthFailed, login.account)
        .with(json!({ "reason": reason, "login": login.flow.to_string() }));
    audit::append(conn, &line, origin).await?;
    if outcome != LoginOutcome::NameTaken {
        let event = Event::new(
            EventType::HytaleLoginRefused,
            login.account.to_string(),
            Utc::now(),
            json!({
                "environment": login.account.environment,
                "account_id": login.account.id,
                "principal": flow.principal,
            }),
        );
        outbox::say(conn, vec![Outgoing::event(event)]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Standing = Standing {
        has_principal: true,
        owned: false,
        owned_by_principal: false,
        live: false,
        name_means_another: false,
    };

    #[test]
    fn a_new_account_is_stored_with_or_without_an_owner() {
        assert_eq!(judge(NEW), LoginOutcome::Stored);
        let nobody = Standing {
            has_principal: false,
            ..NEW
        };
        assert_eq!(judge(nobody), LoginOutcome::Stored);
    }

    #[test]
    fn nobody_takes_over_the_account_of_another() {
        let owned = Standing { owned: true, ..NEW };
        assert_eq!(judge(owned), LoginOutcome::Owned);
        let nobody = Standing {
            has_principal: false,
            ..owned
        };
        assert_eq!(judge(nobody), LoginOutcome::Owned);
    }

    #[test]
    fn an_owner_replaces_its_own_live_tokens() {
        let own = Standing {
            owned: true,
            owned_by_principal: true,
            live: true,
            ..NEW
        };
        assert_eq!(judge(own), LoginOutcome::Stored);
    }

    #[test]
    fn a_login_without_credentials_never_replaces_live_tokens() {
        let live = Standing {
            has_principal: false,
            live: true,
            ..NEW
        };
        assert_eq!(judge(live), LoginOutcome::InCustody);
        assert_eq!(
            judge(Standing {
                live: false,
                ..live
            }),
            LoginOutcome::Stored
        );
    }

    #[test]
    fn a_name_that_means_another_account_is_refused() {
        let taken = Standing {
            name_means_another: true,
            ..NEW
        };
        assert_eq!(judge(taken), LoginOutcome::NameTaken);
    }
}
