//! Answers that were given under an idempotency key.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::refusal::Refusal;

/// How long a key is remembered.
const LIFE: TimeDelta = TimeDelta::hours(24);
const LONGEST: usize = 256;

struct Stored {
    payload: Vec<u8>,
    /// The answer; none while it is being worked on.
    answer: Option<Value>,
    ends: DateTime<Utc>,
}

/// What a key means for a request.
pub enum Begun {
    /// It is new, and taken by this request.
    Taken,
    /// It was answered so.
    Answered(Value),
}

/// All keys that are remembered.
#[derive(Default)]
pub struct Idempotency(BTreeMap<String, Stored>);

impl Idempotency {
    /// Takes a key for a payload of a path.
    ///
    /// # Errors
    /// It is no key, or is taken by another payload or another request.
    pub fn begin(
        &mut self,
        key: &str,
        path: &str,
        payload: &Value,
        now: DateTime<Utc>,
    ) -> Result<Begun, Refusal> {
        if key.is_empty() || key.chars().count() > LONGEST {
            let message = "An idempotency key has 1 to 256 characters.";
            return Err(Refusal::new(400, "invalid_idempotency_key", message));
        }
        let payload = digest(&SHA256, format!("{path} {payload}").as_bytes());
        self.0.retain(|_, stored| stored.ends > now);
        let Some(stored) = self.0.get(key) else {
            let stored = Stored {
                payload: payload.as_ref().to_vec(),
                answer: None,
                ends: now + LIFE,
            };
            self.0.insert(key.to_owned(), stored);
            return Ok(Begun::Taken);
        };
        if stored.payload != payload.as_ref() {
            let message = "The idempotency key was used with another payload.";
            return Err(Refusal::new(409, "invalid_idempotent_request", message));
        }
        let running = || {
            let message = "Another request with this idempotency key is under way.";
            Refusal::new(409, "concurrent_idempotent_requests", message)
        };
        stored
            .answer
            .clone()
            .map(Begun::Answered)
            .ok_or_else(running)
    }

    /// Ends the work on a key: with an answer to be given again, or as if it had never been.
    pub fn finish(&mut self, key: &str, answer: Option<Value>) {
        match (self.0.get_mut(key), answer) {
            (Some(stored), Some(answer)) => stored.answer = Some(answer),
            _ => {
                self.0.remove(key);
            }
        }
    }
}
