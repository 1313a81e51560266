//! The months of the trail of administration: made ahead, and dropped when their time is
//! over. A month that is missing delays nothing: its lines lie in the default partition.

use common::seams::{Clock, SystemClock};
use runtime::config::SecurityConfig;
use runtime::error_chain::ErrorChain;
use slog::{Logger, info, warn};
use store::{FOR_EVER, MonthlyTable, Store};

/// Tends the trail.
pub(crate) struct Trail {
    store: Store,
    keep_days: u32,
    log: Logger,
}

impl Trail {
    /// Lines are kept as long as the configuration says.
    pub(crate) fn new(store: Store, config: &SecurityConfig, log: &Logger) -> Self {
        let keep_days = match config.admin_audit_retention_days {
            0 => FOR_EVER,
            days => days,
        };
        Self {
            store,
            keep_days,
            log: log.clone(),
        }
    }

    /// Does what is due; what fails is done at the next tick. Any number of replicas may.
    pub(crate) async fn tend(&self) {
        let table = MonthlyTable::AdminAudit;
        let now = SystemClock.now();
        match self
            .store
            .month_partitions(table, now, self.keep_days)
            .await
        {
            Ok(done) if done.created.is_empty() && done.dropped.is_empty() => {}
            Ok(done) => info!(self.log, "the months of the trail of administration were tended";
                "created" => done.created.join(" "), "dropped" => done.dropped.join(" ")),
            Err(error) => warn!(self.log, "the trail of administration cannot be tended now";
                "error" => ErrorChain(&error)),
        }
    }
}
