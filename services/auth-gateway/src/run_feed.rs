//! The newest state of the runs that somebody watches.
//!
//! One feed per process, however many clients watch. What workers say through
//! Redis is a hint that a run's row has a new revision; the row itself is read
//! from PostgreSQL, once for each revision. While Redis is away one query a
//! second reads all open runs. Hints may also get lost while Redis is there (a
//! worker that could not reach it), so all open runs are read every
//! [`RECHECK`] in any case. While nobody watches, nothing is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache::{Cache, Heard, ProgressFeed};
use common::types::id::RunId;
use runtime::error_chain::ErrorChain;
use slog::{Logger, o, warn};
use store::{RunRow, Store, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Between two looks while Redis is away.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks while it is there.
const RECHECK: Duration = Duration::from_secs(10);

/// Runs by who watches them.
type Watched = HashMap<RunId, watch::Sender<Option<Arc<RunRow>>>>;

/// Follows watched runs until it is closed or dropped.
pub struct RunFeed {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    watched: Mutex<Watched>,
    closed: CancellationToken,
    log: Logger,
}

/// Sees the newest state of one run.
pub struct Watch {
    id: RunId,
    newest: watch::Receiver<Option<Arc<RunRow>>>,
    shared: Arc<Shared>,
}

impl RunFeed {
    pub(crate) fn start(store: Store, cache: &Cache, log: &Logger) -> Self {
        let shared = Arc::new(Shared {
            store,
            watched: Mutex::default(),
            closed: CancellationToken::new(),
            log: log.new(o!("component" => "run-feed")),
        });
        let following = Arc::clone(&shared).follow(cache.subscribe_progress(log));
        tokio::spawn(shared.closed.clone().run_until_cancelled_owned(following));
        Self { shared }
    }

    /// Watches a run; `None`: there is no such run.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub(crate) async fn watch(&self, id: RunId) -> Result<Option<Watch>, StoreError> {
        // Watched first and read then, so that no change falls in between.
        let newest = self.shared.watched().entry(id).or_default().subscribe();
        let mut watch = Watch {
            id,
            newest,
            shared: Arc::clone(&self.shared),
        };
        if !self.shared.read(id).await? {
            return Ok(None);
        }
        watch.newest.mark_changed();
        Ok(Some(watch))
    }

    /// Takes in a row that was read or written elsewhere.
    pub(crate) fn offer(&self, run: &RunRow) {
        self.shared.offer(run);
    }

    /// Ends all watches.
    pub(crate) fn close(&self) {
        self.shared.closed.cancel();
    }
}

impl Drop for RunFeed {
    fn drop(&mut self) {
        self.close();
    }
}

impl Watch {
    /// The newest state, as soon as it is another than the one seen before; the
    /// first call answers at once. `None`: the feed was closed.
    pub(crate) async fn next(&mut self) -> Option<Arc<RunRow>> {
        let closed = self.shared.closed.clone();
        tokio::select! {
            biased;
            () = closed.cancelled() => None,
            changed = self.newest.changed() => {
                changed.ok()?;
                self.newest.borrow_and_update().clone()
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.shared.watched();
        // This watch still counts itself.
        if watched
            .get(&self.id)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            watched.remove(&self.id);
        }
        metrics::gauge!("nodebyte_gateway_watched_runs").set(count(&watched));
    }
}

impl Shared {
    async fn follow(self: Arc<Self>, feed: ProgressFeed) {
        let mut heard = feed.listen();
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked = Instant::now();
        loop {
            let look = tokio::select! {
                heard = heard.next() => match heard {
                    Some(Heard::Update(progress)) => {
                        if self.is_news(progress.run_id, progress.revision) {
                            self.say_if_failed(self.read(progress.run_id).await);
                        }
                        false
                    }
                    Some(Heard::Connected | Heard::Lagged) => true,
                    Some(Heard::Disconnected) => false,
                    None => return,
                },
                _ = looks.tick() => !feed.is_connected() || looked.elapsed() >= RECHECK,
            };
            if look {
                self.say_if_failed(self.look().await);
                looked = Instant::now();
            }
        }
    }

    /// Reads every watched run that has not ended.
    async fn look(&self) -> Result<(), StoreError> {
        let mut open: Vec<RunId> = {
            let watched = self.watched();
            metrics::gauge!("nodebyte_gateway_watched_runs").set(count(&watched));
            watched
                .iter()
                .filter(|(_, newest)| !has_ended(newest))
                .map(|(id, _)| *id)
                .collect()
        };
        if open.is_empty() {
            return Ok(());
        }
        for run in self.store.runs_open().await? {
            open.retain(|id| *id != run.run_id());
            self.offer(&run);
        }
        // The rest has ended since, which happens to a run once.
        for id in open {
            self.read(id).await?;
        }
        Ok(())
    }

    /// Reads one run; `false`: there is no such run.
    async fn read(&self, id: RunId) -> Result<bool, StoreError> {
        let run = self.store.run(id).await?;
        if let Some(run) = &run {
            self.offer(run);
        }
        Ok(run.is_some())
    }

    fn offer(&self, run: &RunRow) {
        if let Some(newest) = self.watched().get(&run.run_id()) {
            newest.send_if_modified(|known| {
                let is_news = is_newer(revision_of(known), run.revision);
                if is_news {
                    *known = Some(Arc::new(run.clone()));
                }
                is_news
            });
        }
    }

    fn is_news(&self, id: RunId, revision: i64) -> bool {
        self.watched()
            .get(&id)
            .is_some_and(|newest| is_newer(revision_of(&newest.borrow()), revision))
    }

    fn say_if_failed<T>(&self, outcome: Result<T, StoreError>) {
        if let Err(error) = outcome {
            warn!(self.log, "cannot read watched runs"; "error" => ErrorChain(&error));
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn revision_of(known: &Option<Arc<RunRow>>) -> Option<i64> {
    known.as_ref().map(|run| run.revision)
}

/// What was read first may be offered last: a run's state goes forward only.
fn is_newer(known: Option<i64>, revision: i64) -> bool {
    known.is_none_or(|known| known < revision)
}

fn has_ended(newest: &watch::Sender<Option<Arc<RunRow>>>) -> bool {
    let newest = newest.borrow();
    newest
        .as_ref()
        .is_some_and(|run| run.run_status().is_ok_and(|status| status.is_final()))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(watched: &Watched) -> f64 {
    watched.len() as f64
}

#[cfg(test)]
mod tests {
    use super::is_newer;

    #[test]
    fn a_runs_state_goes_forward_only() {
        let news = [None, Some(5), Some(6), Some(7)].map(|known| is_newer(known, 6));
        assert_eq!(news, [true, true, false, false]);
    }
}
