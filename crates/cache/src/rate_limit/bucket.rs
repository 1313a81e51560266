//! The same token bucket as in `bucket.lua`, in this process and without a clock.

use super::{Answer, RateRule};
use std::time::{Duration, Instant};

/// A bucket's state: what has been used of it. A new one is full.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    used: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Self {
        Self { used: 0.0, at: now }
    }

    /// Takes as many tokens of `wanted` as there are; gives some back if it is negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the capacity, which is a u32, or a small negative number"
    )]
    pub(super) fn take(&mut self, rule: RateRule, wanted: i64, now: Instant) -> Answer {
        let capacity = f64::from(rule.capacity.max(1));
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.used = (self.used - passed * rule.per_second).max(0.0);
        self.at = self.at.max(now);
        let there = (capacity - self.used).max(0.0) as u32;
        let granted = wanted.min(i64::from(there));
        self.used = (self.used + granted as i32 as f64).max(0.0);
        let left = (capacity - self.used).max(0.0);
        let after = |tokens: f64| {
            Duration::try_from_secs_f64(tokens.max(0.0) / rule.per_second).unwrap_or(Duration::MAX)
        };
        let next = if left >= 1.0 {
            Duration::ZERO
        } else {
            after(1.0 - (capacity - self.used))
        };
        Answer {
            granted: granted.max(0) as u32,
            left: left as u32,
            next,
            full: after(self.used),
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
        let mut bucket = Bucket::full(start);
        for left in [2, 1, 0] {
            let answer = bucket.take(RULE, 1, start);
            assert_eq!((answer.granted, answer.left), (1, left));
        }
        let refused = bucket.take(RULE, 1, start);
        assert_eq!(refused.granted, 0);
        assert_eq!(refused.next, Duration::from_secs(2));
        assert_eq!(refused.full, Duration::from_secs(6));
        let later = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(bucket.take(RULE, 1, later(2)).granted, 1);
        assert_eq!(bucket.take(RULE, 1, later(3)).granted, 0);
    }

    #[test]
    fn a_bucket_never_holds_more_than_its_capacity() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let later = start + Duration::from_secs(3600);
        assert_eq!(bucket.take(RULE, 1, later).left, 2);
        assert_eq!(bucket.take(RULE, -7, later).left, 3);
    }

    #[test]
    fn several_tokens_are_granted_as_far_as_they_are_there() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert_eq!(bucket.take(RULE, 2, start).granted, 2);
        let answer = bucket.take(RULE, 2, start);
        assert_eq!((answer.granted, answer.left), (1, 0));
        assert_eq!(bucket.take(RULE, -1, start).left, 1);
    }

    #[test]
    fn another_capacity_counts_at_once_and_gives_back_nothing_that_was_used() {
        let raised = RateRule {
            capacity: 10,
            ..RULE
        };
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        bucket.take(RULE, 3, start);
        assert_eq!(bucket.take(raised, 1, start).left, 6);
        assert_eq!(bucket.take(RULE, 1, start).granted, 0);
        assert_eq!(bucket.take(raised, 1, start).left, 5);
    }
}
