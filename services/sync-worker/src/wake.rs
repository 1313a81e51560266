//! The queue's side: a command only wakes.

use crate::state::State;
use async_trait::async_trait;
use broker::{Delivery, Handler, Outcome};
use common::types::message::Command;
use relay::{Effect, Guarded};
use slog::{info, warn};
use std::sync::Arc;
use store::{InboxEntry, Receipt};

/// The handler of the worker's queue. It is acknowledged once every run that
/// may start has been started; what is done then follows from PostgreSQL alone.
pub fn handler(state: &Arc<State>) -> Arc<dyn Handler> {
    let wake = Wake {
        state: Arc::clone(state),
    };
    Arc::new(Guarded::new("sync-worker", wake, state.log.clone()))
}

struct Wake {
    state: Arc<State>,
}

#[async_trait]
impl Effect for Wake {
    async fn apply(
        &self,
        delivery: &Delivery,
        entry: Option<InboxEntry>,
    ) -> Result<Receipt, Outcome> {
        let Command::SyncRunV1 { run_id } = serde_json::from_slice(&delivery.body)
            .map_err(|error| Outcome::Dead(format!("not a known command: {error}")))?;
        info!(self.state.log, "woken";
            "run_id" => %run_id,
            "request_id" => delivery.headers.get("x-request-id"));
        let receipt = self.state.store.run_wake(entry).await.map_err(|error| {
            warn!(self.state.log, "runs could not be started"; "error" => %error);
            Outcome::Retry(error.to_string())
        })?;
        self.state.work.notify_one();
        Ok(receipt)
    }
}
