//! Device logins that nobody polls any more.

use super::BATCH;
use crate::custody::progress::{LONGEST_POLLING, REPEATS};
use crate::custody::reasons::{EXPIRED, TOKENS_KEPT};
use crate::custody::{Custody, CustodyError};
use common::types::caller::Origin;
use common::types::id::FlowId;
use futures_util::StreamExt;
use futures_util::stream;
use runtime::error_chain::ErrorChain;
use slog::warn;
use std::time::Duration;
use store::FlowRow;

/// Ended logins are deleted after this time.
const ENDED_KEPT: Duration = Duration::from_secs(24 * 3600);

impl Custody {
    /// Ends what is over, erases what need not be repeated, deletes what is old.
    pub(super) async fn tend_logins(&self, concurrency: usize) -> Result<usize, CustodyError> {
        let (store, environment) = (self.store(), self.environment());
        let over = store
            .hytale_flows_over(environment, self.now(), LONGEST_POLLING, BATCH)
            .await?;
        let mut ended = over.len();
        for flow in over {
            self.fail(flow, EXPIRED, &Origin::default()).await?;
        }
        ended += self.finish_logins(concurrency).await?;
        store.hytale_flows_erase(environment, REPEATS).await?;
        store
            .hytale_flows_delete(environment, ENDED_KEPT, BATCH)
            .await?;
        Ok(ended)
    }

    /// A login whose caller does not come back for it is finished all the same: its
    /// tokens are nowhere else.
    async fn finish_logins(&self, concurrency: usize) -> Result<usize, CustodyError> {
        let unfinished = self
            .store()
            .hytale_flows_unfinished(
                self.environment(),
                self.now(),
                LONGEST_POLLING,
                self.claim(),
                BATCH,
            )
            .await?;
        let count = unfinished.len();
        stream::iter(unfinished)
            .for_each_concurrent(concurrency.max(1), |flow| self.finish_login(flow))
            .await;
        Ok(count)
    }

    async fn finish_login(&self, flow: FlowRow) {
        let (custody, id) = (self.clone(), flow.id.to_string());
        let finished = self.detach(async move {
            let origin = Origin::default();
            if custody.now() >= flow.expires_at + TOKENS_KEPT {
                return custody.fail(FlowId(flow.id), EXPIRED, &origin).await;
            }
            custody.finish(&flow, &origin).await.map(|_answer| ())
        });
        // Most are refusals, which end the login too.
        if let Err(error) = finished.await {
            warn!(self.log(), "a login was not finished as its caller wished";
                "login" => id, "error" => ErrorChain(&error));
        }
    }
}
