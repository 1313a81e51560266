//! Rate limits of requests.
//!
//! A handler takes from a bucket ([`Limits::take`]) once it knows whose it is: an
//! account's only after the caller's right to it is proven, so that nobody can use up
//! what is another's. What the bucket said stands on the answer, whatever it is: the
//! fields are kept for the request being answered and written by [`write_headers`].

mod headers;
mod policy;

use cache::{RateLimiter, Ruling};
use common::types::hytale::HytaleAccount;
use runtime::config::LimitsConfig;
use runtime::http::ApiError;

pub use headers::{EXPOSED, write_headers};
pub use policy::Limit;

use policy::Quota;

/// Takes from the buckets.
pub struct Limits {
    limiter: RateLimiter,
    config: LimitsConfig,
}

impl Limits {
    /// With the limits of the configuration.
    pub fn new(limiter: RateLimiter, config: LimitsConfig) -> Self {
        Self { limiter, config }
    }

    /// Takes one request from an account's bucket. The caller has proved its right to
    /// the account.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn of_account(&self, limit: Limit, account: HytaleAccount) -> Result<(), ApiError> {
        self.take(limit, &account.to_string()).await
    }

    /// Takes one request from the bucket of `subject`: a principal, an account, a
    /// login or the real address, never what an unauthenticated caller chose.
    ///
    /// # Errors
    /// 429 with the time after which one is left again.
    pub async fn take(&self, limit: Limit, subject: &str) -> Result<(), ApiError> {
        let quota = limit.quota(&self.config);
        let bucket = format!("{}:{subject}", limit.name());
        let ruling = self.limiter.take(&bucket, quota.rule()).await;
        count(limit, quota, ruling);
        headers::keep(limit, quota, ruling.decision);
        if ruling.decision.allowed {
            return Ok(());
        }
        Err(ApiError::rate_limited(
            format!(
                "Rate limit exceeded: at most {} requests in {} seconds",
                quota.requests,
                quota.window.as_secs()
            ),
            ruling.decision.retry_after,
        ))
    }
}

/// A fifth of the limit or less is near.
fn count(limit: Limit, quota: Quota, ruling: Ruling) {
    let outcome = if !ruling.decision.allowed {
        "limited"
    } else if ruling.decision.remaining <= quota.requests / 5 {
        "near_limit"
    } else {
        "ok"
    };
    let counted = if ruling.shared { "shared" } else { "local" };
    metrics::counter!(
        "nodebyte_rate_limit_total",
        "limit" => limit.name(), "outcome" => outcome, "counted" => counted
    )
    .increment(1);
}
