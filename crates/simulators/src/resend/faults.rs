//! What a struck request gets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::refusal::{self, Refusal};
use crate::reply::{Delivery, Reply};

/// What a struck request gets. *Accepted* means that it has had its effect: mails are sent, and kept under the
/// idempotency key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// This status.
    Status {
        /// HTTP status, such as 500 or 503.
        status: u16,
        /// Resend's own name; the most likely one unless told.
        #[serde(default)]
        name: Option<String>,
        /// Whether it was accepted before.
        #[serde(default)]
        accepted: bool,
    },
    /// The proxy's HTML page, not accepted.
    Cloudflare {
        /// HTTP status: 403 or 429.
        status: u16,
        /// The proxy's number: 1010, 1015 or 1020.
        code: u16,
    },
    /// 429 `rate_limit_exceeded`, not accepted.
    TooManyRequests {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// 429 `daily_quota_exceeded`, not accepted.
    DailyQuota,
    /// 429 `monthly_quota_exceeded`, not accepted.
    MonthlyQuota,
    /// The answer is elsewhere, not accepted.
    Redirect {
        /// 301, 302, 307 or 308.
        status: u16,
        /// Where.
        location: String,
    },
    /// Accepted; 200 with JSON that ends in the middle.
    Garbage,
    /// Accepted and answered after this time, even though its asker may have hung up; until then its idempotency key
    /// is in progress.
    Slow {
        /// Milliseconds of silence.
        milliseconds: u64,
    },
    /// Accepted at once, answered later.
    Late {
        /// Milliseconds of silence.
        milliseconds: u64,
    },
    /// The connection is reset after the body was read.
    Reset {
        /// Whether it was accepted before.
        accepted: bool,
    },
    /// Never answered.
    Hang {
        /// Whether it is accepted.
        accepted: bool,
    },
}

impl Effect {
    /// A status, not accepted.
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            name: None,
            accepted: false,
        }
    }

    /// A status although it was accepted.
    pub fn status_after_acceptance(status: u16) -> Self {
        Self::Status {
            status,
            name: None,
            accepted: true,
        }
    }

    /// Whether the request has its effect in spite of it.
    pub(super) fn accepts(&self) -> bool {
        match self {
            Self::Status { accepted, .. } | Self::Reset { accepted } | Self::Hang { accepted } => {
                *accepted
            }
            Self::Garbage | Self::Slow { .. } | Self::Late { .. } => true,
            Self::Cloudflare { .. }
            | Self::TooManyRequests { .. }
            | Self::DailyQuota
            | Self::MonthlyQuota
            | Self::Redirect { .. } => false,
        }
    }

    /// How long it takes until the request is processed.
    pub(super) fn takes(&self) -> Duration {
        match self {
            Self::Slow { milliseconds } => Duration::from_millis(*milliseconds),
            _ => Duration::ZERO,
        }
    }

    /// What is answered instead; none where the answer stays as it is.
    pub(super) fn reply(&self) -> Option<Reply> {
        Some(match self {
            Self::Status { status, name, .. } => {
                let mut refusal = Refusal::of_status(*status);
                if let Some(name) = name {
                    refusal.name.clone_from(name);
                }
                refusal.reply()
            }
            Self::Cloudflare { status, code } => Reply::cloudflare(*status, *code),
            Self::TooManyRequests { retry_after } => refusal::too_many_requests(*retry_after),
            Self::DailyQuota => refusal::quota_exceeded("daily_quota_exceeded").reply(),
            Self::MonthlyQuota => refusal::quota_exceeded("monthly_quota_exceeded").reply(),
            Self::Redirect { status, location } => Reply::redirect(*status, location),
            Self::Garbage => Reply::garbage(200),
            // Nobody reads it; the journal says that something went wrong.
            Self::Reset { accepted: false } | Self::Hang { accepted: false } => Reply::empty(500),
            Self::Reset { accepted: true }
            | Self::Hang { accepted: true }
            | Self::Slow { .. }
            | Self::Late { .. } => return None,
        })
    }

    /// What becomes of the answer.
    pub(super) fn delivery(&self) -> Delivery {
        match self {
            Self::Late { milliseconds } => Delivery::After(Duration::from_millis(*milliseconds)),
            Self::Reset { .. } => Delivery::Reset,
            Self::Hang { .. } => Delivery::Never,
            _ => Delivery::AT_ONCE,
        }
    }
}
