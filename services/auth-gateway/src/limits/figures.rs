//! Figures of limits, each found once: to look one up by its labels for every request costs
//! more than to decide about it.

use std::sync::OnceLock;

use cache::Ruling;
use common::types::limit::Limit;
use metrics::Counter;

use super::policy::{Outcome, Quota};

/// By limit, by outcome, and by whether all gateways were counted together.
#[derive(Default)]
pub(super) struct Figures([[[OnceLock<Counter>; 2]; Outcome::ALL.len()]; Limit::ALL.len()]);

impl Figures {
    /// Counts a decision.
    pub(super) fn count(&self, limit: Limit, quota: Quota, ruling: Ruling) {
        let decision = ruling.decision;
        let outcome = Outcome::of(quota, decision.allowed, decision.remaining);
        let found = &self.0[limit as usize][outcome as usize][usize::from(ruling.shared)];
        let counter = found.get_or_init(|| {
            let counted = if ruling.shared { "shared" } else { "local" };
            metrics::counter!(
                "nodebyte_rate_limit_total",
                "limit" => limit.name(), "outcome" => outcome.name(), "counted" => counted
            )
        });
        counter.increment(1);
    }
}
