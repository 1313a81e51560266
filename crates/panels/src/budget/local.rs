//! A budget in the memory of one process: for tools that are alone, and for
//! workers while the shared budget is away.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use common::seams::{
    Bucket, BudgetLimits, BudgetUnavailable, Clock, Permit, RateHeaders, RequestBudget,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::window::Window;

/// What one of `workers` processes may use of a panel's `limit`, at least 1.
fn share(limit: u32, workers: u32) -> u32 {
    (limit / workers.max(1)).max(1)
}

/// Grants this process its share of each panel's limit.
pub struct LocalBudget {
    clock: Arc<dyn Clock>,
    limits: BudgetLimits,
    workers: AtomicU32,
    buckets: Mutex<HashMap<Bucket, Known>>,
}

/// A bucket: the panel's own limit, and our share of it.
struct Known {
    limit: u32,
    window: Window,
}

impl LocalBudget {
    /// A budget for one of `workers` processes that ask the same panels, which are
    /// taken to allow `limits` until their answers say otherwise.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: BudgetLimits, workers: u32) -> Self {
        Self {
            clock,
            limits,
            workers: AtomicU32::new(workers),
            buckets: Mutex::default(),
        }
    }

    /// Tells how many processes are alive now; counts from the next request on.
    pub fn set_workers(&self, workers: u32) {
        self.workers.store(workers, Ordering::Relaxed);
    }

    fn with<R>(&self, bucket: Bucket, change: impl FnOnce(&mut Known, u32, i64) -> R) -> R {
        let workers = self.workers.load(Ordering::Relaxed);
        let now = self.clock.now().timestamp_millis();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = buckets.entry(bucket).or_insert_with(|| {
            let limit = self.limits.of(bucket.api);
            Known {
                limit,
                window: Window::new(share(limit, workers)),
            }
        });
        change(known, workers, now)
    }
}

#[async_trait]
impl RequestBudget for LocalBudget {
    async fn take(&self, bucket: Bucket) -> Result<Permit, BudgetUnavailable> {
        Ok(self.with(bucket, |known, workers, now| {
            let share = share(known.limit, workers);
            if share != known.window.limit() {
                known.window.adopt(share);
            }
            known.window.take(now)
        }))
    }

    async fn learn(&self, bucket: Bucket, headers: RateHeaders) -> Result<(), BudgetUnavailable> {
        self.with(bucket, |known, workers, now| {
            known.limit = headers.limit;
            known
                .window
                .learn(now, share(headers.limit, workers), headers.remaining);
        });
        Ok(())
    }

    async fn block(&self, bucket: Bucket, until: DateTime<Utc>) -> Result<(), BudgetUnavailable> {
        self.with(bucket, |known, _, _| {
            known.window.block(until.timestamp_millis());
        });
        Ok(())
    }
}
