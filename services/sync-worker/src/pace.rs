//! Progress of a run: written at most some times a second, told through Redis.

use crate::state::State;
use common::types::id::RunId;
use slog::{debug, warn};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Progress, RunRow, TaskLease};
use tokio::time::Instant;

/// A run of which nothing was noted for so long has ended, or is written anew.
const QUIET: Duration = Duration::from_secs(3600);

/// Remembers when this process last wrote a run's progress, and what waits to be written.
pub struct Pace {
    interval: Duration,
    runs: Mutex<HashMap<RunId, Noted>>,
}

struct Noted {
    written: Instant,
    /// The newest note that came too soon. It is written when its time has come.
    waits: Option<(TaskLease, Progress)>,
}

impl Pace {
    /// At most `per_second` writes a second and run.
    pub fn new(per_second: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            runs: Mutex::default(),
        }
    }

    /// Writes the run's progress: now or, if that was done a moment ago (here or by
    /// another worker), a moment later, unless there is newer progress by then.
    pub async fn note(
        self: &Arc<Self>,
        state: &Arc<State>,
        lease: &TaskLease,
        step: &str,
        message: String,
    ) {
        let progress = Progress {
            step: step.to_owned(),
            message,
        };
        {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            match runs.get_mut(&lease.run_id) {
                Some(noted) if now - noted.written < self.interval => {
                    let waited = noted.waits.replace((lease.clone(), progress));
                    if waited.is_none() {
                        let due = noted.written + self.interval;
                        let (pace, state) = (Arc::clone(self), Arc::clone(state));
                        let run = lease.run_id;
                        tokio::spawn(async move { pace.write_later(&state, run, due).await });
                    }
                    return;
                }
                _ => {
                    // Of runs that another worker has ended nobody tells.
                    runs.retain(|_, noted| now - noted.written < QUIET);
                    let noted = Noted {
                        written: now,
                        waits: None,
                    };
                    runs.insert(lease.run_id, noted);
                }
            }
        }
        self.write(state, lease, &progress).await;
    }

    async fn write_later(&self, state: &State, run: RunId, due: Instant) {
        tokio::time::sleep_until(due).await;
        let waiting = {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            runs.get_mut(&run).and_then(|noted| {
                let waits = noted.waits.take()?;
                noted.written = Instant::now();
                Some(waits)
            })
        };
        let Some((lease, progress)) = waiting else {
            return;
        };
        // By PostgreSQL's clock it may be too soon yet.
        if !self.write(state, &lease, &progress).await {
            tokio::time::sleep(self.interval).await;
            self.write(state, &lease, &progress).await;
        }
    }

    /// `false`: it was written a moment ago, or the lease is lost.
    async fn write(&self, state: &State, lease: &TaskLease, progress: &Progress) -> bool {
        let store = &state.store;
        match store.run_progress(lease, progress, self.interval).await {
            Ok(Some(row)) => tell(state, &row).await,
            Ok(None) => return false,
            // The next note writes it again.
            Err(error) => warn!(state.log, "progress was not written"; "error" => %error),
        }
        true
    }

    /// Forgets a run that has ended.
    pub fn forget(&self, run: RunId) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.remove(&run);
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
