//! Stopping in order: a signal, or whoever holds a [`Shutdown`], asks; everybody
//! who holds a clone ends what is in hand; a [`Drain`] takes the steps of an end
//! one after the other within one deadline.

use std::future::Future;
use std::io;
use std::time::Duration;

use slog::{Logger, info, warn};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A request to stop that many can wait for. Clones are the same request.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Not asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asked for by the first SIGTERM or SIGINT. A second one ends the process at
    /// once, for people who are in a hurry.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let mut term = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let requested = shutdown.clone();
        tokio::spawn(async move {
            for attempt in 1.. {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if attempt > 1 {
                    std::process::exit(130);
                }
                requested.request();
            }
        });
        Ok(shutdown)
    }

    /// Asks everybody to stop.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether stopping was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until stopping is asked for.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// The token beneath, for crates that take one. Cancelling it is
    /// [`Shutdown::request`].
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.0.clone()
    }
}

/// The steps of an orderly end, within one deadline for all of them.
pub struct Drain {
    log: Logger,
    deadline: Instant,
    complete: bool,
}

impl Drain {
    /// Starts the clock.
    #[must_use]
    pub fn within(limit: Duration, log: &Logger) -> Self {
        info!(log, "stopping"; "limit_seconds" => limit.as_secs());
        Self {
            log: log.clone(),
            deadline: Instant::now() + limit,
            complete: true,
        }
    }

    /// Takes one step. A step that does not end before the deadline is abandoned
    /// and named in the log; the later ones still get their first moment.
    pub async fn step(mut self, name: &'static str, work: impl Future<Output = ()>) -> Self {
        if tokio::time::timeout_at(self.deadline, work).await.is_err() {
            warn!(self.log, "abandoned while stopping"; "step" => name);
            self.complete = false;
        }
        self
    }

    /// Says how it went; `false` when a step was abandoned.
    pub fn finish(self) -> bool {
        info!(self.log, "stopped"; "complete" => self.complete);
        self.complete
    }
}
