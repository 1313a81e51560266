//! The id that joins a request with its log lines, its errors and the messages it
//! causes.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use slog::{Logger, o};
use uuid::Uuid;

/// The header that carries the id, in both directions.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    pub(super) static CURRENT: RequestId;
}

/// A request's id: the caller's own where it is sane, otherwise a new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// A new, time-ordered id.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// The id of the request being answered by this task, if there is one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The caller's id if it has 1 to 64 letters, digits, `.`, `_` or `-`, so that
    /// it can stand in a log line or a header without harm; otherwise a new one.
    pub(super) fn accept_or_mint(headers: &HeaderMap) -> Self {
        headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|text| (1..=64).contains(&text.len()))
            .filter(|text| {
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            })
            .map_or_else(Self::new, |text| Self(text.to_owned()))
    }

    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A logger whose lines carry the id of the request being answered.
pub fn logger(log: &Logger) -> Logger {
    match RequestId::current() {
        Some(id) => log.new(o!("request_id" => id.0)),
        None => log.clone(),
    }
}
