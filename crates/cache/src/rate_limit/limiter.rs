//! Rate limits with an answer in any case.
//!
//! While Redis answers, one bucket is shared by all processes and exact. What Redis
//! does not decide in time is decided here: each process then holds its share of the
//! limit. After a failure Redis is left alone for a while, so that its absence costs
//! one request in a while the wait, and not each.

use super::bucket::Bucket;
use super::{RateDecision, RateRule};
use crate::connection::{Cache, CacheError};
use moka::sync::Cache as Buckets;
use slog::{Logger, info, warn};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long Redis is left alone after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Buckets that a process remembers while it counts for itself.
const MOST_BUCKETS: u64 = 100_000;

/// A decision, and who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    /// What the request may do.
    pub decision: RateDecision,
    /// Whether all processes were counted together.
    pub shared: bool,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct RateLimiter(Arc<Inner>);

struct Inner {
    cache: Cache,
    sharers: u32,
    patience: Duration,
    local: Buckets<String, Arc<Mutex<Bucket>>>,
    /// Redis is not asked before.
    away_until: Mutex<Option<Instant>>,
    log: Logger,
}

impl RateLimiter {
    /// `sharers` (at least 1) processes are taken to share a limit while they cannot
    /// count together; Redis has `patience` for each decision.
    #[must_use]
    pub fn new(cache: Cache, sharers: u32, patience: Duration, log: &Logger) -> Self {
        Self(Arc::new(Inner {
            cache,
            sharers: sharers.max(1),
            patience,
            local: Buckets::new(MOST_BUCKETS),
            away_until: Mutex::default(),
            log: log.clone(),
        }))
    }

    /// Takes one token from the bucket `name` under `rule`; see
    /// [`Cache::take_token`].
    pub async fn take(&self, name: &str, rule: RateRule) -> Ruling {
        if self.is_asked() {
            let asked = self.0.cache.take_token(name, rule);
            let asked = tokio::time::timeout(self.0.patience, asked).await;
            match asked.unwrap_or(Err(CacheError::Timeout)) {
                Ok(decision) => {
                    self.is_back();
                    return Ruling {
                        decision,
                        shared: true,
                    };
                }
                Err(error) => self.is_away(&error),
            }
        }
        Ruling {
            decision: self.take_here(name, rule),
            shared: false,
        }
    }

    fn take_here(&self, name: &str, rule: RateRule) -> RateDecision {
        let share = RateRule {
            capacity: (rule.capacity / self.0.sharers).max(1),
            per_second: rule.per_second / f64::from(self.0.sharers),
        };
        let now = Instant::now();
        let bucket = self
            .0
            .local
            .get_with_by_ref(name, || Arc::new(Mutex::new(Bucket::full(share, now))));
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(share, now)
    }

    fn is_asked(&self) -> bool {
        self.away_until()
            .is_none_or(|until| Instant::now() >= until)
    }

    fn is_away(&self, error: &CacheError) {
        let before = self.set_away_until(Some(Instant::now() + PAUSE));
        if before.is_none() {
            warn!(self.0.log, "Redis is away: each process holds its share of the rate limits";
                "error" => %error);
        }
    }

    fn is_back(&self) {
        // The usual case takes no lock to write.
        if self.away_until().is_some() && self.set_away_until(None).is_some() {
            info!(self.0.log, "Redis is back: rate limits are shared");
        }
    }

    fn away_until(&self) -> Option<Instant> {
        *self
            .0
            .away_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn set_away_until(&self, until: Option<Instant>) -> Option<Instant> {
        let mut away_until = self
            .0
            .away_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *away_until, until)
    }
}
