//! Which limits there are.

use std::time::Duration;

use cache::RateRule;
use runtime::config::LimitsConfig;

const MINUTE: Duration = Duration::from_secs(60);
/// Logins that one address begins without credentials.
const STRANGERS_LOGINS: u32 = 5;

const HOUR: Duration = Duration::from_secs(3600);

/// What is limited. Each has buckets of its own, one a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Logins begun by one principal.
    DeviceCode,
    /// Logins begun from one address without credentials.
    StrangersLogins,
    /// Polls of one login that come faster than its interval.
    FastPolls,
    /// Refresh tokens of one account spent on request.
    RefreshToken,
    /// Profiles and game sessions of one account.
    GameSession,
}

impl Limit {
    /// Names buckets, and the policy in `RateLimit-Policy`.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeviceCode => "device-code",
            Self::StrangersLogins => "device-code-by-address",
            Self::FastPolls => "fast-polls",
            Self::RefreshToken => "refresh-token",
            Self::GameSession => "game-session",
        }
    }

    /// How many requests in what time.
    pub fn quota(self, config: &LimitsConfig) -> Quota {
        let (requests, window) = match self {
            Self::DeviceCode => (config.device_code, 15 * MINUTE),
            Self::StrangersLogins => (STRANGERS_LOGINS, 15 * MINUTE),
            Self::FastPolls => (config.fast_polls, 5 * MINUTE),
            Self::RefreshToken => (config.refresh_token, HOUR),
            Self::GameSession => (config.game_session, HOUR),
        };
        Quota { requests, window }
    }
}

/// Requests in a window: at once, or spread over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// At least 1.
    pub requests: u32,
    /// The time in which so many come back.
    pub window: Duration,
}

impl Quota {
    /// The bucket of it.
    pub fn rule(self) -> RateRule {
        RateRule {
            capacity: self.requests,
            per_second: f64::from(self.requests) / self.window.as_secs_f64(),
        }
    }
}
