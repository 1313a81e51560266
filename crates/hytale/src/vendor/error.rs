//! Why the vendor could not be asked, or what it answered instead.

use std::time::Duration;
use upstream::Transport;

use super::said::Said;

/// One variant for each thing that a caller may want to do differently.
///
/// `Display`, `Debug` and sources hold no token and, but for [`Said`], nothing that
/// the vendor wrote.
#[derive(Debug, thiserror::Error)]
pub enum VendorError {
    /// The request surely did not reach the vendor: nothing was spent.
    #[error("the vendor was not asked: {0}")]
    NotSent(#[source] NotSent),
    /// Sent, and no usable reply: it may have been carried out or not. A refresh
    /// token or device code that was sent may be spent, a session may exist.
    #[error("what the vendor did is unknown: {0}")]
    Lost(#[source] Lost),
    /// The vendor asks to come back later and has not carried out the request: 429;
    /// 503 where `Retry-After` or the OAuth error `temporarily_unavailable` says so,
    /// and for a new game session any 503.
    #[error("the vendor is busy")]
    Busy {
        /// When to ask again, if it said so; at most an hour.
        retry_after: Option<Duration>,
    },
    /// The vendor failed (5xx) at something that is safe to repeat.
    #[error("the vendor failed (status {status})")]
    Down {
        /// HTTP status.
        status: u16,
        /// For the log.
        said: Said,
    },
    /// The vendor's answer is no.
    #[error("the vendor refuses: {0}")]
    Refused(Refusal, Said),
}

/// Why a request was not sent.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// No connection.
    #[error("no connection")]
    NoConnection(#[source] Transport),
    /// The host did not answer lately.
    #[error("it did not answer lately; next try in {} ms", wait.as_millis())]
    BreakerOpen {
        /// When it is worth asking again.
        wait: Duration,
    },
    /// The token holds characters that no header can carry.
    #[error("the token cannot be sent")]
    Unsendable,
}

/// What there was instead of a usable reply.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// No whole answer in time, a broken connection, or a body beyond all bounds.
    #[error("{0}")]
    Transport(#[source] Transport),
    /// A success whose body is not what was asked for.
    #[error("an answer that cannot be understood (status {status})")]
    Unreadable {
        /// HTTP status.
        status: u16,
    },
    /// A failure in the middle of something that cannot be repeated at will.
    #[error("status {status}")]
    Status {
        /// HTTP status, 5xx or 408.
        status: u16,
        /// For the log.
        said: Said,
    },
}

/// What the vendor refuses, by the OAuth error first and the status second: it declines
/// logins with 403 where OAuth has 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The human declined the login.
    #[error("the login was declined")]
    AccessDenied,
    /// The device code's time is over.
    #[error("the device code has expired")]
    ExpiredToken,
    /// The device code or refresh token is good no more: a new login is needed.
    #[error("the code or token is not valid ({})", hint.as_str())]
    InvalidGrant {
        /// Which way, as far as the vendor says.
        hint: GrantHint,
    },
    /// Somebody else is spending the same refresh token right now. Not fatal: the
    /// same request may be repeated.
    #[error("another request is spending the same token")]
    ConcurrentUse,
    /// Our client id is not accepted.
    #[error("the client is not accepted")]
    InvalidClient,
    /// The request as such is not allowed to us: `invalid_scope`,
    /// `unauthorized_client`, `invalid_request`, `unsupported_grant_type`.
    #[error("the request is not allowed to this client")]
    Configuration,
    /// 401: the bearer token is missing, expired or revoked.
    #[error("the token is not accepted (status 401)")]
    Unauthorized,
    /// 403: the session limit, a missing licence or entitlement, or a bad token. The
    /// body does not tell; asking for the profiles does.
    #[error("it is forbidden (status 403)")]
    Forbidden,
    /// 404: no such profile or session.
    #[error("there is no such thing (status 404)")]
    NotFound,
    /// 400 without a word that we know.
    #[error("the request is malformed (status 400)")]
    BadRequest,
    /// Any other status, redirects included.
    #[error("unexpected status {status}")]
    Unexpected {
        /// HTTP status.
        status: u16,
    },
}

/// What the vendor says of a grant that is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrantHint {
    /// The refresh token was spent before. The vendor has revoked all its
    /// descendants by now.
    AlreadyUsed,
    /// It was too old.
    Expired,
    /// The vendor does not know it.
    Malformed,
    /// It does not say.
    Unknown,
}

impl GrantHint {
    /// For labels and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyUsed => "already used",
            Self::Expired => "expired",
            Self::Malformed => "malformed or unknown",
            Self::Unknown => "no reason given",
        }
    }
}

impl VendorError {
    /// What was refused, if it was.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal, _) => Some(*refusal),
            _ => None,
        }
    }

    /// What the vendor wrote, for the log and nobody else: capped, without tokens.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        match self {
            Self::Refused(_, said)
            | Self::Down { said, .. }
            | Self::Lost(Lost::Status { said, .. }) => said.text(),
            Self::NotSent(_) | Self::Lost(_) | Self::Busy { .. } => None,
        }
    }

    /// The kind of error, for measures and logs.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::NotSent(NotSent::BreakerOpen { .. }) => "breaker_open",
            Self::NotSent(_) => "not_sent",
            Self::Lost(_) => "lost",
            Self::Busy { .. } => "busy",
            Self::Down { .. } => "down",
            Self::Refused(..) => "refused",
        }
    }

    /// Whether the same request may succeed later without anybody doing anything.
    /// Not whether repeating it is safe: see [`Lost`](Self::Lost).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotSent(why) => !matches!(why, NotSent::Unsendable),
            Self::Lost(_) | Self::Busy { .. } | Self::Down { .. } => true,
            Self::Refused(refusal, _) => matches!(refusal, Refusal::ConcurrentUse),
        }
    }
}
