//! Progress of a run: written at most some times a second, told through Redis.

use crate::state::State;
use common::types::id::RunId;
use slog::{debug, warn};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::{Progress, RunRow, TaskLease};
use tokio::time::Instant;

/// Remembers when this process last wrote a run's progress.
pub struct Pace {
    interval: Duration,
    last: Mutex<HashMap<RunId, Instant>>,
}

impl Pace {
    /// At most `per_second` writes a second and run.
    pub fn new(per_second: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            last: Mutex::default(),
        }
    }

    /// Writes the run's progress, unless that was done a moment ago (here or by
    /// another worker).
    pub async fn note(&self, state: &State, lease: &TaskLease, step: &str, message: String) {
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let earlier = last.get(&lease.run_id);
            if earlier.is_some_and(|at| now - *at < self.interval) {
                return;
            }
            last.insert(lease.run_id, now);
        }
        let progress = Progress {
            step: step.to_owned(),
            message,
        };
        match state
            .store
            .run_progress(lease, &progress, self.interval)
            .await
        {
            Ok(Some(row)) => tell(state, &row).await,
            Ok(None) => {}
            // The next page writes it again.
            Err(error) => warn!(state.log, "progress was not written"; "error" => %error),
        }
    }

    /// Forgets a run that has ended.
    pub fn forget(&self, run: RunId) {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&run);
    }
}

/// Tells listeners that a run's row has a new revision. They read the row; a
/// lost message costs them a second.
pub async fn tell(state: &State, run: &RunRow) {
    let progress = cache::Progress {
        run_id: run.run_id(),
        revision: run.revision,
        state: String::new(),
    };
    if let Err(error) = state.cache.publish_progress(&progress).await {
        debug!(state.log, "progress was not told"; "error" => %error);
    }
}
