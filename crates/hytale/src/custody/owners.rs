//! Sharing an account, and taking it from one who shares it.

use super::{Custody, CustodyError};
use common::types::caller::{Actor, Origin, Principal};
use common::types::hytale::HytaleAccount;

impl Custody {
    /// Makes `owner`, a user or client that there is, an owner of an account, beside
    /// those that it has.
    ///
    /// # Errors
    /// [`CustodyError::Store`] with what is not there.
    pub async fn share(
        &self,
        account: HytaleAccount,
        owner: &Principal,
        origin: &Origin,
    ) -> Result<(), CustodyError> {
        let actor = Actor::Caller(origin.clone());
        Ok(self
            .store()
            .hytale_owner_add(account, owner, &actor)
            .await?)
    }

    /// Takes an account from one of its owners. Without any, it is for internal services
    /// alone. Its tokens and sessions stay as they are.
    ///
    /// # Errors
    /// [`CustodyError::Store`] with what is not there.
    pub async fn unshare(
        &self,
        account: HytaleAccount,
        owner: &Principal,
        origin: &Origin,
    ) -> Result<(), CustodyError> {
        let actor = Actor::Caller(origin.clone());
        Ok(self
            .store()
            .hytale_owner_remove(account, owner, &actor)
            .await?)
    }
}
