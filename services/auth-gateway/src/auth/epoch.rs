//! Whether anything was taken from any credential lately.
//!
//! The database counts such changes in the transaction that makes them
//! (`credential_epoch`), whoever makes them. While requests come in, the count is read
//! five times a second: one small statement for all credentials, instead of one for each
//! of them. A count that was asked for half a second ago is not known any more. So there
//! is no channel that could be cut in silence: what was revoked is noticed, or nothing
//! that was found out earlier is believed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runtime::error_chain::ErrorChain;
use slog::{Logger, info, warn};
use store::Store;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// How often the count is read.
const INTERVAL: Duration = Duration::from_millis(200);

/// How long a count is believed, counted from when it was asked for.
const LIFETIME: Duration = Duration::from_millis(500);

/// How long the database has for one answer. Whoever waits longer knows nothing anyway.
const PATIENCE: Duration = Duration::from_secs(2);

/// The count is read for so long after it was last wanted.
const INTEREST: Duration = Duration::from_secs(5);

/// See the module. The count is read until this is dropped.
pub struct CredentialEpoch {
    watched: Arc<Watched>,
    watching: JoinHandle<()>,
}

#[derive(Default)]
struct Watched {
    state: Mutex<State>,
    wanted: Notify,
}

#[derive(Default)]
struct State {
    seen: Option<(i64, Instant)>,
    wanted_at: Option<Instant>,
}

impl CredentialEpoch {
    /// Begins to read it from the database when it is first wanted.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(store: &Store, log: &Logger) -> Arc<Self> {
        let watched = Arc::<Watched>::default();
        let watching = watch(Arc::clone(&watched), store.clone(), log.clone());
        Arc::new(Self {
            watched,
            watching: tokio::spawn(watching),
        })
    }

    /// The count, if it is known now.
    pub fn now(&self) -> Option<i64> {
        self.at(Instant::now())
    }

    /// As [`now`](Self::now), for who has just looked at the clock.
    pub fn at(&self, now: Instant) -> Option<i64> {
        let mut state = self.watched.state();
        let before = state.wanted_at.replace(now);
        if before.is_none_or(|before| now.saturating_duration_since(before) >= INTEREST) {
            self.watched.wanted.notify_one();
        }
        let (epoch, asked_at) = state.seen?;
        (now.saturating_duration_since(asked_at) < LIFETIME).then_some(epoch)
    }
}

impl Drop for CredentialEpoch {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Watched {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_wanted(&self) -> bool {
        let wanted_at = self.state().wanted_at;
        wanted_at.is_some_and(|at| at.elapsed() < INTEREST)
    }
}

async fn watch(watched: Arc<Watched>, store: Store, log: Logger) {
    let mut well = true;
    loop {
        while !watched.is_wanted() {
            watched.wanted.notified().await;
        }
        let asked_at = Instant::now();
        let failure = match timeout(PATIENCE, store.credential_epoch()).await {
            Ok(Ok(epoch)) => {
                watched.state().seen = Some((epoch, asked_at));
                None
            }
            Ok(Err(error)) => Some(ErrorChain(&error).to_string()),
            Err(_) => Some("no answer".to_owned()),
        };
        match failure {
            Some(error) if well => {
                warn!(log, "credentials are looked up twice a second until PostgreSQL answers";
                    "error" => error);
                well = false;
            }
            None if !well => {
                info!(log, "changes of credentials are heard of again");
                well = true;
            }
            _ => {}
        }
        sleep_until(asked_at + INTERVAL).await;
    }
}
