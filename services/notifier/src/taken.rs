//! When webhooks last took something from this process: sooner known than by the database.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use common::types::id::WebhookId;

/// Webhooks that are remembered at most.
const MOST: usize = 10_000;

/// When each webhook last took something.
#[derive(Debug, Default)]
pub(crate) struct Taken(Mutex<HashMap<WebhookId, Instant>>);

impl Taken {
    /// A webhook takes something now.
    pub(crate) fn note(&self, webhook: WebhookId) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= MOST {
            // The database knows too, a tenth of a second later.
            taken.clear();
        }
        taken.insert(webhook, Instant::now());
    }

    /// Whether a webhook took something after that moment.
    pub(crate) fn since(&self, webhook: WebhookId, moment: Instant) -> bool {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.get(&webhook).is_some_and(|at| *at > moment)
    }
}
