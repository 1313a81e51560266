//! What one layer needs of another without importing it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::time::Duration;

use crate::types::id::PanelId;

/// The time; a seam so that tests can hold it.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A panel counts the requests of its two APIs apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PanelApi {
    /// `/api/application`: what the mirror reads.
    Application,
    /// `/api/client`: live use of single servers.
    Client,
}

impl PanelApi {
    /// Stable name, used in keys and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Client => "client",
        }
    }
}

/// The bucket that a request is taken from: one per panel and API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// The panel.
    pub panel: PanelId,
    /// Which of its APIs.
    pub api: PanelApi,
}

/// The limits that are assumed until a panel's answer names its own, in requests
/// a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Of the Application API.
    pub application: u32,
    /// Of the Client API.
    pub client: u32,
}

impl BudgetLimits {
    /// The limit of one of them.
    #[must_use]
    pub fn of(&self, api: PanelApi) -> u32 {
        match api {
            PanelApi::Application => self.application,
            PanelApi::Client => self.client,
        }
    }
}

impl Default for BudgetLimits {
    /// What stock panels allow: 240 and 720.
    fn default() -> Self {
        Self {
            application: 240,
            client: 720,
        }
    }
}

/// The answer to [`RequestBudget::take`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// The request may be sent now; it has been counted.
    Granted,
    /// Nothing was counted; ask again after this time.
    Wait(Duration),
}

/// What a panel's answer says about the bucket (`X-RateLimit-*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateHeaders {
    /// Requests a window of 60 s.
    pub limit: u32,
    /// Requests left in the present window.
    pub remaining: u32,
}

/// The budget cannot be asked (for example Redis is away): use another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request budget is unavailable: {0}")]
pub struct BudgetUnavailable(pub String);

/// How many requests a panel still takes. Shared by every process that talks to
/// the panel; learns the true limit from the panel's answers.
#[async_trait]
pub trait RequestBudget: Send + Sync {
    /// Takes one request, or says how long to wait before asking again.
    async fn take(&self, bucket: Bucket) -> Result<Permit, BudgetUnavailable>;

    /// Tells what an answer's headers said.
    async fn learn(&self, bucket: Bucket, headers: RateHeaders) -> Result<(), BudgetUnavailable>;

    /// Nobody may send a request before `until` (a 429's `Retry-After`).
    async fn block(&self, bucket: Bucket, until: DateTime<Utc>) -> Result<(), BudgetUnavailable>;
}
