//! Asking the panel until it answers. The client repeats a request a few times;
//! beyond that the task says what it waits for and goes on asking, until the
//! run is ended for want of progress.

use crate::task::{Task, TaskError};
use panels::PanelError;
use slog::warn;
use std::future::Future;
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Task {
    /// Asks until there is an answer that asking again would not change.
    pub async fn ask<T, F>(&self, mut question: impl FnMut() -> F) -> Result<T, TaskError>
    where
        F: Future<Output = Result<T, PanelError>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match question().await {
                Ok(answer) => return Ok(answer),
                Err(error) if may_pass(&error) => error,
                Err(error) => return Err(TaskError::Panel(error)),
            };
            warn!(self.log, "the panel is waited for"; "error" => %error);
            self.state
                .store
                .task_waits(&self.lease, &error.to_string())
                .await?;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether a failure can pass by itself; a panel in trouble also answers 500.
fn may_pass(error: &PanelError) -> bool {
    error.is_transient()
        || matches!(
            error,
            PanelError::ServerError { .. } | PanelError::Unexpected { .. }
        )
}
