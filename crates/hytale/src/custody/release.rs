//! Accounts as their owners see them, and giving one up.

use super::accounts::Caller;
use super::sessions::SessionChoice;
use super::{Custody, CustodyError};
use common::crypto::place::Place;
use common::types::caller::Origin;
use common::types::hytale::HytaleAccount;
use common::types::id::SessionId;
use runtime::error_chain::ErrorChain;
use slog::{info, warn};
use store::{AccountRow, Spend, SpendStart};
use uuid::Uuid;

impl Custody {
    /// The caller's accounts in the order of their ids, beginning behind `after`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn accounts(
        &self,
        caller: &Caller,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<AccountRow>, CustodyError> {
        let environment = self.environment();
        Ok(self
            .store()
            .hytale_accounts(environment, &caller.owners(), after, limit)
            .await?)
    }

    /// One account, as it stands.
    ///
    /// # Errors
    /// [`CustodyError::UnknownAccount`].
    pub async fn account(&self, account: HytaleAccount) -> Result<AccountRow, CustodyError> {
        self.account_row(account).await
    }

    /// Gives an account up: ends its sessions and revokes its tokens at the vendor, as
    /// far as the vendor lets us, then erases all that is kept of it but the audit
    /// trail.
    ///
    /// # Errors
    /// [`CustodyError::UnderWay`] while its refresh token is being spent: the new one
    /// would be left behind.
    pub async fn release(
        &self,
        account: HytaleAccount,
        origin: &Origin,
    ) -> Result<(), CustodyError> {
        self.account_row(account).await?;
        let (custody, origin) = (self.clone(), origin.clone());
        self.detach(async move { custody.give_up(account, &origin).await })
            .await
    }

    async fn give_up(&self, account: HytaleAccount, origin: &Origin) -> Result<(), CustodyError> {
        self.end_all_sessions(account, origin).await?;
        // Ending sessions takes time: what is erased is what is looked at now.
        let row = self.account_row(account).await?;
        let mut fence = None;
        let mut revoked = false;
        if row.state == "live" {
            // Whoever holds the leave to spend is the only one who knows the token.
            let begun = self
                .store()
                .hytale_revocation_begin(account, row.generation, self.0.holder, self.claim())
                .await?;
            match begun {
                SpendStart::Begun(spend) => {
                    fence = Some(spend.fence);
                    revoked = self.revoke(&spend).await;
                }
                // Somebody spends it: to erase it now would leave the new one behind.
                SpendStart::Wait | SpendStart::Replaced => return Err(CustodyError::UnderWay),
            }
        }
        let erased = self
            .persist("an account given up", || {
                self.store()
                    .hytale_account_erase(account, row.generation, fence, revoked, origin)
            })
            .await?;
        info!(self.log(), "an account was given up";
            "account" => account.to_string(), "erased" => erased, "revoked" => revoked);
        if erased {
            return Ok(());
        }
        match self.account_row(account).await {
            Err(CustodyError::UnknownAccount) => Ok(()),
            other => other.and(Err(CustodyError::UnderWay)),
        }
    }

    async fn end_all_sessions(
        &self,
        account: HytaleAccount,
        origin: &Origin,
    ) -> Result<(), CustodyError> {
        let active = self
            .store()
            .hytale_sessions_active(account, None, None, self.now())
            .await?;
        for session in active {
            let choice = SessionChoice {
                session: Some(SessionId(session.id)),
                ..SessionChoice::default()
            };
            if let Err(error) = self.end_session(account, choice, origin).await {
                warn!(self.log(), "a session of an account given up runs on until it lapses";
                    "session" => session.id.to_string(), "error" => ErrorChain(&error));
            }
        }
        Ok(())
    }

    /// The vendor need not offer this. It is tried for no longer than a request takes:
    /// when the leave has ended, somebody else may spend the token. Whether it was taken.
    async fn revoke(&self, spend: &Spend) -> bool {
        let place = spend.account.to_string();
        let limit = self.0.settings.request_timeout;
        match tokio::time::timeout(limit, self.revoke_token(&place, spend)).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => {
                warn!(self.log(), "the tokens of an account given up could not be revoked";
                    "account" => place, "error" => ErrorChain(&error));
            }
            Err(late) => {
                warn!(self.log(), "the tokens of an account given up could not be revoked in time";
                    "account" => place, "error" => ErrorChain(&late));
            }
        }
        false
    }

    async fn revoke_token(&self, place: &str, spend: &Spend) -> Result<(), CustodyError> {
        let vault = self.vault().await?;
        let token = vault.unseal(Place::AccountRefresh.of(place), &spend.refresh_token)?;
        let revoked = self.vendor().revoke(&token).await;
        revoked.map(|_| ()).map_err(CustodyError::Vendor)
    }
}
