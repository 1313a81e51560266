//! The ceiling on credentials of one address that are not good.
//!
//! An attempt is counted before the credentials are looked at, as if they were not good:
//! so many at once are no more than one by one. That must not refuse good ones because
//! many of them come at once. So an address has a few turns in each process, and whoever
//! comes meanwhile waits for one.

use std::sync::Arc;
use std::time::Duration;

use cache::Ruling;
use common::types::limit::Limit;
use moka::sync::Cache as Addresses;
use runtime::http::ApiError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::policy::Quota;
use super::{Limits, bucket, headers};

/// The part of an address' ceiling that one process tries at once. Several processes
/// together stay below it.
const PART_AT_ONCE: u32 = 8;

/// Addresses that are remembered.
const MOST_ADDRESSES: u64 = 100_000;

/// How long an address is remembered that tries nothing.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How long credentials wait for their turn: as long as for a verdict.
const PATIENCE: Duration = Duration::from_secs(2);

/// The turns of all addresses.
pub(super) struct Turns(Addresses<String, Arc<Semaphore>>);

impl Turns {
    pub(super) fn new() -> Self {
        let addresses = Addresses::builder()
            .max_capacity(MOST_ADDRESSES)
            .time_to_idle(REMEMBERED);
        Self(addresses.build())
    }

    async fn take(&self, address: &str, quota: Quota) -> Result<OwnedSemaphorePermit, NoAttempt> {
        let turns = || Arc::new(Semaphore::new(at_once(quota)));
        let turns = self.0.get_with_by_ref(address, turns);
        let turn = timeout(PATIENCE, turns.acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(NoAttempt::NoTurn)
    }
}

fn at_once(quota: Quota) -> usize {
    usize::try_from(quota.requests / PART_AT_ONCE).map_or(1, |turns| turns.max(1))
}

/// Credentials that are being tried, and who has counted them.
pub struct Attempt {
    ruling: Ruling,
    _turn: OwnedSemaphorePermit,
}

/// Why credentials are not tried.
#[derive(Debug)]
pub enum NoAttempt {
    /// The address has tried too many that were not good: 429.
    TooMany(ApiError),
    /// Those before it take too long.
    NoTurn,
}

impl Limits {
    /// Counts credentials that an address tries, as if they were not good.
    ///
    /// # Errors
    /// Why they must not be looked at.
    pub async fn attempt(&self, address: &str) -> Result<Attempt, NoAttempt> {
        let (_, quota) = self.attempts(address);
        let turn = self.turns.take(address, quota).await?;
        let ruling = self.count_attempt(address).await;
        ruling
            .map(|ruling| Attempt {
                ruling,
                _turn: turn,
            })
            .map_err(NoAttempt::TooMany)
    }

    /// Counts credentials that turned out not to be good though nobody expected it.
    ///
    /// # Errors
    /// 429 where the address has tried too many.
    pub async fn count_attempt(&self, address: &str) -> Result<Ruling, ApiError> {
        let (limit, quota) = self.attempts(address);
        let ruling = self
            .limiter
            .take(&bucket(limit, address), quota.rule())
            .await;
        if ruling.decision.allowed {
            return Ok(ruling);
        }
        self.figures.count(limit, quota, ruling);
        headers::keep(limit, quota, ruling.decision);
        Err(ApiError::rate_limited(
            "Too many credentials from this address were not good",
            ruling.decision.retry_after,
        ))
    }

    /// The credentials of an [`attempt`](Self::attempt) were good, or nobody could tell.
    pub async fn attempt_did_not_fail(&self, address: &str, attempt: Attempt) {
        let (limit, quota) = self.attempts(address);
        self.limiter
            .give_back(&bucket(limit, address), quota.rule(), attempt.ruling)
            .await;
    }

    fn attempts(&self, address: &str) -> (Limit, Quota) {
        let limit = Limit::FailedCredentials;
        let granted = self.granted.of(limit, address);
        (limit, Quota::configured(limit, &self.config).or(granted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_processes_together_stay_below_the_ceiling() {
        let of = |requests| {
            at_once(Quota {
                requests,
                window: Duration::from_secs(900),
            })
        };
        assert_eq!([of(1), of(5), of(60), of(1_000)], [1, 1, 7, 125]);
    }
}
