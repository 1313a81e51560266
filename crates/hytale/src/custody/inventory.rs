//! Which sessions count against the vendor's limit.

use super::{Caller, Custody, CustodyError};
use common::types::hytale::HytaleAccount;
use store::{CountedSession, InventoryPage, SessionCount};
use uuid::Uuid;

/// Some sessions that count, and how many their accounts have in all.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// By account, then in the order of their ids.
    pub sessions: Vec<CountedSession>,
    /// Of each account that has one of these sessions.
    pub accounts: Vec<SessionCount>,
}

impl Custody {
    /// Sessions of the caller's accounts, or of one account that is proven to be the
    /// caller's, that count against the vendor's limit; behind `after`, which is an
    /// account and a session.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn inventory(
        &self,
        caller: &Caller,
        account: Option<HytaleAccount>,
        after: Option<(Uuid, Uuid)>,
        limit: i64,
    ) -> Result<Inventory, CustodyError> {
        let page = InventoryPage {
            owners: caller.owners(),
            account: account.map(|account| account.id),
            after,
            limit,
        };
        let (store, environment, now) = (self.store(), self.environment(), self.now());
        let sessions = store
            .hytale_sessions_counted(environment, &page, now)
            .await?;
        let mut accounts: Vec<Uuid> = sessions.iter().map(|it| it.account_id).collect();
        accounts.dedup();
        let accounts = store
            .hytale_session_counts_of(environment, &accounts, now)
            .await?;
        Ok(Inventory { sessions, accounts })
    }
}
