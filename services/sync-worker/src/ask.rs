//! Asking the panel until it answers. The client repeats a request a few times;
//! beyond that the task says what it waits for and goes on asking, until the
//! run is ended for want of progress. After some rounds it lets the run's other tasks
//! go first, which its place among the panel's requests would keep from being worked on.

use crate::task::{Task, TaskError};
use panels::PanelError;
use slog::warn;
use std::future::Future;
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Questions in vain, each repeated by the client, after which a task steps back.
const PATIENT_ROUNDS: u32 = 3;

/// How long to leave the panel alone before it is asked again.
pub struct Pause(Duration);

impl Pause {
    /// Before the second question.
    pub fn first() -> Self {
        Self(FIRST_PAUSE)
    }

    /// Sleeps, longer each time.
    pub async fn sleep(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}

impl Task {
    /// Asks until there is an answer that asking again would not change, or another task
    /// needs the place: then this one ends as [`TaskError::Later`] and is claimed again.
    pub async fn ask<T, F>(&self, mut question: impl FnMut() -> F) -> Result<T, TaskError>
    where
        F: Future<Output = Result<T, PanelError>>,
    {
        let mut pause = Pause::first();
        let mut rounds = 0_u32;
        loop {
            let error = match question().await {
                Ok(answer) => return Ok(answer),
                Err(error) if may_pass(&error) => error,
                Err(error) => return Err(TaskError::Panel(error)),
            };
            self.waits_for(&self.lease.kind, &error).await?;
            rounds += 1;
            let store = &self.state.store;
            if rounds >= PATIENT_ROUNDS && store.task_step_back(&self.lease, LONGEST_PAUSE).await? {
                return Err(TaskError::Later);
            }
            pause.sleep().await;
        }
    }

    /// Says what the task waits for, by the name of the listing: one that stalls
    /// ends the run with this reason.
    pub async fn waits_for(&self, listing: &str, error: &PanelError) -> Result<(), TaskError> {
        warn!(self.log, "the panel is waited for"; "listing" => listing, "error" => %error);
        let reason = format!("{listing}: {error}");
        Ok(self.state.store.task_waits(&self.lease, &reason).await?)
    }
}

/// Whether a failure can pass by itself; a panel in trouble also answers 500.
pub fn may_pass(error: &PanelError) -> bool {
    error.is_transient()
        || matches!(
            error,
            PanelError::ServerError { .. } | PanelError::Unexpected { .. }
        )
}
