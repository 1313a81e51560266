//! News of runs, told by workers and heard by every process that shows them.
//!
//! One channel carries all runs and one connection per process hears it,
//! however many clients watch. Nothing is kept: what is said while nobody hears
//! is gone, so a listener is told when it may have missed something and reads
//! the state from PostgreSQL then, as it does while Redis is away.

use crate::connection::{Cache, CacheError};
use common::types::id::RunId;
use deadpool_redis::redis::Msg;
use deadpool_redis::redis::aio::{PubSubSink, PubSubStream};
use futures_util::StreamExt;
use slog::{Logger, info, o, warn};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Pause before connecting again.
const RECONNECT: Duration = Duration::from_millis(500);
/// How often the connection is asked whether it still lives.
const PING: Duration = Duration::from_secs(5);
/// How many updates a listener may be behind before it misses some.
const BACKLOG: usize = 256;

/// The newest state of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The run.
    pub run_id: RunId,
    /// Grows with each change of the run; older news are to be ignored.
    pub revision: i64,
    /// The state as JSON text, in the shape that publisher and listener agree on.
    pub state: String,
}

/// What a [`ProgressListener`] hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// From now on every update is heard. What came before may have been missed.
    Connected,
    /// Nothing is heard until [`Self::Connected`].
    Disconnected,
    /// A run's new state.
    Update(Arc<Progress>),
    /// The listener was too slow and has missed updates.
    Lagged,
}

/// Hears the channel for a whole process, until it is dropped.
pub struct ProgressFeed {
    updates: broadcast::Sender<Arc<Progress>>,
    connected: watch::Receiver<bool>,
    _stop: DropGuard,
}

/// One listener to a [`ProgressFeed`].
pub struct ProgressListener {
    updates: broadcast::Receiver<Arc<Progress>>,
    connected: watch::Receiver<bool>,
}

impl Cache {
    /// Tells a run's new state to whoever listens.
    ///
    /// # Errors
    /// When Redis is no help: listeners then read PostgreSQL.
    pub async fn publish_progress(&self, progress: &Progress) -> Result<(), CacheError> {
        let Progress {
            run_id,
            revision,
            state,
        } = progress;
        let mut publish = deadpool_redis::redis::cmd("PUBLISH");
        publish
            .arg(self.progress_channel())
            .arg(format!("{run_id} {revision} {state}"));
        self.run("progress_publish", async |connection| {
            publish.query_async(connection).await
        })
        .await
    }

    /// Begins to hear the channel; one feed per process is enough.
    #[must_use]
    pub fn subscribe_progress(&self, log: &Logger) -> ProgressFeed {
        let updates = broadcast::Sender::new(BACKLOG);
        let (said, connected) = watch::channel(false);
        let stop = CancellationToken::new();
        let subscription = Subscription {
            cache: self.clone(),
            updates: updates.clone(),
            connected: said,
            log: log.new(o!("component" => "progress")),
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(subscription.run()));
        ProgressFeed {
            updates,
            connected,
            _stop: stop.drop_guard(),
        }
    }

    fn progress_channel(&self) -> String {
        self.key("progress")
    }
}

impl ProgressFeed {
    /// A listener that hears everything from now on, beginning with whether the
    /// feed is connected.
    #[must_use]
    pub fn listen(&self) -> ProgressListener {
        let mut connected = self.connected.clone();
        connected.mark_changed();
        ProgressListener {
            updates: self.updates.subscribe(),
            connected,
        }
    }

    /// Whether the channel is being heard.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }
}

impl ProgressListener {
    /// What is heard next; `None` once the feed is gone. Nothing is lost if the
    /// wait is given up.
    pub async fn next(&mut self) -> Option<Heard> {
        tokio::select! {
            biased;
            changed = self.connected.changed() => {
                changed.ok()?;
                let connected = *self.connected.borrow_and_update();
                Some(if connected { Heard::Connected } else { Heard::Disconnected })
            }
            update = self.updates.recv() => match update {
                Ok(update) => Some(Heard::Update(update)),
                Err(broadcast::error::RecvError::Lagged(_)) => Some(Heard::Lagged),
                Err(broadcast::error::RecvError::Closed) => None,
            },
        }
    }
}

/// The task behind a feed.
struct Subscription {
    cache: Cache,
    updates: broadcast::Sender<Arc<Progress>>,
    connected: watch::Sender<bool>,
    log: Logger,
}

impl Subscription {
    async fn run(self) {
        // One line per outage, not one per attempt.
        let mut complained = false;
        loop {
            match self.subscribe().await {
                Ok((sink, stream)) => {
                    complained = false;
                    info!(self.log, "hearing the progress channel");
                    self.connected.send_replace(true);
                    self.hear(sink, stream).await;
                    self.connected.send_replace(false);
                    warn!(self.log, "lost the progress channel");
                }
                Err(error) if !complained => {
                    complained = true;
                    warn!(self.log, "cannot hear the progress channel"; "error" => %error);
                }
                Err(_) => {}
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }

    async fn subscribe(&self) -> Result<(PubSubSink, PubSubStream), CacheError> {
        let (mut sink, stream) = self.cache.pubsub().await?.split();
        let channel = self.cache.progress_channel();
        self.cache
            .bounded(async { sink.subscribe(channel).await.map_err(CacheError::Command) })
            .await?;
        Ok((sink, stream))
    }

    /// Passes updates on until the connection ends or does not answer.
    async fn hear(&self, mut sink: PubSubSink, mut stream: PubSubStream) {
        let mut pings = tokio::time::interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => self.pass_on(&message),
                    None => return,
                },
                _ = pings.tick() => {
                    let alive = async { sink.ping::<()>().await.map_err(CacheError::Command) };
                    if let Err(error) = self.cache.bounded(alive).await {
                        warn!(self.log, "the progress channel does not answer"; "error" => %error);
                        return;
                    }
                }
            }
        }
    }

    fn pass_on(&self, message: &Msg) {
        match parse(message) {
            // An error means that nobody listens now.
            Some(progress) => drop(self.updates.send(Arc::new(progress))),
            None => warn!(
                self.log,
                "something that is no progress is said on the progress channel"
            ),
        }
    }
}

fn parse(message: &Msg) -> Option<Progress> {
    let text = std::str::from_utf8(message.get_payload_bytes()).ok()?;
    let mut parts = text.splitn(3, ' ');
    Some(Progress {
        run_id: parts.next()?.parse().ok()?,
        revision: parts.next()?.parse().ok()?,
        state: parts.next()?.to_owned(),
    })
}
