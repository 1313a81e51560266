//! How many requests each limit is.

use std::time::Duration;

use cache::RateRule;
use common::types::limit::Limit;
use runtime::config::LimitsConfig;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Requests in a window: at once, or spread over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// At least 1.
    pub requests: u32,
    /// The time in which so many come back.
    pub window: Duration,
}

impl Quota {
    /// The configured quota of a limit.
    pub fn configured(limit: Limit, config: &LimitsConfig) -> Self {
        let (requests, window) = match limit {
            Limit::Key => (config.key, MINUTE),
            Limit::Bearer => (config.bearer, MINUTE),
            Limit::Address => (config.address, MINUTE),
            Limit::FailedCredentials => (config.failed_credentials, 15 * MINUTE),
            Limit::DeviceCode => (config.device_code, 15 * MINUTE),
            Limit::StrangersLogins => (config.device_code_by_address, 15 * MINUTE),
            Limit::FastPolls => (config.fast_polls, 5 * MINUTE),
            Limit::RefreshToken => (config.refresh_token, HOUR),
            Limit::GameSession => (config.game_session, HOUR),
            Limit::Mails => (config.mails, HOUR),
            Limit::MailsToRecipient => (config.mails_to_recipient, HOUR),
        };
        Self { requests, window }
    }

    /// The same for somebody to whom another number was granted.
    pub fn or(self, granted: Option<u32>) -> Self {
        Self {
            requests: granted.unwrap_or(self.requests),
            ..self
        }
    }

    /// The bucket of it.
    pub fn rule(self) -> RateRule {
        RateRule {
            capacity: self.requests,
            per_second: f64::from(self.requests) / self.window.as_secs_f64(),
        }
    }
}

/// What a limit counts, for people: who asks for mails meets several limits.
pub fn counted(limit: Limit) -> &'static str {
    match limit {
        Limit::Mails => "mails of one sender",
        Limit::MailsToRecipient => "mails to one address",
        _ => "requests",
    }
}

/// How a decision counts in the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Let through.
    Ok,
    /// Let through with a fifth of the limit or less left.
    NearLimit,
    /// Refused.
    Limited,
}

impl Outcome {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Ok, Self::NearLimit, Self::Limited];

    /// What came of a request.
    pub fn of(quota: Quota, allowed: bool, remaining: u32) -> Self {
        if !allowed {
            Self::Limited
        } else if remaining <= quota.requests / 5 {
            Self::NearLimit
        } else {
            Self::Ok
        }
    }

    /// Its label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NearLimit => "near_limit",
            Self::Limited => "limited",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_counts_in_the_usual_time() {
        let usual = Quota {
            requests: 20,
            window: HOUR,
        };
        assert_eq!(usual.or(None), usual);
        let raised = usual.or(Some(7_200)).rule();
        assert_eq!(raised.capacity, 7_200);
        assert!((raised.per_second - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_fifth_that_is_left_is_near() {
        let quota = Quota {
            requests: 100,
            window: HOUR,
        };
        assert_eq!(Outcome::of(quota, true, 21), Outcome::Ok);
        assert_eq!(Outcome::of(quota, true, 20), Outcome::NearLimit);
        assert_eq!(Outcome::of(quota, false, 0), Outcome::Limited);
    }
}
