//! What must happen though nobody asks: refresh tokens are spent before they end,
//! what has run out is marked and erased, what nobody needs is ended, partitions of the
//! trail and of what game servers say are made and dropped.
//!
//! Any number of processes may do it at once: each thing is claimed or compared in
//! PostgreSQL first, and doing it again changes nothing.

mod due;
mod logins;
mod refreshes;
mod server_logs;
mod sessions;

pub use due::REFRESH_WINDOW;

use super::{Custody, CustodyError};
use runtime::config::HytaleConfig;
use runtime::error_chain::ErrorChain;
use slog::{info, warn};
use store::{CustodyCounts, MonthlyTable, Partitions};

/// Rows that one statement changes or reads at most.
const BATCH: i64 = 200;

/// How upkeep is done.
#[derive(Debug, Clone, Copy)]
pub struct UpkeepSettings {
    /// Requests to the vendor at once.
    pub concurrency: usize,
    /// Sessions that the vendor allows an account; 0: any number.
    pub session_limit: u32,
    /// From this share of them on the account's owner is warned.
    pub session_warning_share: f64,
    /// Days that lines of the audit trail are kept.
    pub audit_retention_days: u32,
    /// Days that lines of game servers are kept.
    pub server_logs_retention_days: u32,
}

impl UpkeepSettings {
    /// As configured.
    #[must_use]
    pub fn of(config: &HytaleConfig) -> Self {
        Self {
            concurrency: config.upkeep_concurrency,
            session_limit: config.session_limit,
            session_warning_share: config.session_warning_share,
            audit_retention_days: config.audit_retention_days,
            server_logs_retention_days: config.server_logs_retention_days,
        }
    }
}

/// What was found and done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpkeepReport {
    /// Refresh tokens.
    pub refreshes: Refreshes,
    /// Game sessions.
    pub sessions: Tended,
    /// Logins that ended: expired, or finished without their caller.
    pub logins_ended: usize,
    /// What became of the trail's partitions.
    pub partitions: Partitions,
    /// And of those of what game servers say.
    pub server_log_partitions: Partitions,
    /// How accounts and sessions stand afterwards; `None`: they could not be counted.
    pub counts: Option<CustodyCounts>,
    /// Steps that failed; the log says how.
    pub failed: usize,
}

/// What became of refresh tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshes {
    /// Were due.
    pub due: usize,
    /// Were spent for new ones here; the others are somebody else's, or failed.
    pub renewed: usize,
    /// Were found dead here.
    pub dead: usize,
}

/// What became of game sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tended {
    /// Ran out.
    pub lapsed: usize,
    /// Were given up because no answer came.
    pub abandoned: usize,
    /// Were ended at the vendor because nobody needs them.
    pub reaped: usize,
    /// Accounts that came near the vendor's limit.
    pub near_limit: usize,
    /// Steps that failed.
    pub failed: usize,
}

impl Custody {
    /// Does everything once. A step that fails is logged and keeps no other from being
    /// done. May be dropped at any moment: what the vendor answers once is then still
    /// waited for and stored ([`close`](Self::close)).
    pub async fn upkeep(&self, settings: &UpkeepSettings) -> UpkeepReport {
        let mut report = UpkeepReport::default();
        let partitions = self.store().month_partitions(
            MonthlyTable::HytaleAudit,
            self.now(),
            settings.audit_retention_days,
        );
        // Lines of what follows go to their own month.
        let partitions = partitions.await.map_err(CustodyError::Store);
        let (refreshes, sessions, logins, server_logs) = tokio::join!(
            self.spend_due(settings.concurrency),
            self.tend_sessions(settings),
            self.tend_logins(settings.concurrency),
            self.tend_server_logs(settings.server_logs_retention_days),
        );
        report.partitions = self.step("partitions", partitions, &mut report.failed);
        report.server_log_partitions = self.step("server logs", server_logs, &mut report.failed);
        report.refreshes = self.step("refreshes", refreshes, &mut report.failed);
        report.logins_ended = self.step("logins", logins, &mut report.failed);
        report.failed += sessions.failed;
        report.sessions = sessions;
        let counts = self
            .store()
            .hytale_custody_counts(self.environment(), self.now())
            .await
            .map(Some)
            .map_err(CustodyError::Store);
        report.counts = self.step("counts", counts, &mut report.failed);
        self.say(&report);
        report
    }

    fn step<T: Default>(
        &self,
        name: &'static str,
        done: Result<T, CustodyError>,
        failed: &mut usize,
    ) -> T {
        done.unwrap_or_else(|error| {
            warn!(self.log(), "a step of Hytale's upkeep failed";
                "step" => name, "error" => ErrorChain(&error));
            *failed += 1;
            T::default()
        })
    }

    fn say(&self, report: &UpkeepReport) {
        let idle = UpkeepReport {
            counts: report.counts,
            ..UpkeepReport::default()
        };
        if *report == idle {
            return;
        }
        info!(self.log(), "Hytale's upkeep";
            "due" => report.refreshes.due, "renewed" => report.refreshes.renewed,
            "dead" => report.refreshes.dead, "lapsed" => report.sessions.lapsed,
            "abandoned" => report.sessions.abandoned, "reaped" => report.sessions.reaped,
            "near_limit" => report.sessions.near_limit, "logins_ended" => report.logins_ended,
            "partitions_made" => report.partitions.created.join(" "),
            "partitions_dropped" => report.partitions.dropped.join(" "),
            "server_log_partitions_made" => report.server_log_partitions.created.join(" "),
            "server_log_partitions_dropped" => report.server_log_partitions.dropped.join(" "),
            "failed" => report.failed);
    }
}
