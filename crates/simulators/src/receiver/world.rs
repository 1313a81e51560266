//! One request after another: rule, answer, journal.

use actix_web::{HttpRequest, web::Bytes};
use chrono::Utc;

use super::{
    answers::Answer,
    journal::{Counters, Entry, Keep},
    rules::Rules,
};
use crate::asked::Asked;

/// All that the endpoint knows.
pub struct World {
    pub(super) rules: Rules,
    pub(super) keep: Keep,
    pub(super) journal: Vec<Entry>,
    pub(super) counters: Counters,
}

impl World {
    /// An endpoint that has not been asked anything.
    pub fn new(keep: Keep) -> Self {
        Self {
            rules: Rules::default(),
            keep,
            journal: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Forgets what came.
    pub fn forget(&mut self) {
        self.journal.clear();
        self.counters = Counters::default();
    }

    /// Whether a request is to be reset before its body is read; if so, it is written down.
    pub fn resets_unread(&mut self, request: &HttpRequest) -> bool {
        let resets = self.rules.resets_unread(request.path());
        if resets {
            self.write_down(request, None, &Answer::ResetBeforeReading);
        }
        resets
    }

    /// Decides over a request that has been read, and writes it down.
    pub fn receive(&mut self, request: &HttpRequest, body: Bytes) -> Answer {
        let answer = if request.method() == "POST" {
            self.rules.answer(request.path(), &body)
        } else {
            Answer::status(405)
        };
        self.write_down(request, Some(body), &answer);
        answer
    }

    fn write_down(&mut self, request: &HttpRequest, body: Option<Bytes>, answer: &Answer) {
        let (at, status) = (Utc::now(), answer.decided());
        let read = body.is_some();
        let body = body.unwrap_or_default();
        self.counters.count(at, body.len(), status);
        if self.keep == Keep::Counters {
            return;
        }
        let asked = Asked::of(request, body);
        let either = |name: &str| {
            let value = asked.header(&format!("webhook-{name}"));
            let value = value.or_else(|| asked.header(&format!("svix-{name}")));
            value.map(str::to_owned)
        };
        self.journal.push(Entry {
            number: self.journal.len(),
            at,
            webhook_id: either("id"),
            webhook_timestamp: either("timestamp"),
            webhook_signature: either("signature"),
            read,
            status,
            body: asked.body.to_vec(),
            method: asked.method,
            path: asked.path,
            query: asked.query,
            headers: asked.headers,
        });
    }
}
