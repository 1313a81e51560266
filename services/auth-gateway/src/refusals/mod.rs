//! The audit trail of refusals that anybody can cause, as often as they like.
//!
//! A line of its own for each would let a stranger flood the trail. What one source was
//! refused is counted here, in a bounded table ([`Sums`]), and appended as one line when
//! the minute ends, or when the gateway does. No other lines of the trail can be lost by
//! a crash: they are written in the transaction of what they tell of.

mod sums;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use common::types::caller::Origin;
use common::types::hytale::HytaleEnvironment;
use runtime::error_chain::ErrorChain;
use slog::{Logger, warn};
use store::Store;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

pub use sums::Reason;
use sums::Sums;

/// Counts refusals and appends their sums. Dropped, it appends no more.
pub struct Refusals {
    pending: Arc<Pending>,
    appending: JoinHandle<()>,
}

/// What is counted and not yet appended.
struct Pending {
    sums: Mutex<Sums>,
    /// Held while sums are on their way, so that whoever ends the gateway waits for them.
    on_the_way: tokio::sync::Mutex<()>,
    store: Store,
    environment: HytaleEnvironment,
    log: Logger,
}

impl Refusals {
    /// Begins to count; sums are appended `every` so often.
    pub fn start(
        store: Store,
        environment: HytaleEnvironment,
        every: Duration,
        log: &Logger,
    ) -> Self {
        let pending = Arc::new(Pending {
            sums: Mutex::default(),
            on_the_way: tokio::sync::Mutex::default(),
            store,
            environment,
            log: log.clone(),
        });
        let appending = tokio::spawn({
            let pending = Arc::clone(&pending);
            async move {
                let mut ticks = interval_at(Instant::now() + every, every);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    pending.append().await;
                }
            }
        });
        Self { pending, appending }
    }

    /// Counts one.
    pub fn note(&self, reason: Reason, origin: Origin) {
        self.pending.sums().add(reason, origin, Utc::now());
    }

    /// Appends what is counted, because the gateway ends.
    pub async fn close(&self) {
        self.pending.append().await;
    }
}

impl Drop for Refusals {
    fn drop(&mut self) {
        self.appending.abort();
    }
}

impl Pending {
    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What cannot be appended goes on being counted.
    async fn append(&self) {
        let _only = self.on_the_way.lock().await;
        let taken = std::mem::take(&mut *self.sums());
        let lines = taken.lines(self.environment);
        if lines.is_empty() {
            return;
        }
        if let Err(error) = self.store.hytale_audit_append(&lines).await {
            warn!(self.log, "refusals cannot be written into the audit trail now: they are kept";
                "lines" => lines.len(), "error" => ErrorChain(&error));
            self.sums().add_all(taken);
        }
    }
}
