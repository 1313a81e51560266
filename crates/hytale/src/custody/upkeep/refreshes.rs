//! Refresh tokens that are spent though nobody asks.

use super::due::{REFRESH_WINDOW, is_due, turn};
use super::{BATCH, Refreshes};
use crate::custody::spend::Attempt;
use crate::custody::{Custody, CustodyError};
use common::types::caller::Origin;
use common::types::hytale::HytaleAccount;
use futures_util::StreamExt;
use futures_util::stream;
use runtime::error_chain::ErrorChain;
use slog::warn;
use store::DueRefresh;

impl Custody {
    /// Spends what is due, `concurrency` at once. Access tokens play no part: those of
    /// idle accounts are left to expire.
    pub(super) async fn spend_due(&self, concurrency: usize) -> Result<Refreshes, CustodyError> {
        let before = self.now() + REFRESH_WINDOW;
        let mut done = Refreshes::default();
        let mut after = None;
        loop {
            let page = self
                .store()
                .hytale_refreshes_due(self.environment(), before, after, BATCH)
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.place());
            let mut due: Vec<DueRefresh> = page
                .into_iter()
                .filter(|account| is_due(account, self.now()))
                .collect();
            if !due.is_empty() {
                // Whoever cannot keep tokens spends none.
                self.vault().await?;
            }
            due.sort_by_key(|account| turn(account.account_id, self.0.holder.0));
            done.due += due.len();
            let ends = stream::iter(due)
                .map(|account| self.spend_one(account))
                .buffer_unordered(concurrency.max(1));
            let ended = ends.collect::<Vec<_>>().await;
            done.renewed += ended.iter().filter(|end| **end == End::Renewed).count();
            done.dead += ended.iter().filter(|end| **end == End::Dead).count();
        }
        Ok(done)
    }

    async fn spend_one(&self, due: DueRefresh) -> End {
        let account = HytaleAccount {
            environment: self.environment(),
            id: due.account_id,
        };
        let attempt = self
            .attempt(account, due.generation, &Origin::default())
            .await;
        match attempt {
            Ok(Attempt::Done(_access)) => End::Renewed,
            // Another process was faster.
            Ok(Attempt::Wait | Attempt::Replaced) => End::Other,
            Err(CustodyError::LoginNeeded) => End::Dead,
            // Its own line says so, and the pause until the next try is stored.
            Err(CustodyError::Vendor(_)) => End::Other,
            Err(error) => {
                warn!(self.log(), "a refresh token could not be renewed";
                    "account" => account.to_string(), "error" => ErrorChain(&error));
                End::Other
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Renewed,
    Dead,
    Other,
}
