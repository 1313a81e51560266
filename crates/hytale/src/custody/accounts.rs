//! Which account is meant, whether the caller may use it, and its profiles.

use super::{Custody, CustodyError};
use crate::vendor::{Profile, Profiles, Refusal};
use common::types::caller::{Origin, Principal};
use common::types::hytale::HytaleAccount;
use secrecy::SecretString;
use serde_json::{Value, json};
use store::{AccountRow, StoreError};
use uuid::Uuid;

/// Who asks, and what is theirs.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The owner of accounts.
    pub principal: Principal,
    /// Who else must own an account that is used; `None`: nobody.
    pub and: Option<Principal>,
    /// Whether every account may be used, those without an owner included.
    pub all_accounts: bool,
    /// For the audit trail.
    pub origin: Origin,
}

impl Caller {
    /// Who must own an account that is used, each of them; empty: nobody.
    pub(super) fn owners(&self) -> Vec<Principal> {
        let first = (!self.all_accounts).then(|| self.principal.clone());
        first.into_iter().chain(self.and.clone()).collect()
    }

    fn may_use(&self, account: &AccountRow) -> bool {
        let owns = |principal: &Principal| account.owners.contains(&principal.to_string());
        self.owners().iter().all(owns)
    }
}

impl Custody {
    /// The account that a caller means: by Hytale's id, or by a name of its own for one
    /// of its own accounts. Another's account is as unknown as one that does
    /// not exist.
    ///
    /// # Errors
    /// [`CustodyError::UnknownAccount`].
    pub async fn resolve(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<HytaleAccount, CustodyError> {
        // PostgreSQL's text cannot hold it.
        if name.contains('\0') {
            return Err(CustodyError::UnknownAccount);
        }
        if let Ok(id) = name.parse()
            && let Some(account) = self.theirs(caller, id).await?
        {
            return Ok(account);
        }
        let named = self
            .store()
            .hytale_account_named(self.environment(), &caller.principal, name)
            .await?
            .ok_or(CustodyError::UnknownAccount)?;
        self.theirs(caller, named.account_id)
            .await?
            .ok_or(CustodyError::UnknownAccount)
    }

    /// The account with this id, if the caller may use it.
    async fn theirs(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Option<HytaleAccount>, CustodyError> {
        let environment = self.environment();
        let account = HytaleAccount { environment, id };
        match self.account_row(account).await {
            Ok(row) if caller.may_use(&row) => Ok(Some(account)),
            Ok(_) | Err(CustodyError::UnknownAccount) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The account and its profiles, as Hytale says now.
    ///
    /// # Errors
    /// As [`access_token`](Self::access_token); [`CustodyError::NotAllowed`] for an
    /// account without a licence.
    pub async fn profiles(
        &self,
        account: HytaleAccount,
        origin: &Origin,
    ) -> Result<Profiles, CustodyError> {
        let (custody, origin) = (self.clone(), origin.clone());
        self.detach(async move { custody.profiles_now(account, &origin).await })
            .await
    }

    async fn profiles_now(
        &self,
        account: HytaleAccount,
        origin: &Origin,
    ) -> Result<Profiles, CustodyError> {
        let access = self.access_token(account, origin).await?;
        let profiles = match self.vendor().profiles(&access.token).await {
            Err(error)
                if matches!(
                    error.refusal(),
                    Some(Refusal::Unauthorized | Refusal::Forbidden)
                ) =>
            {
                // A token that Hytale has revoked before its end; the same answer to
                // a new one is about the account.
                let access = self.refresh(account, origin).await?;
                self.ask_profiles(&access.token).await?
            }
            Err(error) => return Err(CustodyError::Vendor(error)),
            Ok(profiles) => profiles,
        };
        let ids: Vec<Uuid> = profiles.profiles.iter().map(|it| it.uuid).collect();
        let json = profiles_json(&profiles.profiles);
        self.store()
            .hytale_profiles_seen(account, &json, &ids)
            .await?;
        Ok(profiles)
    }

    /// Chooses the profile that sessions are made for when none is named.
    ///
    /// # Errors
    /// [`CustodyError::UnknownProfile`] when it is not one of the account's.
    pub async fn select_profile(
        &self,
        account: HytaleAccount,
        profile: Uuid,
        origin: &Origin,
    ) -> Result<(), CustodyError> {
        let row = self.account_row(account).await?;
        self.known_profile(account, &row, profile, origin).await?;
        self.store()
            .hytale_profile_select(account, profile, origin)
            .await?;
        Ok(())
    }

    /// Proves that a profile is the account's; one that is not stored may be new.
    pub(super) async fn known_profile(
        &self,
        account: HytaleAccount,
        row: &AccountRow,
        profile: Uuid,
        origin: &Origin,
    ) -> Result<(), CustodyError> {
        if stored_profiles(row)?.iter().any(|it| it.uuid == profile) {
            return Ok(());
        }
        let profiles = self.profiles(account, origin).await?.profiles;
        if profiles.iter().any(|it| it.uuid == profile) {
            Ok(())
        } else {
            Err(CustodyError::UnknownProfile)
        }
    }

    pub(super) async fn account_row(
        &self,
        account: HytaleAccount,
    ) -> Result<AccountRow, CustodyError> {
        match self.store().hytale_account(account).await {
            Err(StoreError::NotFound(_)) => Err(CustodyError::UnknownAccount),
            other => Ok(other?),
        }
    }

    async fn ask_profiles(&self, access: &SecretString) -> Result<Profiles, CustodyError> {
        self.vendor()
            .profiles(access)
            .await
            .map_err(|error| match error.refusal() {
                Some(Refusal::Unauthorized | Refusal::Forbidden) => CustodyError::NotAllowed,
                _ => CustodyError::Vendor(error),
            })
    }
}

/// Profiles as they are stored.
pub(super) fn profiles_json(profiles: &[Profile]) -> Value {
    profiles
        .iter()
        .map(|it| json!({ "uuid": it.uuid, "username": it.username }))
        .collect()
}

/// The stored profiles of an account.
pub(super) fn stored_profiles(row: &AccountRow) -> Result<Vec<Profile>, CustodyError> {
    serde_json::from_value(row.profiles.clone())
        .map_err(|error| StoreError::Corrupt(format!("profiles of an account: {error}")).into())
}
