//! The budget that panel clients use: Redis while it answers, this process's share
//! of the limit while it does not. A panel's order to wait stands in its row as
//! well, and the row is asked before each request: Redis may have been away when
//! the order came, for this process or another, or have lost it in a restart.

use ::panels::LocalBudget;
use async_trait::async_trait;
use cache::{Cache, RedisBudget};
use chrono::{DateTime, Utc};
use common::seams::{
    Bucket, BudgetLimits, BudgetUnavailable, PanelApi, Permit, RateHeaders, RequestBudget,
    SystemClock,
};
use slog::{Logger, warn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{PanelRow, Store};

/// See the module.
pub struct SharedBudget {
    redis: RedisBudget,
    local: LocalBudget,
    store: Store,
    away: AtomicBool,
    log: Logger,
}

impl SharedBudget {
    /// Joins the three; panels are taken to allow `limits` until their answers say
    /// otherwise.
    #[must_use]
    pub fn new(
        cache: Cache,
        store: Store,
        limits: BudgetLimits,
        sharers: u32,
        log: Logger,
    ) -> Self {
        Self {
            redis: RedisBudget::new(cache, limits),
            local: LocalBudget::new(Arc::new(SystemClock), limits, sharers),
            store,
            away: AtomicBool::new(false),
            log,
        }
    }

    /// How many processes share the limit while Redis is away.
    pub fn set_sharers(&self, sharers: u32) {
        self.local.set_workers(sharers);
    }

    fn note(&self, error: Option<&BudgetUnavailable>) {
        let away = error.is_some();
        if self.away.swap(away, Ordering::Relaxed) != away {
            match error {
                Some(error) => {
                    warn!(self.log, "Redis is away: each process takes its share of the panel's limit";
                    "error" => %error)
                }
                None => slog::info!(self.log, "Redis is back: the panel's limit is shared"),
            }
        }
    }

    /// What the panel's row orders.
    async fn ordered_wait(&self, bucket: Bucket) -> Result<Option<Duration>, BudgetUnavailable> {
        let row = self
            .store
            .panel(bucket.panel)
            .await
            .map_err(|error| BudgetUnavailable(error.to_string()))?;
        Ok(blocked_until(&row, bucket.api).and_then(|until| (until - Utc::now()).to_std().ok()))
    }
}

fn blocked_until(row: &PanelRow, api: PanelApi) -> Option<DateTime<Utc>> {
    match api {
        PanelApi::Application => row.application_blocked_until,
        PanelApi::Client => row.client_blocked_until,
    }
}

#[async_trait]
impl RequestBudget for SharedBudget {
    async fn take(&self, bucket: Bucket) -> Result<Permit, BudgetUnavailable> {
        if let Some(wait) = self.ordered_wait(bucket).await? {
            return Ok(Permit::Wait(wait));
        }
        match self.redis.take(bucket).await {
            Ok(permit) => {
                self.note(None);
                Ok(permit)
            }
            Err(error) => {
                self.note(Some(&error));
                self.local.take(bucket).await
            }
        }
    }

    async fn learn(&self, bucket: Bucket, headers: RateHeaders) -> Result<(), BudgetUnavailable> {
        self.local.learn(bucket, headers).await?;
        // What Redis did not hear it learns from the next answer.
        self.redis.learn(bucket, headers).await.or(Ok(()))
    }

    async fn block(&self, bucket: Bucket, until: DateTime<Utc>) -> Result<(), BudgetUnavailable> {
        self.local.block(bucket, until).await?;
        let shared = self.redis.block(bucket, until).await;
        let stored = self
            .store
            .panel_block(bucket.panel, bucket.api, until)
            .await;
        match (shared, stored) {
            (Err(error), Err(_also)) => Err(error),
            _ => Ok(()),
        }
    }
}
