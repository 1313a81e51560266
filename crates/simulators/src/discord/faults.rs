//! What a struck request gets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::refusal;
use crate::reply::{Delivery, Reply};

/// Whose limit it is that a 429 speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The webhook's, or its channel's.
    User,
    /// That of the address, over all webhooks.
    Global,
    /// One that others use up too; it does not count towards a ban.
    Shared,
}

impl Scope {
    /// As `X-RateLimit-Scope` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Global => "global",
            Self::Shared => "shared",
        }
    }
}

/// What a struck request gets. *Accepted* means that it has had its effect: the message stands in the channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// This status with an error that says no more.
    Status {
        /// HTTP status, such as 500 or 503.
        status: u16,
        /// Whether it was accepted before.
        #[serde(default)]
        accepted: bool,
    },
    /// The proxy's HTML page, not accepted.
    Cloudflare {
        /// HTTP status: 403 or 429.
        status: u16,
        /// The proxy's number: 1015 or 1020.
        code: u16,
    },
    /// 429, not accepted.
    TooManyRequests {
        /// Whose limit.
        scope: Scope,
        /// Seconds to wait.
        retry_after: f64,
    },
    /// The answer is elsewhere, not accepted.
    Redirect {
        /// 301, 302, 307 or 308.
        status: u16,
        /// Where.
        location: String,
    },
    /// Accepted; 204 without a body, even for who waits.
    NoContent,
    /// Accepted; 200 with JSON that ends in the middle.
    Garbage,
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
            accepted: false,
        }
    }

    /// Whether the request has its effect in spite of it.
    pub(super) fn accepts(&self) -> bool {
        match self {
            Self::Status { accepted, .. } | Self::Reset { accepted } | Self::Hang { accepted } => {
                *accepted
            }
            Self::NoContent | Self::Garbage | Self::Late { .. } => true,
            Self::Cloudflare { .. } | Self::TooManyRequests { .. } | Self::Redirect { .. } => false,
        }
    }

    /// What is answered instead; none where the answer stays as it is.
    pub(super) fn reply(&self) -> Option<Reply> {
        Some(match self {
            Self::Status { status, .. } => refusal::of_status(*status),
            Self::Cloudflare { status, code } => Reply::cloudflare(*status, *code),
            Self::TooManyRequests { scope, retry_after } => {
                // What is no number of seconds is no wait.
                let wait = Duration::try_from_secs_f64(*retry_after).unwrap_or_default();
                refusal::too_many_requests(*scope, wait)
            }
            Self::Redirect { status, location } => Reply::redirect(*status, location),
            Self::NoContent => Reply::empty(204),
            Self::Garbage => Reply::garbage(200),
            // Nobody reads it; the journal says that something went wrong.
            Self::Reset { accepted: false } | Self::Hang { accepted: false } => Reply::empty(500),
            Self::Reset { accepted: true } | Self::Hang { accepted: true } | Self::Late { .. } => {
                return None;
            }
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
