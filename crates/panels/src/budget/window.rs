//! The panel's rate limit as we count it, without clock or storage.

use common::seams::Permit;
use std::time::Duration;

/// Length of a panel's window.
const WINDOW_MS: i64 = 60_000;
/// How much later than granted a request is taken to arrive.
const SLACK_MS: i64 = 250;
/// How long headers may still speak of the window before.
const SETTLE_MS: i64 = 3_000;

/// One bucket: what it grants, what it has left, and until when.
///
/// A panel counts in fixed windows of 60 s, the first request after a window's
/// end beginning the next (facts measured on Laravel's limiter). We see neither
/// its clock nor the moment a request arrives there, only that it arrives a
/// little later than it was granted. So a window here
/// - grants during its first 59.75 s only: what is granted later could arrive
///   after the panel's window ended, begin its next one, and count there;
/// - ends after 60.25 s: what the next one grants cannot arrive in this one.
///
/// What the panel's headers say bounds what is left, never raises it. In a
/// window's first three seconds they are not believed where they could still
/// belong to the window before (a request granted at its end, answered now).
///
/// Every budget counts like this, wherever it keeps the state: `cache` does the
/// same in Lua over the same fields. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Requests a window.
    limit: u32,
    /// Requests left in the present window.
    remaining: u32,
    /// When the present window began; `None`: no request was granted yet.
    began_at: Option<i64>,
    /// From when on headers are believed.
    settled_at: i64,
    /// Nothing is granted before; the next grant begins a new window.
    blocked_until: i64,
}

impl Window {
    /// A bucket of `limit` requests a window (at least 1) that nobody has used.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        let limit = limit.max(1);
        Self {
            limit,
            remaining: limit,
            began_at: None,
            settled_at: i64::MIN,
            blocked_until: i64::MIN,
        }
    }

    /// Requests a window.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Takes one request at `now`, or says how long to wait before asking again.
    pub fn take(&mut self, now: i64) -> Permit {
        if now < self.blocked_until {
            return wait(self.blocked_until - now);
        }
        let age = self.began_at.map(|began| now - began);
        match age {
            // A negative age: the clock was set back, the window means nothing.
            Some(age) if (0..WINDOW_MS + SLACK_MS).contains(&age) => {
                if self.remaining == 0 || age > WINDOW_MS - SLACK_MS {
                    return wait(WINDOW_MS + SLACK_MS - age);
                }
                self.remaining -= 1;
            }
            _ => {
                let follows = age.is_some_and(|age| age < 2 * WINDOW_MS);
                self.settled_at = if follows { now + SETTLE_MS } else { now };
                self.began_at = Some(now);
                self.remaining = self.limit - 1;
            }
        }
        Permit::Granted
    }

    /// What a panel's answer said at `now`. A changed limit counts at once.
    pub fn learn(&mut self, now: i64, limit: u32, remaining: u32) {
        self.adopt(limit);
        if now >= self.settled_at {
            self.remaining = self.remaining.min(remaining);
        }
    }

    /// Sets the limit (at least 1); the requests used in this window stay used.
    pub fn adopt(&mut self, limit: u32) {
        let limit = limit.max(1);
        let used = self.limit.saturating_sub(self.remaining);
        self.limit = limit;
        self.remaining = limit.saturating_sub(used);
    }

    /// Nothing more before `until`: the panel said when its window ends.
    pub fn block(&mut self, until: i64) {
        self.blocked_until = self.blocked_until.max(until);
        self.began_at = None;
    }
}

fn wait(ms: i64) -> Permit {
    Permit::Wait(Duration::from_millis(ms.max(1).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The panel's own counting: fixed windows from the first request on.
    #[derive(Default)]
    struct Panel {
        ends_at: i64,
        count: u32,
        most: u32,
    }

    impl Panel {
        fn arrive(&mut self, at: i64) {
            if at >= self.ends_at {
                self.ends_at = at + WINDOW_MS;
                self.count = 0;
            }
            self.count += 1;
            self.most = self.most.max(self.count);
        }
    }

    proptest! {
        #[test]
        fn a_sole_client_never_exceeds_the_limit_of_any_panel_window(
            limit in 1u32..40,
            // Pause before each attempt, and how late the request arrives.
            steps in prop::collection::vec((0i64..9_000, 0i64..SLACK_MS), 1..400),
        ) {
            let (mut window, mut now) = (Window::new(limit), 0);
            let mut arrivals = Vec::new();
            for (pause, delay) in steps {
                now += pause;
                if window.take(now) == Permit::Granted {
                    arrivals.push(now + delay);
                }
            }
            arrivals.sort_unstable();
            let mut panel = Panel::default();
            arrivals.into_iter().for_each(|at| panel.arrive(at));
            prop_assert!(panel.most <= limit, "{} of {limit}", panel.most);
        }

        #[test]
        fn nothing_is_granted_inside_a_block(
            steps in prop::collection::vec((0i64..20_000, prop::option::of(0i64..90_000)), 1..100),
        ) {
            let (mut window, mut now, mut blocked) = (Window::new(5), 0, 0);
            for (pause, block) in steps {
                now += pause;
                if let Some(length) = block {
                    window.block(now + length);
                    blocked = blocked.max(now + length);
                }
                if window.take(now) == Permit::Granted {
                    prop_assert!(now >= blocked);
                }
            }
        }

        #[test]
        fn whoever_waits_as_told_is_granted_soon(
            limit in 1u32..10,
            events in prop::collection::vec((0i64..70_000, 0u32..10, 0u32..10, any::<bool>()), 0..40),
        ) {
            let (mut window, mut now) = (Window::new(limit), 0);
            for (pause, limit, remaining, block) in events {
                now += pause;
                window.take(now);
                window.learn(now, limit, remaining);
                if block {
                    window.block(now + 7_000);
                }
            }
            let mut waits = 0;
            while let Permit::Wait(pause) = window.take(now) {
                now += i64::try_from(pause.as_millis()).expect("a short wait");
                waits += 1;
                prop_assert!(waits <= 2, "still waiting after {waits} waits");
            }
        }
    }

    #[test]
    fn a_lowered_limit_counts_at_once() {
        let mut window = Window::new(240);
        for now in 0..50 {
            assert_eq!(window.take(now), Permit::Granted);
        }
        window.learn(50, 60, 10);
        for now in 51..61 {
            assert_eq!(window.take(now), Permit::Granted);
        }
        assert!(matches!(window.take(61), Permit::Wait(_)));
    }

    #[test]
    fn other_clients_of_the_same_user_are_noticed() {
        let mut window = Window::new(240);
        assert_eq!(window.take(0), Permit::Granted);
        window.learn(40, 240, 0);
        assert_eq!(window.take(50), wait(WINDOW_MS + SLACK_MS - 50));
    }

    #[test]
    fn an_answer_from_the_window_before_does_not_empty_the_new_one() {
        let mut window = Window::new(2);
        assert_eq!(window.take(0), Permit::Granted);
        assert_eq!(window.take(59_000), Permit::Granted);
        let next = WINDOW_MS + SLACK_MS;
        assert_eq!(window.take(next), Permit::Granted);
        window.learn(next + 500, 2, 0);
        assert_eq!(window.take(next + 600), Permit::Granted);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_anybody() {
        let mut window = Window::new(1);
        assert_eq!(window.take(1_000_000), Permit::Granted);
        assert_eq!(window.take(0), Permit::Granted);
    }
}
