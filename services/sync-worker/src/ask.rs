//! Asking the panel until it answers. The client repeats a request a few times;
//! beyond that the task says what it waits for and goes on asking. After some rounds it
//! lets the run's other tasks go first, which its place among the panel's requests would
//! keep from being worked on.
//!
//! A question that stays without an answer for [`patience`] is asked once more when the
//! panel has answered another one, and given up if that is in vain as well. A panel that
//! answers nothing is waited for until the run is ended for want of progress.

use crate::task::{Task, TaskError};
use common::types::panel::{PageRequest, ServerIncludes};
use panels::{PanelError, Pterodactyl};
use slog::warn;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Questions in vain, each repeated by the client, after which a task steps back; sooner
/// if they have taken half of its patience.
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

/// How long a question is asked in vain before it matters whether the panel answers others:
/// a part of the time after which a run without progress is ended. Waits that the panel
/// ordered do not count.
pub fn patience(stall: Duration) -> Duration {
    stall / 4
}

/// Time since a question was first asked, without that for which the panel ordered to wait.
struct Clock<'a> {
    panel: &'a Pterodactyl,
    begun: Instant,
    waited: Duration,
}

impl<'a> Clock<'a> {
    fn start(panel: &'a Pterodactyl) -> Self {
        Self {
            panel,
            begun: Instant::now(),
            waited: panel.time_waited(),
        }
    }

    fn ordered(&self) -> Duration {
        self.panel.time_waited().saturating_sub(self.waited)
    }

    fn passed(&self) -> Duration {
        self.begun.elapsed().saturating_sub(self.ordered())
    }

    /// What `work` comes to, if it does within `limit`.
    async fn within<F: Future>(&self, limit: Duration, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        while self.passed() < limit {
            let end = self.begun + limit + self.ordered();
            if let Ok(output) = timeout_at(end, &mut work).await {
                return Some(output);
            }
        }
        None
    }
}

impl Task {
    /// Asks until there is an answer that asking again would not change, or another task
    /// needs the place: then this one ends as [`TaskError::Later`] and is claimed again.
    /// A failure that [may pass](may_pass) is one that did not, though the panel answers.
    pub async fn ask<T, F>(&self, mut question: impl FnMut() -> F) -> Result<T, TaskError>
    where
        F: Future<Output = Result<T, PanelError>>,
    {
        let clock = Clock::start(&self.panel);
        let patience = patience(self.state.config.sync.stall);
        let mut pause = Pause::first();
        let mut rounds = 0_u32;
        let mut in_vain: Option<PanelError> = None;
        loop {
            // A panel that was away and is back is not one that answers others only: so
            // the proof comes first, and the question after it decides.
            let answers = clock.passed() >= patience && self.panel_answers(rounds).await;
            let answer = match in_vain {
                Some(error) if answers => {
                    // A page may have to be cut down until it is answered.
                    let limit = patience.max(self.state.config.panel.request_timeout);
                    let answer = Clock::start(&self.panel).within(limit, question()).await;
                    answer.unwrap_or(Err(error))
                }
                _ => question().await,
            };
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) if may_pass(&error) && !answers => error,
                Err(error) => return Err(TaskError::Panel(error)),
            };
            self.waits_for(&self.lease.kind, &error).await?;
            in_vain = Some(error);
            rounds += 1;
            let store = &self.state.store;
            if (rounds >= PATIENT_ROUNDS || clock.passed() >= patience / 2)
                && store.task_step_back(&self.lease, LONGEST_PAUSE).await?
            {
                return Err(TaskError::Later);
            }
            pause.sleep().await;
        }
    }

    /// Whether the panel answers some listing, be it with a refusal. Which is asked first
    /// changes with `round`: after a failure the client may send only one.
    async fn panel_answers(&self, round: u32) -> bool {
        let (one, nothing) = (
            PageRequest { number: 1, size: 1 },
            ServerIncludes::default(),
        );
        let panel = &self.panel;
        for step in 0..5 {
            let listing = async {
                match (round + step) % 5 {
                    0 => panel.locations(one).await.err(),
                    1 => panel.nests(one).await.err(),
                    2 => panel.nodes(one).await.err(),
                    3 => panel.users(one).await.err(),
                    _ => panel.servers(one, nothing).await.err(),
                }
            };
            // One answer's time: a listing that is silent, too, does not keep from the next.
            let asked = tokio::time::timeout(self.state.config.panel.request_timeout, listing);
            if asked
                .await
                .is_ok_and(|error| error.is_none_or(|error| !may_pass(&error)))
            {
                return true;
            }
        }
        false
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
