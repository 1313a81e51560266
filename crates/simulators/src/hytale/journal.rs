//! What was asked and what came of it. Secrets stand in it as they are: they are worth nothing outside.

use chrono::{DateTime, Utc};
use ring::digest;
use serde::Serialize;
use uuid::Uuid;

use super::{faults::Effect, routes::Endpoint};

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its place in the order of processing, from 0.
    pub number: usize,
    /// When, by the vendor's clock.
    pub at: DateTime<Utc>,
    /// The endpoint; none where there is none.
    pub endpoint: Option<Endpoint>,
    /// HTTP method.
    pub method: String,
    /// Path as sent.
    pub path: String,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// `client_id` of the form.
    pub client_id: Option<String>,
    /// `grant_type` of the form.
    pub grant_type: Option<String>,
    /// The device code, refresh token, token to revoke, access token or session token it came with.
    pub presented: Option<String>,
    /// The beginning of that token's SHA-256, in hexadecimal.
    pub fingerprint: Option<String>,
    /// Whose it is.
    pub account: Option<String>,
    /// The family of tokens.
    pub family: Option<usize>,
    /// The game session.
    pub session: Option<Uuid>,
    /// Tokens that were made for it.
    pub issued: Vec<String>,
    /// Status that was decided on, even if no answer was sent.
    pub status: u16,
    /// `ok`, an OAuth error with the hint of an `invalid_grant`, or what else there was to refuse.
    pub outcome: String,
    /// Whether it has had its effect.
    pub processed: bool,
    /// Whether an answer was sent.
    pub answered: bool,
    /// The fault that struck it.
    pub fault: Option<Effect>,
}

/// What the handling of a request adds to its entry.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// The token it came with.
    pub presented: Option<String>,
    /// Whose it is.
    pub account: Option<String>,
    /// The family of tokens.
    pub family: Option<usize>,
    /// The game session.
    pub session: Option<Uuid>,
    /// Tokens that were made.
    pub issued: Vec<String>,
    /// Why it was refused.
    pub refused: Option<String>,
}

/// The beginning of a token's SHA-256, in hexadecimal.
pub fn fingerprint(token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    hash.as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
