//! The context that a task's work runs in, and how it ends.

use crate::pace::Pace;
use crate::state::State;
use common::types::sync::Kind;
use panels::{PanelError, Pterodactyl};
use reach::ReachError;
use reach::settings::SettingsError;
use reach::vault::VaultError;
use runtime::error_chain::ErrorChain;
use slog::Logger;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::{PageCommit, PageReport, StoreError, TaskLease};

/// What a task's work needs.
#[derive(Clone)]
pub struct Task {
    /// The worker.
    pub state: Arc<State>,
    /// The right to write.
    pub lease: TaskLease,
    /// The run's panel.
    pub panel: Pterodactyl,
    /// Throttles the run's progress.
    pub pace: Arc<Pace>,
    /// Rows of each kind that were asked for at their own address and stayed without an
    /// answer.
    pub silent_rows: Arc<Mutex<BTreeMap<Kind, u32>>>,
    /// With run and task.
    pub log: Logger,
}

impl Task {
    /// Counts a row that stayed without an answer; how many of its kind did by now.
    pub fn stayed_silent(&self, kind: Kind) -> u32 {
        let mut rows = self
            .silent_rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = rows.entry(kind).or_default();
        *count += 1;
        *count
    }

    /// Commits a page when it is its turn.
    pub async fn commit(&self, page: &PageCommit) -> Result<PageReport, StoreError> {
        // Nobody closes the semaphore.
        let _turn = self.state.commits.acquire().await;
        self.state.store.commit_page(&self.lease, page).await
    }
}

/// Why a task's work ended without being done.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The panel refuses: asking again will not help.
    #[error("{0}")]
    Panel(#[from] PanelError),
    /// PostgreSQL failed, or the lease is lost.
    #[error("the mirror could not be written")]
    Store(#[from] StoreError),
    /// The panel does not answer yet; the task stepped back and is claimed again.
    #[error("other tasks go first")]
    Later,
    /// This process lacks the key that opens what the task needs, and others have it.
    #[error("this worker lacks the installation's ENCRYPTION_KEY: {0}")]
    NotMine(String),
    /// The work itself came to a bad end.
    #[error("{0}")]
    Failed(String),
}

impl From<ReachError> for TaskError {
    /// PostgreSQL being away says nothing about the panel's settings; neither does a
    /// worker that cannot open them.
    fn from(error: ReachError) -> Self {
        match error {
            ReachError::Panel(error)
            | ReachError::Settings(
                SettingsError::Store(error) | SettingsError::Vault(VaultError::Store(error)),
            ) => Self::Store(error),
            ReachError::Settings(error) if error.lacks_the_key() => {
                Self::NotMine(ErrorChain(&error).to_string())
            }
            other => Self::Failed(ErrorChain(&other).to_string()),
        }
    }
}
