//! The request budget that all processes share.
//!
//! One hash per bucket, changed by one script by Redis' clock. The arithmetic is
//! that of `panels::budget::Window`, which explains it, and which takes over
//! locally while Redis is away.

use crate::connection::{Cache, CacheError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use common::seams::{
    Bucket, BudgetLimits, BudgetUnavailable, Clock, Permit, RateHeaders, RequestBudget, SystemClock,
};
use deadpool_redis::redis::{Script, ScriptInvocation};
use std::error::Error;
use std::time::Duration;

/// [`RequestBudget`] in Redis.
pub struct RedisBudget {
    cache: Cache,
    limits: BudgetLimits,
    script: Script,
}

impl RedisBudget {
    /// A budget over `cache`, starting from `limits`.
    #[must_use]
    pub fn new(cache: Cache, limits: BudgetLimits) -> Self {
        Self {
            cache,
            limits,
            script: Script::new(include_str!("budget.lua")),
        }
    }

    /// An invocation for `bucket` by the server's clock; the operation's own
    /// arguments follow.
    fn invocation(&self, bucket: Bucket, operation: &str) -> ScriptInvocation<'_> {
        let limit = self.limits.of(bucket.api);
        let key = self
            .cache
            .key(&format!("budget:{}:{}", bucket.panel, bucket.api.as_str()));
        let mut invocation = self.script.key(key);
        invocation.arg(operation).arg("").arg(limit);
        invocation
    }

    async fn run(
        &self,
        name: &'static str,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<u64, BudgetUnavailable> {
        self.cache
            .script(name, invocation)
            .await
            .map_err(|error| unavailable(&error))
    }
}

#[async_trait]
impl RequestBudget for RedisBudget {
    async fn take(&self, bucket: Bucket) -> Result<Permit, BudgetUnavailable> {
        let wait = self
            .run("budget_take", &self.invocation(bucket, "take"))
            .await?;
        Ok(match wait {
            0 => Permit::Granted,
            wait => Permit::Wait(Duration::from_millis(wait)),
        })
    }

    async fn learn(&self, bucket: Bucket, headers: RateHeaders) -> Result<(), BudgetUnavailable> {
        let mut invocation = self.invocation(bucket, "learn");
        invocation.arg(headers.limit).arg(headers.remaining);
        self.run("budget_learn", &invocation).await?;
        Ok(())
    }

    /// The moment travels as a distance from now, since Redis' clock is not ours.
    async fn block(&self, bucket: Bucket, until: DateTime<Utc>) -> Result<(), BudgetUnavailable> {
        let milliseconds = (until - SystemClock.now()).num_milliseconds().max(0);
        let mut invocation = self.invocation(bucket, "block");
        invocation.arg(milliseconds);
        self.run("budget_block", &invocation).await?;
        Ok(())
    }
}

fn unavailable(error: &CacheError) -> BudgetUnavailable {
    let cause = error
        .source()
        .map(|source| format!(": {source}"))
        .unwrap_or_default();
    BudgetUnavailable(format!("{error}{cause}"))
}
