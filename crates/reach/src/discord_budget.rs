//! What Discord takes from us, shared by all notifiers and gateways through Redis; while that
//! is away each notifier keeps to its share, and gateways ask little.
//!
//! Discord's limits are known in part (documented: 50 requests a second from one address,
//! 10,000 answers 401, 403 or 429 in ten minutes) and in part from experience (5 in 2 s a
//! webhook, 30 in 60 s a channel, whatever its webhooks say). These buckets stay within all
//! of them in every window; what the answers say comes on top.

use std::time::Duration;

use cache::{Cache, RateLimiter, RateRule, Ruling};
use runtime::config::Config;
use slog::Logger;

/// 3 at once and 1 a second: at most 5 in any 2 s.
const WEBHOOK: RateRule = RateRule {
    capacity: 3,
    per_second: 1.0,
};
/// 5 at once and 25 a minute: at most 30 in any 60 s.
const CHANNEL: RateRule = RateRule {
    capacity: 5,
    per_second: 25.0 / 60.0,
};
/// 10 at once and 40 a second: at most 50 in any second.
const ADDRESS: RateRule = RateRule {
    capacity: 10,
    per_second: 40.0,
};
/// Half of what leads to a ban.
const INVALID: RateRule = RateRule {
    capacity: 2500,
    per_second: 2500.0 / 600.0,
};

/// What Discord takes from us.
#[derive(Clone)]
pub struct DiscordBudget {
    limiter: RateLimiter,
}

/// Time that Redis has for a decision.
const PATIENCE: Duration = Duration::from_millis(200);

impl DiscordBudget {
    /// Shared through this Redis.
    #[must_use]
    pub fn new(cache: Cache, config: &Config, log: &Logger) -> Self {
        Self {
            limiter: RateLimiter::new(cache, config.notifications.notifiers, PATIENCE, log),
        }
    }

    /// Takes a request to a webhook in a channel (their ids; a webhook's own for a channel that
    /// is not known).
    ///
    /// # Errors
    /// How long to wait before it may be asked again. What is refused costs nothing.
    pub async fn take(&self, webhook: &str, channel: &str) -> Result<(), Duration> {
        let buckets = [
            (format!("discord:webhook:{webhook}"), WEBHOOK),
            (format!("discord:channel:{channel}"), CHANNEL),
            ("discord:address".to_owned(), ADDRESS),
        ];
        let mut taken: Vec<(String, RateRule, Ruling)> = Vec::new();
        for (name, rule) in buckets {
            let ruling = self.limiter.take(&name, rule).await;
            if ruling.decision.allowed {
                taken.push((name, rule, ruling));
                continue;
            }
            for (name, rule, ruling) in taken {
                self.limiter.give_back(&name, rule, ruling).await;
            }
            return Err(ruling.decision.retry_after);
        }
        Ok(())
    }

    /// Counts an answer 401, 403 or 429; says how long nothing at all may be sent once there
    /// were too many.
    pub async fn count_invalid(&self) -> Option<Duration> {
        let ruling = self.limiter.take("discord:invalid", INVALID).await;
        (!ruling.decision.allowed).then_some(ruling.decision.retry_after)
    }
}

#[cfg(test)]
mod tests;
