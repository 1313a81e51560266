//! Rate limits of our own API, shared by all its processes.
//!
//! [`Cache::take_token`] counts in Redis and nowhere else; [`RateLimiter`] has an answer
//! also while Redis is away, and can serve a generous limit from small leases of tokens,
//! so that few of its requests cost a way to Redis.
//!
//! `bucket` is the arithmetic, the same as in `bucket.lua`; `lease` decides about the
//! tokens that are held here, without a clock or I/O; `leases` keeps many of them, of
//! those who came a moment ago (`recent`);
//! `breaker` says when to leave Redis alone; `limiter` joins them.

mod ahead;
mod breaker;
mod bucket;
mod lease;
mod leases;
mod limiter;
mod recent;
#[cfg(test)]
mod simulation;

pub use limiter::{RateLimiter, Ruling};

use crate::connection::{Cache, CacheError};
use deadpool_redis::redis::{Script, ScriptInvocation};
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
    /// Requests that could follow at once; from a lease, perhaps more.
    pub remaining: u32,
    /// When the next one is allowed; zero if it is now.
    pub retry_after: Duration,
    /// When the bucket is full again.
    pub reset_after: Duration,
}

/// What a bucket says to a wish for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    /// Tokens of those that were wanted.
    granted: u32,
    /// Whole tokens that are left.
    left: u32,
    /// Until the next token; zero if one is left.
    next: Duration,
    /// Until it is full.
    full: Duration,
}

/// As the script returns it for each bucket.
type Told = (i64, u32, u64, u64);

impl Answer {
    fn of((granted, left, next, full): Told) -> Self {
        Self {
            granted: u32::try_from(granted).unwrap_or(0),
            left,
            next: Duration::from_millis(next),
            full: Duration::from_millis(full),
        }
    }

    /// What it means for a request that wanted one token.
    fn of_one(self) -> RateDecision {
        RateDecision {
            allowed: self.granted >= 1,
            remaining: self.left,
            retry_after: self.next,
            reset_after: self.full,
        }
    }
}

/// What one bucket is asked for: tokens, or below 0 that it takes some back.
#[derive(Debug, Clone, Copy)]
struct Wish<'a> {
    name: &'a str,
    rule: RateRule,
    wanted: i64,
}

/// Asks buckets, all at one time.
fn ask(cache: &Cache, wishes: &[Wish<'_>]) -> ScriptInvocation<'static> {
    let mut invocation = SCRIPT.prepare_invoke();
    for Wish { name, rule, wanted } in wishes {
        invocation
            .key(cache.key(&format!("rate:{name}")))
            .arg(rule.capacity.max(1))
            .arg(rule.per_second)
            .arg(*wanted);
    }
    invocation
}

impl Cache {
    /// Takes one token from the bucket `name` under `rule`. The name holds who
    /// is limited and for what; the caller keeps its length and number bounded.
    ///
    /// # Errors
    /// When Redis is no help; the caller decides whether to let the request by.
    pub async fn take_token(&self, name: &str, rule: RateRule) -> Result<RateDecision, CacheError> {
        let wanted = 1;
        let wish = Wish { name, rule, wanted };
        let [told]: [Told; 1] = self.script("rate_limit", &ask(self, &[wish])).await?;
        Ok(Answer::of(told).of_one())
    }
}
