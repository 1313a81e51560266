//! Rate limits of requests.
//!
//! Every request is counted against the general limit of its caller ([`Count`]). A
//! handler of something dear takes from a strict one as well ([`Limits::take`]), once it
//! knows whose it is: an account's only after the caller's right to it is proven, so that
//! nobody can use up what is another's. What the buckets said stands on the answer,
//! whatever it is: the fields are kept for the request being answered and written by
//! [`WriteHeaders`].

mod attempts;
mod figures;
mod general;
mod granted;
mod headers;
mod kept;
mod mails;
mod policy;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cache::{RateLimiter, Ruling};
use common::types::caller::Principal;
use common::types::hytale::HytaleAccount;
use ring::digest::{SHA256, digest};
use runtime::config::LimitsConfig;
use runtime::http::ApiError;

pub use attempts::Attempt;
pub use common::types::limit::Limit;
pub use general::{Count, GeneralBucket, address};
pub use granted::Granted;
pub use headers::EXPOSED;
pub use kept::WriteHeaders;

use attempts::Turns;
use figures::Figures;
use headers::Counted;
use policy::{Quota, counted};

/// Takes from the buckets.
pub struct Limits {
    limiter: RateLimiter,
    config: LimitsConfig,
    granted: Granted,
    turns: Turns,
    figures: Figures,
}

impl Limits {
    /// With the limits of the configuration, and those that are granted to somebody.
    pub fn new(limiter: RateLimiter, config: LimitsConfig, granted: Granted) -> Self {
        Self {
            limiter,
            config,
            granted,
            turns: Turns::default(),
            figures: Figures::default(),
        }
    }

    /// Takes one request from an account's bucket. The caller has proved its right to
    /// the account.
    ///
    /// What the caller was granted, be it more or less than all have, holds where the account
    /// was granted nothing, and is counted apart: one owner that asks a thousand times keeps no
    /// other waiting, and one bucket fills at one pace.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn of_account(
        &self,
        limit: Limit,
        account: HytaleAccount,
        caller: &Principal,
    ) -> Result<(), ApiError> {
        let caller = caller.to_string();
        // An operator names an account by Hytale's id, whichever world it is in.
        let of_account = self.granted.of(limit, &account.id.to_string());
        let (subject, granted) = match (of_account, self.granted.of(limit, &caller)) {
            (None, Some(own)) => (format!("{account}:{caller}"), Some(own)),
            (of_account, _) => (account.to_string(), of_account),
        };
        self.take_one(limit, &subject, granted).await
    }

    /// Takes one request from the bucket of `subject`: a principal, an account, a
    /// login or the real address, never what an unauthenticated caller chose. What the
    /// `caller` was granted holds where the subject was granted nothing.
    ///
    /// # Errors
    /// 429 with the time after which one is left again.
    pub async fn take(
        &self,
        limit: Limit,
        subject: &str,
        caller: Option<&Principal>,
    ) -> Result<(), ApiError> {
        let of_caller = || self.granted.of(limit, &caller?.to_string());
        let granted = self.granted.of(limit, subject).or_else(of_caller);
        self.take_one(limit, subject, granted).await
    }

    /// Takes one request from the general limit, where that can be decided without asking
    /// anybody.
    pub fn take_at_hand(&self, bucket: &GeneralBucket) -> Option<Result<(), ApiError>> {
        let quota = self.general(bucket);
        let ruling = self.limiter.take_at_hand(&bucket.name, quota.rule())?;
        Some(self.tell(bucket.limit, quota, ruling))
    }

    /// Takes one request from the general limit.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn take_general(&self, bucket: &GeneralBucket) -> Result<(), ApiError> {
        let quota = self.general(bucket);
        let ruling = self.limiter.take_leased(&bucket.name, quota.rule()).await;
        self.tell(bucket.limit, quota, ruling)
    }

    fn general(&self, bucket: &GeneralBucket) -> Quota {
        let granted = self.granted.of(bucket.limit, bucket.principal());
        Quota::configured(bucket.limit, &self.config).or(granted)
    }

    async fn take_one(
        &self,
        limit: Limit,
        subject: &str,
        granted: Option<u32>,
    ) -> Result<(), ApiError> {
        let quota = Quota::configured(limit, &self.config).or(granted);
        let bucket = bucket(limit, subject);
        let ruling = self.limiter.take(&bucket, quota.rule()).await;
        self.tell(limit, quota, ruling)
    }

    /// Counts a decision, and keeps it for the answer.
    fn note(&self, limit: Limit, quota: Quota, ruling: Ruling) {
        self.figures.count(limit, quota, ruling);
        kept::keep(Counted {
            limit,
            quota,
            decision: ruling.decision,
        });
    }

    /// Notes a decision and says what it means.
    fn tell(&self, limit: Limit, quota: Quota, ruling: Ruling) -> Result<(), ApiError> {
        self.note(limit, quota, ruling);
        if ruling.decision.allowed {
            return Ok(());
        }
        Err(ApiError::rate_limited(
            format!(
                "Rate limit exceeded: at most {} {} in {} seconds",
                quota.requests,
                counted(limit),
                quota.window.as_secs()
            ),
            ruling.decision.retry_after,
        ))
    }

    /// Gives back what is held of the buckets, because the gateway ends.
    pub async fn close(&self) {
        self.limiter.close().await;
    }
}

/// Whoever gets mail is told apart by a digest, so that Redis shows nobody's address.
fn bucket(limit: Limit, subject: &str) -> String {
    let name = limit.name();
    match limit {
        Limit::MailsToRecipient => {
            let digest = digest(&SHA256, subject.as_bytes());
            format!("{name}:{}", URL_SAFE_NO_PAD.encode(digest))
        }
        _ => format!("{name}:{subject}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_shows_no_address_of_who_gets_mail() {
        let one = bucket(Limit::MailsToRecipient, "a@b.example");
        assert!(!one.contains("b.example"), "{one}");
        assert_ne!(one, bucket(Limit::MailsToRecipient, "c@b.example"));
    }
}
