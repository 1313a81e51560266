//! The id that joins a request with its log lines, its errors and the messages it
//! causes.

use std::cell::RefCell;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use arrayvec::ArrayString;
use ring::rand::{SecureRandom, SystemRandom};
use slog::{Logger, o};
use uuid::Builder;
use uuid::fmt::Hyphenated;

/// The header that carries the id, in both directions.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    pub(super) static CURRENT: RequestId;
}

/// The longest id.
const LONGEST: usize = 64;

/// Random bytes of an id.
const RANDOM: usize = 10;

/// Random bytes are asked for by the hundred ids: the system takes as long to give ten as
/// to give a thousand.
struct Pool {
    bytes: [u8; RANDOM * 100],
    taken: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::EMPTY) };
}

impl Pool {
    const EMPTY: Self = Self {
        bytes: [0; RANDOM * 100],
        taken: RANDOM * 100,
    };

    fn take(&mut self) -> [u8; RANDOM] {
        if self.taken + RANDOM > self.bytes.len() {
            // Without randomness the bytes of before serve again: ids must be told apart
            // in a log, and time does most of it.
            let _ = SystemRandom::new().fill(&mut self.bytes);
            self.taken = 0;
        }
        let mut bytes = [0; RANDOM];
        bytes.copy_from_slice(&self.bytes[self.taken..self.taken + RANDOM]);
        self.taken += RANDOM;
        bytes
    }
}

/// A request's id: the caller's own where it is sane, otherwise a new one. Every request has
/// one, so it lies nowhere but in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(ArrayString<LONGEST>);

impl RequestId {
    /// A new, time-ordered id.
    #[must_use]
    pub fn new() -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let milliseconds = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let random = POOL.with_borrow_mut(Pool::take);
        let id = Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
        let (mut buffer, mut text) = ([0; Hyphenated::LENGTH], ArrayString::new());
        // 36 characters: they fit.
        let _ = text.try_push_str(id.hyphenated().encode_lower(&mut buffer));
        Self(text)
    }

    /// The id of the request being answered by this task, if there is one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|id| *id).ok()
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
            .filter(|text| {
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            })
            .and_then(Self::kept)
            .unwrap_or_default()
    }

    /// `None`: the text is empty or too long.
    fn kept(text: &str) -> Option<Self> {
        let text = ArrayString::from(text).ok()?;
        (!text.is_empty()).then_some(Self(text))
    }

    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        id.as_str().to_owned()
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
        Some(id) => log.new(o!("request_id" => String::from(id))),
        None => log.clone(),
    }
}
