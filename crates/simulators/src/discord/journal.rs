//! What was asked and what came of it. Tokens stand in it as they are: they are worth nothing outside.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::faults::{Effect, Scope};

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its place in the order, from 0.
    pub number: usize,
    /// When.
    pub at: DateTime<Utc>,
    /// HTTP method.
    pub method: String,
    /// Path as sent, token and all.
    pub path: String,
    /// Query, empty where there is none.
    pub query: String,
    /// The webhook that the path names, whether there is one or not.
    pub webhook_id: Option<String>,
    /// The channel of that webhook.
    pub channel_id: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The body; null where it is no JSON.
    pub body: Value,
    /// Status that was decided on, even if no answer was sent.
    pub status: u16,
    /// Discord's own number of an error.
    pub code: Option<u64>,
    /// Whose limit a 429 spoke of.
    pub scope: Option<Scope>,
    /// Whether it has had its effect.
    pub accepted: bool,
    /// Whether an answer was sent.
    pub answered: bool,
    /// The message that it made, changed or read.
    pub message_id: Option<String>,
    /// The fault that struck it.
    pub fault: Option<Effect>,
}

/// What the handling of a request adds to its entry.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// Whose limit was met.
    pub scope: Option<Scope>,
    /// Whether it has had its effect.
    pub accepted: bool,
    /// The message it is about.
    pub message_id: Option<String>,
    /// Whether its address was shut out; what is refused for that does not make it longer.
    pub shut_out: bool,
}
