//! When Redis is left alone: after a failure for a while, and then one question tells
//! whether it is back. So its absence costs one request in a while the wait, not each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long Redis is left alone after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Redis was not away.
const CLOSED: u64 = 0;

#[derive(Debug)]
pub(super) struct Breaker {
    start: Instant,
    /// Until when nobody asks, in milliseconds since the start; [`CLOSED`]: all may.
    until: AtomicU64,
}

impl Breaker {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            start: now,
            until: AtomicU64::new(CLOSED),
        }
    }

    /// Whether asking is any use now.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until == CLOSED || self.since_start(now) >= until
    }

    /// As [`allows`](Self::allows), for whoever then asks: after a failure, one at a time.
    pub(super) fn enter(&self, now: Instant) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        if until == CLOSED {
            return true;
        }
        self.since_start(now) >= until
            && self
                .until
                .compare_exchange(
                    until,
                    self.pause_from(now),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// Redis has failed. Whether that is news.
    pub(super) fn failed(&self, now: Instant) -> bool {
        self.until.swap(self.pause_from(now), Ordering::Relaxed) == CLOSED
    }

    /// Redis has answered. Whether that is news.
    pub(super) fn answered(&self) -> bool {
        // The usual case writes nothing.
        self.until.load(Ordering::Relaxed) != CLOSED
            && self.until.swap(CLOSED, Ordering::Relaxed) != CLOSED
    }

    fn pause_from(&self, now: Instant) -> u64 {
        self.since_start(now + PAUSE)
    }

    fn since_start(&self, at: Instant) -> u64 {
        let passed = at.saturating_duration_since(self.start).as_millis();
        // Never the word for closed.
        u64::try_from(passed).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_in_a_pause_asks_until_there_is_an_answer() {
        let start = Instant::now();
        let breaker = Breaker::new(start);
        assert!(breaker.enter(start) && breaker.enter(start));
        assert!(breaker.failed(start), "news");
        assert!(!breaker.failed(start), "no news");
        assert!(!breaker.allows(start) && !breaker.enter(start));
        let later = start + PAUSE;
        assert!(breaker.allows(later), "looking takes nobody's place");
        assert!(breaker.enter(later), "one asks");
        assert!(!breaker.enter(later), "the others go without");
        assert!(breaker.answered(), "news");
        assert!(!breaker.answered(), "no news");
        assert!(breaker.enter(later) && breaker.enter(later));
    }
}
