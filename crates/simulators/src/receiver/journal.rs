//! What came and how it was answered.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use crate::signature::{Refusal, Secret};

/// What is kept of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Each of them, with its body.
    #[default]
    Everything,
    /// How many there were.
    Counters,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its place in the order of arrival, from 0.
    pub number: usize,
    /// When it was read.
    pub at: DateTime<Utc>,
    /// HTTP method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Query, empty where there is none.
    pub query: String,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// `webhook-id`, or Svix' name for it.
    pub webhook_id: Option<String>,
    /// `webhook-timestamp`, likewise.
    pub webhook_timestamp: Option<String>,
    /// `webhook-signature`, likewise.
    pub webhook_signature: Option<String>,
    /// Body, byte by byte; as JSON it is a text.
    #[serde(serialize_with = "as_text")]
    pub body: Vec<u8>,
    /// Whether the body was read.
    pub read: bool,
    /// The status that was decided on; none where no answer was to come.
    pub status: Option<u16>,
}

fn as_text<S: Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}

impl Entry {
    /// Looks whether it was signed with this secret (`whsec_` and base64) not long before it came.
    ///
    /// # Errors
    /// It was not.
    pub fn verify(&self, secret: &str) -> Result<(), Refusal> {
        let secret = Secret::parse(secret)?;
        let (Some(id), Some(timestamp), Some(signatures)) = (
            &self.webhook_id,
            &self.webhook_timestamp,
            &self.webhook_signature,
        ) else {
            return Err(Refusal::MissingHeader);
        };
        secret.verify(id, timestamp, signatures, &self.body, self.at)
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The first entry of each id, in order.
pub fn first_arrivals(journal: &[Entry]) -> Vec<Entry> {
    let mut seen = BTreeSet::new();
    let first = journal.iter().filter(|entry| {
        let id = entry.webhook_id.as_deref();
        id.is_some_and(|id| seen.insert(id))
    });
    first.cloned().collect()
}

/// How often ids came that came more than once.
pub fn duplicates(journal: &[Entry]) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for id in journal.iter().filter_map(|entry| entry.webhook_id.as_ref()) {
        *counts.entry(id.clone()).or_default() += 1;
    }
    counts.retain(|_, count| *count > 1);
    counts
}

/// What was counted since the start or since it was last forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Requests.
    pub requests: u64,
    /// Requests by the status that was decided on.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests that got no answer.
    pub unanswered: u64,
    /// Bytes of their bodies.
    pub body_bytes: u64,
    /// When the first one came.
    pub first_at: Option<DateTime<Utc>>,
    /// When the last one came.
    pub last_at: Option<DateTime<Utc>>,
    /// Requests at this moment.
    pub open: usize,
    /// The most at any moment.
    pub most_open: usize,
}

impl Counters {
    /// Counts a request.
    pub fn count(&mut self, at: DateTime<Utc>, body_bytes: usize, status: Option<u16>) {
        self.requests += 1;
        self.body_bytes += body_bytes as u64;
        match status {
            Some(status) => *self.by_status.entry(status).or_default() += 1,
            None => self.unanswered += 1,
        }
        self.first_at.get_or_insert(at);
        self.last_at = Some(at);
    }
}
