//! Who shares an account: beside whoever logged it in, or instead.

use crate::admin_audit::{self, NewAdminLine};
use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::types::admin::AdminEvent;
use common::types::caller::{Actor, Principal};
use common::types::hytale::HytaleAccount;
use diesel::sql_query;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use serde_json::json;

impl Store {
    /// Makes somebody an owner of an account, and says so in the trail of administration.
    /// Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such account, user or client.
    pub async fn hytale_owner_add(
        &self,
        account: HytaleAccount,
        owner: &Principal,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let change = "INSERT INTO hytale_account_owners (environment, account_id, principal) \
            VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.change_owner(account, owner, AdminEvent::AccountOwnerAdded, change, actor)
            .await
    }

    /// Takes an account from one of its owners, with the names that this one gave it, and
    /// says so in the trail of administration. Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such account.
    pub async fn hytale_owner_remove(
        &self,
        account: HytaleAccount,
        owner: &Principal,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let change = "DELETE FROM hytale_account_owners \
            WHERE environment = $1 AND account_id = $2 AND principal = $3";
        let event = AdminEvent::AccountOwnerRemoved;
        self.change_owner(account, owner, event, change, actor)
            .await
    }

    async fn change_owner(
        &self,
        account: HytaleAccount,
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
