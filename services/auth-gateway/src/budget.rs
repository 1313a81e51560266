//! The request budget of live use: the one in Redis that all processes share, and
//! while Redis is away a part of the limit for this process alone. That a panel
//! said to wait is also written into its row, which every process can read.

use std::sync::Arc;

use async_trait::async_trait;
use cache::{BudgetLimits, Cache, RedisBudget};
use chrono::{DateTime, Utc};
use common::seams::{Bucket, BudgetUnavailable, Permit, RateHeaders, RequestBudget, SystemClock};
use panels::LocalBudget;
use runtime::config::PanelConfig;
use runtime::error_chain::ErrorChain;
use slog::{Logger, debug, warn};
use store::Store;

/// Gateways that are taken to share a panel's limit while they cannot count
/// together. They are not counted in PostgreSQL as workers are; more of them than
/// this are unusual, and the panel's 429 sets them right.
const GATEWAYS: u32 = 4;

/// The shared budget, with a local one behind it.
pub struct LiveBudget {
    shared: RedisBudget,
    local: LocalBudget,
    store: Store,
    log: Logger,
}

impl LiveBudget {
    pub(crate) fn new(config: &PanelConfig, store: Store, cache: &Cache, log: &Logger) -> Self {
        let limits = BudgetLimits {
            application: config.application_limit_per_minute,
            client: config.client_limit_per_minute,
        };
        Self {
            shared: RedisBudget::new(cache.clone(), limits),
            local: LocalBudget::new(Arc::new(SystemClock), GATEWAYS),
            store,
            log: log.clone(),
        }
    }

    fn say(&self, error: &BudgetUnavailable) {
        debug!(self.log, "the shared request budget is away"; "error" => %error);
    }
}

#[async_trait]
impl RequestBudget for LiveBudget {
    async fn take(&self, bucket: Bucket) -> Result<Permit, BudgetUnavailable> {
        match self.shared.take(bucket).await {
            Err(error) => {
                self.say(&error);
                self.local.take(bucket).await
            }
            permit => permit,
        }
    }

    async fn learn(&self, bucket: Bucket, headers: RateHeaders) -> Result<(), BudgetUnavailable> {
        if let Err(error) = self.shared.learn(bucket, headers).await {
            self.say(&error);
        }
        self.local.learn(bucket, headers).await
    }

    async fn block(&self, bucket: Bucket, until: DateTime<Utc>) -> Result<(), BudgetUnavailable> {
        if let Err(error) = self.shared.block(bucket, until).await {
            self.say(&error);
        }
        if let Err(error) = self
            .store
            .panel_block(bucket.panel, bucket.api, until)
            .await
        {
            warn!(self.log, "a panel's wait is not recorded"; "error" => ErrorChain(&error));
        }
        self.local.block(bucket, until).await
    }
}
