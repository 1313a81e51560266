//! The panel's rate limits: fixed windows from the first request, one per API and user, shared by all of the
//! user's keys.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::rows::Id;

/// Which of the two APIs, each with a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// `/api/application`
    Application,
    /// `/api/client`
    Client,
}

/// Requests allowed in a window.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// On the Application API (240 on a real panel).
    pub application: u32,
    /// On the Client API (720 on a real panel).
    pub client: u32,
    /// Length of the window (60 s on a real panel).
    pub window: Duration,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            application: 240,
            client: 720,
            window: Duration::from_mins(1),
        }
    }
}

impl RateLimits {
    /// Limits that no test reaches.
    pub fn unreachable() -> Self {
        Self {
            application: 1_000_000,
            client: 1_000_000,
            ..Self::default()
        }
    }
}

struct Window {
    ends: Instant,
    used: u32,
}

/// What a request finds of its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests allowed in a window.
    pub limit: u32,
    /// Requests left in this one.
    pub remaining: u32,
    /// For a refused request: seconds to wait and the unix second of the reset.
    pub refused: Option<(u64, u64)>,
}

/// Counts requests.
#[derive(Default)]
pub struct Limiter {
    /// The limits in force; a change holds for the next request.
    pub limits: RateLimits,
    windows: BTreeMap<(Api, Id), Window>,
    told_to_wait: BTreeMap<Api, Instant>,
}

impl Limiter {
    /// A limiter without any window begun.
    pub fn new(limits: RateLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Counts one request of a user.
    pub fn count(&mut self, api: Api, user: Id) -> Standing {
        let limit = match api {
            Api::Application => self.limits.application,
            Api::Client => self.limits.client,
        };
        let now = Instant::now();
        let fresh = Window {
            ends: now + self.limits.window,
            used: 0,
        };
        let window = self.windows.entry((api, user)).or_insert(fresh);
        if window.ends <= now {
            *window = Window {
                ends: now + self.limits.window,
                used: 0,
            };
        }
        if window.used >= limit {
            let left = window.ends - now;
            self.told_to_wait.insert(api, window.ends);
            let wait = whole_seconds(left);
            let reset = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |unix| whole_seconds(unix + left));
            return Standing {
                limit,
                remaining: 0,
                refused: Some((wait, reset)),
            };
        }
        window.used += 1;
        Standing {
            limit,
            remaining: limit - window.used,
            refused: None,
        }
    }

    /// Notes that an API's users were told to wait by an answer that no window caused.
    pub fn tell_to_wait(&mut self, api: Api, wait: Duration) {
        self.told_to_wait.insert(api, Instant::now() + wait);
    }

    /// Whether somebody was told to wait and this moment lies inside that time.
    pub fn inside_retry_after(&self, api: Api) -> bool {
        self.told_to_wait
            .get(&api)
            .is_some_and(|until| Instant::now() < *until)
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
