//! How long to wait before asking again.

use rand::Rng;
use std::time::Duration;

/// How often a failed request is repeated, and after what pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Requests in all, the first one included; at least 1.
    pub attempts: u32,
    /// Longest pause before the second request; it doubles with every further one.
    pub first: Duration,
    /// No pause is longer.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 6,
            first: Duration::from_millis(250),
            cap: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// The pause after `failures` failed requests (1 or more), or `None` when
    /// enough were made. `fraction` lies between 0 and 1 and spreads those who
    /// failed together over the whole pause ("full jitter").
    #[must_use]
    pub fn pause(&self, failures: u32, fraction: f64) -> Option<Duration> {
        if failures >= self.attempts {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(20);
        let longest = self.first.saturating_mul(1 << doublings).min(self.cap);
        Some(longest.mul_f64(fraction.clamp(0.0, 1.0)))
    }

    /// [`pause`](Self::pause) with a random fraction.
    #[must_use]
    pub fn random_pause(&self, failures: u32) -> Option<Duration> {
        self.pause(failures, rand::rng().random())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pause_never_exceeds_its_doubling_or_the_cap(failures in 1u32..200, fraction in 0.0f64..=1.0) {
            let policy = RetryPolicy { attempts: u32::MAX, ..RetryPolicy::default() };
            let pause = policy.pause(failures, fraction).expect("attempts are left");
            prop_assert!(pause <= policy.cap);
            if failures < 8 {
                prop_assert!(pause <= policy.first * (1 << (failures - 1)));
            }
        }
    }

    #[test]
    fn those_who_failed_together_do_not_come_back_together() {
        let policy = RetryPolicy::default();
        let pauses: Vec<_> = (0..20).map(|_| policy.random_pause(3)).collect();
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
    }

    #[test]
    fn the_last_attempt_has_no_pause_after_it() {
        let policy = RetryPolicy::default();
        assert!(policy.pause(policy.attempts - 1, 1.0).is_some());
        assert_eq!(policy.pause(policy.attempts, 1.0), None);
    }
}
