//! The same token bucket as in `bucket.lua`, in this process and without a clock.

use super::{RateDecision, RateRule};
use std::time::{Duration, Instant};

/// A bucket's state; a new one is full.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn full(rule: RateRule, now: Instant) -> Self {
        Self {
            tokens: f64::from(rule.capacity.max(1)),
            at: now,
        }
    }

    /// Takes one token, if there is one.
    pub(super) fn take(&mut self, rule: RateRule, now: Instant) -> RateDecision {
        let capacity = f64::from(rule.capacity.max(1));
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rule.per_second).min(capacity);
        self.at = self.at.max(now);
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        let until = |tokens: f64| {
            let missing = (tokens - self.tokens).max(0.0);
            Duration::try_from_secs_f64(missing / rule.per_second).unwrap_or(Duration::MAX)
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the capacity, which is a u32"
        )]
        let remaining = self.tokens as u32;
        RateDecision {
            allowed,
            remaining,
            retry_after: until(1.0),
            reset_after: until(capacity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: RateRule = RateRule {
        capacity: 3,
        per_second: 0.5,
    };

    #[test]
    fn a_full_bucket_gives_its_capacity_and_then_one_token_at_a_time() {
        let start = Instant::now();
        let mut bucket = Bucket::full(RULE, start);
        for left in [2, 1, 0] {
            let decision = bucket.take(RULE, start);
            assert!(decision.allowed);
            assert_eq!(decision.remaining, left);
        }
        let refused = bucket.take(RULE, start);
        assert!(!refused.allowed);
        assert_eq!(refused.retry_after, Duration::from_secs(2));
        assert_eq!(refused.reset_after, Duration::from_secs(6));
        assert!(bucket.take(RULE, start + Duration::from_secs(2)).allowed);
        assert!(!bucket.take(RULE, start + Duration::from_secs(3)).allowed);
    }

    #[test]
    fn a_bucket_never_holds_more_than_its_capacity() {
        let start = Instant::now();
        let mut bucket = Bucket::full(RULE, start);
        let later = start + Duration::from_secs(3600);
        assert_eq!(bucket.take(RULE, later).remaining, 2);
    }
}
