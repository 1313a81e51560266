//! Accounts as their owners see them, and giving one up.

use super::accounts::Caller;
use super::sessions::SessionChoice;
use super::tokens::{Column, of_account};
use super::{Custody, CustodyError};
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
        let owner = (!caller.all_accounts).then_some(&caller.principal);
        let environment = self.environment();
        Ok(self
            .store()
            .hytale_accounts(environment, owner, after, limit)
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
        let row = self.account_row(account).await?;
        let (custody, origin) = (self.clone(), origin.clone());
        self.detach(async move { custody.give_up(account, &row, &origin).await })
            .await
    }

    async fn give_up(
        &self,
        account: HytaleAccount,
        row: &AccountRow,
        origin: &Origin,
    ) -> Result<(), CustodyError> {
        if row.state == "live" {
            self.end_all_sessions(account, origin).await?;
            // Whoever holds the leave to spend is the only one who knows the token.
            let begun = self
                .store()
                .hytale_spend_begin(account, row.generation, self.0.holder, self.claim())
                .await?;
            match begun {
                SpendStart::Begun(spend) => self.revoke(&spend).await,
                SpendStart::Wait if row.spend == "sending" => return Err(CustodyError::UnderWay),
                // Its time to be tried again has not come; it is given up all the same.
                SpendStart::Wait => {}
                SpendStart::Replaced => return Err(CustodyError::UnderWay),
            }
        }
        let erased = self
            .persist("an account given up", || {
                self.store().hytale_account_erase(account, origin)
            })
            .await?;
        info!(self.log(), "an account was given up";
            "account" => account.to_string(), "erased" => erased);
        Ok(())
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

    /// The vendor need not offer this.
    async fn revoke(&self, spend: &Spend) {
        let place = spend.account.to_string();
        let token = self.vault().await.and_then(|vault| {
            vault.unseal(of_account(Column::Refresh, &place), &spend.refresh_token)
        });
        match token {
            Ok(token) => {
                if let Err(error) = self.vendor().revoke(&token).await {
                    warn!(self.log(), "the tokens of an account given up could not be revoked";
                        "account" => place, "error" => ErrorChain(&error));
                }
            }
            Err(error) => warn!(self.log(), "the token of an account given up does not open";
                "account" => place, "error" => ErrorChain(&error)),
        }
    }
}
