//! A circuit breaker: when the other side is away, most requests fail at once instead
//! of each finding out for itself.
//!
//! Closed, it counts failures in a row. Open, it lets nobody through until its
//! pause is over, then exactly one request as a trial: if that fails, the pause
//! doubles; if it succeeds, the breaker closes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that open the breaker.
const THRESHOLD: u32 = 5;
/// First pause.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    Trial { pause: Duration },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// The breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// When it is worth asking again.
    pub wait: Duration,
}

impl Breaker {
    /// Whether it is worth preparing a request now.
    ///
    /// # Errors
    ///
    /// [`Open`] where [`admit`](Self::admit) would answer the same.
    pub fn check(&self, now: Instant) -> Result<(), Open> {
        self.change(|state| match *state {
            State::Open { until, .. } if now < until => Err(Open { wait: until - now }),
            State::Trial { pause } => Err(Open { wait: pause }),
            State::Closed { .. } | State::Open { .. } => Ok(()),
        })
    }

    /// Leave for one request, whose outcome the caller reports through the pass.
    ///
    /// # Errors
    ///
    /// [`Open`] while the breaker is open or another request is its trial.
    pub fn admit(&self, now: Instant) -> Result<Pass<'_>, Open> {
        self.change(|state| match *state {
            State::Closed { .. } => Ok(false),
            State::Open { until, pause } if now >= until => {
                *state = State::Trial { pause };
                Ok(true)
            }
            State::Open { until, .. } => Err(Open { wait: until - now }),
            State::Trial { pause } => Err(Open { wait: pause }),
        })
        .map(|trial| Pass {
            breaker: self,
            trial,
            settled: false,
        })
    }

    /// Whether requests are turned away, or all but one; for the metrics.
    pub fn is_open(&self) -> bool {
        self.change(|state| !matches!(state, State::Closed { .. }))
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Leave to send one request. Dropped without a word (the request was given up),
/// a trial makes room for the next one.
#[derive(Debug)]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    trial: bool,
    settled: bool,
}

impl Pass<'_> {
    /// The other side answered, whatever it said.
    pub fn succeeded(mut self) {
        self.settled = true;
        self.breaker
            .change(|state| *state = State::Closed { failures: 0 });
    }

    /// The other side was not there.
    pub fn failed(mut self, now: Instant) {
        self.settled = true;
        self.breaker.change(|state| match *state {
            State::Closed { failures } if failures + 1 < THRESHOLD => {
                *state = State::Closed {
                    failures: failures + 1,
                };
            }
            State::Closed { .. } => {
                *state = State::Open {
                    until: now + FIRST_PAUSE,
                    pause: FIRST_PAUSE,
                };
            }
            State::Trial { pause } if self.trial => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                *state = State::Open {
                    until: now + pause,
                    pause,
                };
            }
            // A straggler from before the breaker opened tells nothing new.
            State::Trial { .. } | State::Open { .. } => {}
        });
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.trial && !self.settled {
            self.breaker.change(|state| {
                if let State::Trial { pause } = *state {
                    *state = State::Open {
                        until: Instant::now(),
                        pause,
                    };
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, now: Instant) {
        breaker.admit(now).expect("the breaker admits").failed(now);
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        let breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..THRESHOLD - 1 {
            fail(&breaker, now);
        }
        breaker.admit(now).expect("still closed").succeeded();
        for _ in 0..THRESHOLD {
            fail(&breaker, now);
        }
        let refused = breaker.admit(now).expect_err("open");
        assert_eq!(refused.wait, FIRST_PAUSE);
    }

    #[test]
    fn one_trial_decides_after_the_pause() {
        let breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..THRESHOLD {
            fail(&breaker, now);
        }
        let later = now + FIRST_PAUSE;
        let trial = breaker.admit(later).expect("a trial");
        assert!(breaker.admit(later).is_err(), "one trial at a time");
        trial.failed(later);
        assert_eq!(
            breaker.admit(later).expect_err("open again").wait,
            FIRST_PAUSE * 2
        );
        let much_later = later + FIRST_PAUSE * 2;
        breaker.admit(much_later).expect("a trial").succeeded();
        assert!(breaker.admit(much_later).is_ok());
    }

    #[test]
    fn pauses_stop_growing_at_a_minute() {
        let breaker = Breaker::default();
        let mut now = Instant::now();
        for _ in 0..THRESHOLD {
            fail(&breaker, now);
        }
        for _ in 0..10 {
            now += LONGEST_PAUSE;
            fail(&breaker, now);
        }
        assert_eq!(breaker.admit(now).expect_err("open").wait, LONGEST_PAUSE);
    }

    #[test]
    fn an_abandoned_trial_makes_room_for_the_next() {
        let breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..THRESHOLD {
            fail(&breaker, now);
        }
        let later = now + FIRST_PAUSE;
        drop(breaker.admit(later).expect("a trial"));
        assert!(breaker.admit(later.max(Instant::now())).is_ok());
    }
}
