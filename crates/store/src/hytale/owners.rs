//! Who shares an account: beside whoever logged it in, or instead.

use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::admin::AdminEvent;
use common::types::caller::{Actor, Principal};
use common::types::hytale::HytaleAccount;
use diesel::sql_query;
use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;

impl Store {
    /// Makes somebody an owner of an account, for `askers` who all own it (nobody: for an
    /// administrator), and says so in the trail of administration. Repeated, it changes
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such account, user or client, or an asker
    /// does not own the account any more.
    pub async fn hytale_owner_add(
        &self,
        account: HytaleAccount,
        askers: &[Principal],
        owner: &Principal,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let change = "INSERT INTO hytale_account_owners (environment, account_id, principal) \
            VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let event = AdminEvent::AccountOwnerAdded;
        self.change_owner(account, askers, owner, event, change, actor)
            .await
    }

    /// Takes an account from one of its owners, with the names that this one gave it, for
    /// `askers` as [`Store::hytale_owner_add`] does, and says so in the trail of
    /// administration. Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such account, or an asker does not own it
    /// any more.
    pub async fn hytale_owner_remove(
        &self,
        account: HytaleAccount,
        askers: &[Principal],
        owner: &Principal,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let change = "DELETE FROM hytale_account_owners \
            WHERE environment = $1 AND account_id = $2 AND principal = $3";
        let event = AdminEvent::AccountOwnerRemoved;
        self.change_owner(account, askers, owner, event, change, actor)
            .await
    }

    async fn change_owner(
        &self,
        account: HytaleAccount,
        askers: &[Principal],
        owner: &Principal,
        event: AdminEvent,
        change: &'static str,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let line = NewAdminLine {
            event,
            subject: Some(owner.clone()),
            details: json!({ "environment": account.environment, "account_id": account.id }),
        };
        let (owner, actor) = (owner.clone(), actor.clone());
        let askers: Vec<String> = askers.iter().map(ToString::to_string).collect();
        admin_audit::change(self, |conn| {
            async move {
                // Logins look at the owners under the same lock.
                let lock = "SELECT 1 FROM hytale_accounts \
                WHERE environment = $1 AND account_id = $2 FOR UPDATE";
                let locked = sql_query(lock)
                    .bind::<Text, _>(account.environment.as_str())
                    .bind::<SqlUuid, _>(account.id)
                    .execute(conn)
                    .await?;
                if locked == 0 {
                    return Err(StoreError::NotFound("account"));
                }
                // One may have lost it while this waited.
                let still = "SELECT 1 FROM hytale_account_owners \
                    WHERE environment = $1 AND account_id = $2 AND principal = ANY($3)";
                let still = sql_query(still)
                    .bind::<Text, _>(account.environment.as_str())
                    .bind::<SqlUuid, _>(account.id)
                    .bind::<Array<Text>, _>(&askers)
                    .execute(conn)
                    .await?;
                if still < askers.len() {
                    return Err(StoreError::NotFound("account"));
                }
                if event == AdminEvent::AccountOwnerAdded {
                    must_exist(conn, &owner).await?;
                }
                let changed = sql_query(change)
                    .bind::<Text, _>(account.environment.as_str())
                    .bind::<SqlUuid, _>(account.id)
                    .bind::<Text, _>(owner.to_string())
                    .execute(conn)
                    .await?;
                if changed > 0 {
                    admin_audit::append(conn, &line, &actor).await?;
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }
}

/// An account given to nobody, by a slip of the pen, would be lost to its owner.
async fn must_exist(conn: &mut Connection, owner: &Principal) -> Result<(), StoreError> {
    let (found, what) = match owner {
        Principal::Service => return Ok(()),
        Principal::Client(id) => {
            let found = sql_query("SELECT 1 FROM api_clients WHERE id = $1 FOR KEY SHARE");
            (found.bind::<SqlUuid, _>(*id).execute(conn).await?, "client")
        }
        Principal::User(id) => {
            let found = sql_query("SELECT 1 FROM users WHERE id = $1 FOR KEY SHARE");
            (found.bind::<Text, _>(id).execute(conn).await?, "user")
        }
    };
    if found == 0 {
        return Err(StoreError::NotFound(what));
    }
    Ok(())
}
