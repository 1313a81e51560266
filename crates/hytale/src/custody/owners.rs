//! Sharing an account, and taking it from one who shares it.

use super::accounts::Caller;
use super::{Custody, CustodyError};
use common::types::caller::{Actor, Principal};
use common::types::hytale::HytaleAccount;
use store::StoreError;

impl Custody {
    /// Makes `owner`, a user or client that there is, an owner of an account of the
    /// caller's, beside those that it has.
    ///
    /// # Errors
    /// [`CustodyError::UnknownAccount`] when it is not the caller's (any more);
    /// [`CustodyError::Store`] with what is not there.
    pub async fn share(
        &self,
        caller: &Caller,
        account: HytaleAccount,
        owner: &Principal,
    ) -> Result<(), CustodyError> {
        let (askers, actor) = (caller.owners(), Actor::Caller(caller.origin.clone()));
        let store = self.store();
        let shared = store.hytale_owner_add(account, &askers, owner, &actor);
        unknown(shared.await)
    }

    /// Takes an account of the caller's from one of its owners. Without any, it is for
    /// internal services alone. Its tokens and sessions stay as they are.
    ///
    /// # Errors
    /// [`CustodyError::UnknownAccount`] when it is not the caller's (any more).
    pub async fn unshare(
        &self,
        caller: &Caller,
        account: HytaleAccount,
        owner: &Principal,
    ) -> Result<(), CustodyError> {
        let (askers, actor) = (caller.owners(), Actor::Caller(caller.origin.clone()));
        let store = self.store();
        let removed = store.hytale_owner_remove(account, &askers, owner, &actor);
        unknown(removed.await)
    }
}

fn unknown(changed: Result<(), StoreError>) -> Result<(), CustodyError> {
    changed.map_err(|error| match error {
        StoreError::NotFound("account") => CustodyError::UnknownAccount,
        other => other.into(),
    })
}
