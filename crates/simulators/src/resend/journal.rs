//! What was asked, what came of it, and which mails were accepted.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    email::{last_event, listed},
    faults::Effect,
};

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its place in the order of processing, from 0.
    pub number: usize,
    /// When it came, by Resend's clock.
    pub at: DateTime<Utc>,
    /// HTTP method.
    pub method: String,
    /// Path as sent.
    pub path: String,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// The body; null where it is no JSON.
    pub body: Value,
    /// Status that was decided on, even if no answer was sent.
    pub status: u16,
    /// Resend's own name of an error.
    pub name: Option<String>,
    /// The mails that it made.
    pub emails: Vec<String>,
    /// Whether it got the answer of an earlier request with its idempotency key.
    pub repeated: bool,
    /// Whether an answer was sent.
    pub answered: bool,
    /// The fault that struck it.
    pub fault: Option<Effect>,
}

/// What the handling of a request adds to its entry.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// The mails that it made.
    pub emails: Vec<String>,
    /// Whether it got the answer of an earlier request.
    pub repeated: bool,
}

/// A mail that was accepted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sent {
    /// Its id.
    pub id: String,
    /// When it was accepted, by Resend's clock.
    pub at: DateTime<Utc>,
    /// The idempotency key it came under.
    pub idempotency_key: Option<String>,
    /// Its place in its batch, if it came in one.
    pub place: Option<usize>,
    /// The key that it was sent with.
    pub api_key: String,
    /// As it came.
    pub email: Value,
}

impl Sent {
    /// As `GET` answers.
    pub(super) fn object(&self) -> Value {
        let email = &self.email;
        json!({
            "object": "email",
            "id": self.id,
            "from": email["from"],
            "to": listed(&email["to"]),
            "cc": listed(&email["cc"]),
            "bcc": listed(&email["bcc"]),
            "reply_to": listed(&email["reply_to"]),
            "subject": email["subject"],
            "html": email["html"],
            "text": email["text"],
            "created_at": self.at,
            "scheduled_at": email["scheduled_at"],
            "last_event": last_event(email),
            "message_id": format!("<{}@simulated>", self.id),
        })
    }
}
