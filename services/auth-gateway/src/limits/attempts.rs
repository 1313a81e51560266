//! The ceiling on credentials of one address that are not good.
//!
//! An attempt is counted before the credentials are looked at, as if they were not good:
//! so many at once are no more than one by one. That must not refuse good ones because
//! many of them come at once. So an address has a few turns in each process, and whoever
//! comes meanwhile waits for one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cache::Ruling;
use common::types::limit::Limit;
use runtime::http::ApiError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::policy::Quota;
use super::{Limits, bucket};

/// The part of an address' ceiling that one process tries at once, unless more gateways than
/// that share it. All together stay below it.
const PART_AT_ONCE: u32 = 8;

/// How long credentials wait for their turn: as long as for a verdict.
const PATIENCE: Duration = Duration::from_secs(2);

/// The turns of all addresses that try credentials now.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Weak<Semaphore>>>);

impl Turns {
    async fn take(&self, address: &str, turns: usize) -> Option<Turn> {
        let turn = timeout(PATIENCE, self.of(address, turns).acquire_owned()).await;
        Some(Turn(turn.ok()?.ok()?))
    }

    fn of(&self, address: &str, turns: usize) -> Arc<Semaphore> {
        let mut addresses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = addresses.get(address).and_then(Weak::upgrade) {
            return known;
        }
        addresses.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(turns));
        addresses.insert(address.to_owned(), Arc::downgrade(&turns));
        turns
    }
}

/// The right to try credentials, until it is dropped.
pub struct Turn(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

fn at_once(requests: u32, gateways: u32) -> usize {
    let part = PART_AT_ONCE.max(gateways.saturating_add(1));
    usize::try_from(requests / part).map_or(1, |turns| turns.max(1))
}

/// Credentials that are being tried, and who has counted them.
pub struct Attempt {
    ruling: Ruling,
    _turn: Turn,
}

impl Limits {
    /// Waits for the turn of an address. `None`: those before it take too long.
    pub async fn turn(&self, address: &str) -> Option<Turn> {
        let (_, quota) = self.attempts(address);
        let turns = at_once(quota.requests, self.config.gateways);
        self.turns.take(address, turns).await
    }

    /// Counts credentials that an address tries, as if they were not good.
    ///
    /// # Errors
    /// 429 where the address has tried too many.
    pub async fn attempt(&self, address: &str, turn: Turn) -> Result<Attempt, ApiError> {
        let ruling = self.count_attempt(address).await?;
        Ok(Attempt {
            ruling,
            _turn: turn,
        })
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
        self.note(limit, quota, ruling);
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
        let usual = |requests| at_once(requests, 2);
        assert_eq!(
            [usual(1), usual(5), usual(60), usual(1_000)],
            [1, 1, 7, 125]
        );
        for gateways in 1..50 {
            let turns = at_once(60, gateways);
            assert!(turns == 1 || turns * gateways as usize <= 60, "{gateways}");
        }
    }
}
