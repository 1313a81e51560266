//! Why a panel could not be asked, or what it answered instead.

use std::time::Duration;

/// One variant for each thing that a caller may want to do differently. No
/// variant holds a key, a body or a value of a record.
#[derive(Debug, thiserror::Error)]
pub enum PanelError {
    /// The settings cannot work: an address that is no HTTP URL, a key that no
    /// header can carry.
    #[error("the panel's settings are wrong: {0}")]
    InvalidSettings(String),
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
    /// A request that must not be sent, for example a filter by an address that
    /// the panel would read as two.
    #[error("the request would not mean what it says: {0}")]
    InvalidRequest(&'static str),
    /// Live use was asked for and no Client API key is set.
    #[error("no Client API key is set for this panel")]
    NoClientKey,
    /// The panel does not accept who is asking: 401, a redirect to its login
    /// page, or a refusal that has nothing to do with one resource.
    #[error("the panel does not accept the key (status {status}): {why}")]
    Unauthorized {
        /// HTTP status.
        status: u16,
        /// The kind of refusal, in our words.
        why: &'static str,
    },
    /// The key may not read this resource.
    #[error("the key lacks the permission to read {permission}")]
    Forbidden {
        /// The resource as the panel's page of API keys calls it, for example
        /// `server_databases`.
        permission: &'static str,
    },
    /// The panel's own JSON 404.
    #[error("the panel has no such row")]
    NotFound,
    /// A 404 that is not the panel's word on a row: another program, another
    /// path, or an API that this panel does not have.
    #[error("the address is not one of the panel's: {0}")]
    NoSuchAddress(&'static str),
    /// The server's state forbids it (409), for example while it is suspended,
    /// installed or transferred.
    #[error("the server's state does not allow this now")]
    StateConflict,
    /// The request budget is used up and the caller does not want to wait that
    /// long (live use only; the mirror waits).
    #[error("the panel takes no request for another {} s", retry_after.as_secs())]
    RateLimited {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The panel cannot be reached, or says itself that it is not there.
    #[error("the panel is offline: {what}")]
    Offline {
        /// What was tried or heard.
        what: String,
        /// The transport's error, where there is one.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The panel works, the node that runs the server does not answer it.
    #[error("the panel cannot reach the server's node")]
    DaemonUnreachable,
    /// No whole answer within the time allowed.
    #[error("no answer within {} ms", after.as_millis())]
    Timeout {
        /// The time allowed.
        after: Duration,
    },
    /// Status 500: the panel failed while it answered.
    #[error("the panel failed (status 500, {code})")]
    ServerError {
        /// The panel's exception class, or what stood in its place.
        code: String,
    },
    /// So many single rows of one page answer 500, while the panel otherwise works,
    /// that asking for each of them would be no help. Somebody has to repair them.
    #[error("the panel answers 500 to more than {most} single rows of one page")]
    TooMuchPoison {
        /// How many were put up with.
        most: usize,
    },
    /// A status that has no meaning of its own here.
    #[error("unexpected status {status} ({code})")]
    Unexpected {
        /// HTTP status.
        status: u16,
        /// The panel's exception class, or what stood in its place.
        code: String,
    },
    /// A success whose body is not what was asked for: HTML, cut off, another
    /// shape.
    #[error("the answer cannot be understood: {0}")]
    Malformed(String),
}

impl PanelError {
    /// Whether the same request may succeed later without anybody doing
    /// anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Offline { .. }
            | Self::DaemonUnreachable
            | Self::Timeout { .. }
            | Self::Malformed(_) => true,
            Self::InvalidSettings(_)
            | Self::Client(_)
            | Self::InvalidRequest(_)
            | Self::NoClientKey
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound
            | Self::NoSuchAddress(_)
            | Self::StateConflict
            | Self::ServerError { .. }
            | Self::TooMuchPoison { .. }
            | Self::Unexpected { .. } => false,
        }
    }

    pub(crate) fn offline(what: impl Into<String>) -> Self {
        Self::Offline {
            what: what.into(),
            source: None,
        }
    }
}
