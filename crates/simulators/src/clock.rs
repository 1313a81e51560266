//! The time that a simulated system believes it is; its expiries are reckoned by it.

use chrono::{DateTime, TimeDelta, Utc};

/// A clock that runs ahead of the real one by as much as told, or that stands still until told to move.
#[derive(Clone, Debug)]
pub struct Clock {
    standing: Option<DateTime<Utc>>,
    ahead: TimeDelta,
}

impl Clock {
    /// A clock that stands still at this instant, or that runs with the real one.
    pub fn new(standing: Option<DateTime<Utc>>) -> Self {
        Self {
            standing,
            ahead: TimeDelta::zero(),
        }
    }

    /// The system's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.standing.unwrap_or_else(Utc::now) + self.ahead
    }

    /// Moves on.
    pub fn advance(&mut self, by: TimeDelta) {
        self.ahead += by;
    }
}
