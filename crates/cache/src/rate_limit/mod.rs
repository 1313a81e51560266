//! Rate limits of our own API, shared by all its processes.
//!
//! [`Cache::take_token`] counts in Redis and nowhere else; [`RateLimiter`] asks it and
//! has an answer also while Redis is away.

mod bucket;
mod limiter;

pub use limiter::{RateLimiter, Ruling};

use crate::connection::{Cache, CacheError};
use deadpool_redis::redis::Script;
use std::sync::LazyLock;
use std::time::Duration;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("bucket.lua")));

/// A token bucket's size and refill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateRule {
    /// The most requests at once; at least 1.
    pub capacity: u32,
    /// Requests a second in the long run; above 0.
    pub per_second: f64,
}

/// What a request may do, and what to tell its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateDecision {
    /// Whether it may go on; it has been counted then.
    pub allowed: bool,
    /// Requests that could follow at once.
    pub remaining: u32,
    /// When the next one is allowed; zero if it is now.
    pub retry_after: Duration,
    /// When the bucket is full again.
    pub reset_after: Duration,
}

impl Cache {
    /// Takes one token from the bucket `name` under `rule`. The name holds who
    /// is limited and for what; the caller keeps its length and number bounded.
    ///
    /// # Errors
    /// When Redis is no help; the caller decides whether to let the request by.
    pub async fn take_token(&self, name: &str, rule: RateRule) -> Result<RateDecision, CacheError> {
        let mut invocation = SCRIPT.key(self.key(&format!("rate:{name}")));
        invocation.arg(rule.capacity.max(1)).arg(rule.per_second);
        let (granted, remaining, next, full): (u8, u32, u64, u64) =
            self.script("rate_limit", &invocation).await?;
        Ok(RateDecision {
            allowed: granted == 1,
            remaining,
            retry_after: Duration::from_millis(next),
            reset_after: Duration::from_millis(full),
        })
    }
}
