//! What became of one request.

use std::time::Duration;

use crate::excerpt::excerpt;
use crate::exchange::{Reply, Silence};

/// Who limits us and asks for no wait at all is left alone for so long all the same.
pub const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What became of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What it means.
    pub verdict: Verdict,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Of the answer's body: at most 1,024 characters, cut between characters, without
    /// control characters and secrets; may be empty. Without an answer, a sentence that
    /// says why and holds no URL.
    pub excerpt: String,
    /// From the beginning of the request to the end of the answer.
    pub took: Duration,
    /// The id that Discord or Resend gave the message that was made.
    pub message_id: Option<String>,
    /// What the answer's `X-RateLimit` or `RateLimit` headers said, if it had them.
    pub rate: Option<RateState>,
}

/// What an answer means for the event, and for those that come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx.
    Delivered,
    /// The endpoint works and refused this event (4xx, 3xx).
    Refused {
        /// The same event can never pass: not to be sent again.
        permanent: bool,
        /// The pause that it asks for, at most a day.
        retry_after: Option<Duration>,
    },
    /// The endpoint as a whole does not work: no connection, or 5xx.
    Failed {
        /// The pause that it asks for, at most a day.
        retry_after: Option<Duration>,
    },
    /// The endpoint's name leads nowhere but to addresses that may not be dialled. That is
    /// another machine's to say, and may be another thing in a minute.
    Barred,
    /// Sent, and the answer was lost: it may have been delivered.
    Unknown,
    /// Too many requests. Not an attempt.
    Limited {
        /// How long to wait, at most a day.
        wait: Duration,
        /// Who has to.
        scope: LimitScope,
    },
    /// The endpoint is gone for good and must not be asked again. A stable code:
    /// `GONE`, `UNKNOWN_WEBHOOK`, `INVALID_WEBHOOK_TOKEN`, `UNKNOWN_CHANNEL`.
    Gone(&'static str),
    /// Nothing will pass until the endpoint's owner changes something. A stable code:
    /// those of [`UrlRefused::code`](crate::UrlRefused::code), `SIGNING_SECRET_MISSING`,
    /// of Discord `MISSING_PERMISSIONS`, `MISSING_ACCESS`, `FORBIDDEN`, `THREAD_REQUIRED`,
    /// `THREAD_AMBIGUOUS`, `NOT_A_FORUM`, `WRONG_WEBHOOK_TYPE`, and of Resend
    /// `INVALID_API_KEY`, `SENDER_NOT_VERIFIED`, `INVALID_FROM_ADDRESS`, `FORBIDDEN`.
    Misconfigured(&'static str),
    /// The provider's front door (Cloudflare) blocks us: nothing may be sent to it for this
    /// long, whichever the webhook; at most an hour.
    ProviderBlocked {
        /// How long.
        wait: Duration,
    },
}

/// Whom a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitScope {
    /// This endpoint alone.
    Endpoint,
    /// Everything that goes to this provider.
    Provider,
    /// The same, for hours: what may be sent in a day or a month is used up.
    Quota,
}

/// The state of the bucket that a request was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateState {
    /// Requests a window.
    pub limit: u32,
    /// Requests left in this window.
    pub remaining: u32,
    /// Until the next window begins.
    pub reset_after: Duration,
}

impl Answer {
    /// What was said. `secrets` stay out of the excerpt.
    pub(crate) fn said(reply: &Reply, verdict: Verdict, took: Duration, secrets: &[&str]) -> Self {
        Self {
            verdict,
            status: Some(reply.status),
            excerpt: excerpt(&reply.body, secrets),
            took,
            message_id: None,
            rate: reply.rate(),
        }
    }

    /// Nothing was said.
    pub(crate) fn silent(silence: &Silence, took: Duration) -> Self {
        let verdict = match silence {
            Silence::Barred(_) => Verdict::Barred,
            Silence::NotSent(_) => Verdict::Failed { retry_after: None },
            Silence::Lost(_) => Verdict::Unknown,
        };
        Self::unasked(verdict, silence.to_string(), took)
    }

    /// Without an answer, for the reason that `why` tells.
    pub(crate) fn unasked(verdict: Verdict, why: String, took: Duration) -> Self {
        Self {
            verdict,
            status: None,
            excerpt: why,
            took,
            message_id: None,
            rate: None,
        }
    }
}
