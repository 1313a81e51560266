//! The supervised connection: one task that connects, declares, waits for the
//! end, and begins again until the broker is closed.

use crate::settings::{QueueSpec, Settings};
use crate::topology::{self, Names};
use futures_util::StreamExt;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use secrecy::ExposeSecret;
use slog::{Logger, info, o, warn};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The largest frame, in bytes; a larger message is sent in several. lapin keeps room for
/// 32 of them in each direction, which would be 8 MiB with what RabbitMQ suggests.
const FRAME_MAX: u32 = 16 * 1024;

/// Finds a peer that is gone without a word within twice this time.
const HEARTBEAT_SECONDS: u16 = 10;

/// How often the connection's state is looked at should no event tell of its end.
const STATE_CHECK: Duration = Duration::from_secs(1);

/// A handle on the supervised connection; clones share it.
#[derive(Clone)]
pub struct Broker {
    pub(crate) shared: Arc<Shared>,
    supervisor: Arc<Mutex<Option<JoinHandle<()>>>>,
}

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) names: Names,
    pub(crate) queues: BTreeMap<&'static str, QueueSpec>,
    pub(crate) log: Logger,
    pub(crate) closing: CancellationToken,
    state: watch::Sender<State>,
}

/// What [`Broker::is_connected`] reads.
#[derive(Clone, Default)]
struct State {
    link: Option<Arc<Link>>,
    /// Consumers that should be subscribed and are not.
    consumers_down: usize,
}

impl State {
    /// The connection, unless it has ended and the supervisor is yet to notice.
    fn live_link(&self) -> Option<&Arc<Link>> {
        self.link
            .as_ref()
            .filter(|link| link.connection.status().connected())
    }

    fn is_sound(&self) -> bool {
        self.live_link().is_some() && self.consumers_down == 0
    }
}

/// One live connection and its idle publishing channels.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) idle: Mutex<Vec<Channel>>,
}

impl Broker {
    /// Starts to connect, and keeps connecting until [`Broker::close`]. Every
    /// queue that this process consumes from, or publishes commands to, is
    /// named here and declared at each connect. Returns at once.
    #[must_use]
    pub fn start(settings: Settings, queues: Vec<QueueSpec>, log: &Logger) -> Self {
        let shared = Arc::new(Shared {
            names: Names::new(&settings.prefix),
            settings,
            queues: queues
                .into_iter()
                .map(|queue| (queue.name, queue))
                .collect(),
            log: log.new(o!("component" => "broker")),
            closing: CancellationToken::new(),
            state: watch::Sender::new(State::default()),
        });
        let supervisor = tokio::spawn(Arc::clone(&shared).supervise());
        Self {
            shared,
            supervisor: Arc::new(Mutex::new(Some(supervisor))),
        }
    }

    /// Whether the connection stands, the topology is declared and every
    /// consumer is subscribed: the readiness of a process that needs RabbitMQ.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.state.borrow().is_sound()
    }

    /// Waits at most `patience` for [`Self::is_connected`]; says whether it is.
    pub async fn wait_connected(&self, patience: Duration) -> bool {
        let mut state = self.shared.state.subscribe();
        matches!(
            timeout(patience, state.wait_for(State::is_sound)).await,
            Ok(Ok(_))
        )
    }

    /// Closes the connection, which ends what still runs on it. Consumers are
    /// stopped first, by their tokens, for their work to be finished.
    pub async fn close(self) {
        self.shared.closing.cancel();
        let supervisor = self
            .supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(supervisor) = supervisor
            && let Err(error) = supervisor.await
        {
            warn!(self.shared.log, "the supervisor of the RabbitMQ connection ended badly"; "error" => %error);
        }
    }
}

impl Shared {
    /// The live connection, if there is one.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.state.borrow().live_link().cloned()
    }

    /// Waits for a live connection; `None` once the broker is being closed.
    pub(crate) async fn next_link(&self) -> Option<Arc<Link>> {
        let mut state = self.state.subscribe();
        tokio::select! {
            () = self.closing.cancelled() => None,
            found = state.wait_for(|state| state.live_link().is_some()) => found.ok()?.live_link().cloned(),
        }
    }

    /// Tells that one more consumer ought to be subscribed.
    pub(crate) fn consumer_down(&self) {
        self.state.send_modify(|state| state.consumers_down += 1);
    }

    /// Takes [`Self::consumer_down`] back.
    pub(crate) fn consumer_up(&self) {
        self.state
            .send_modify(|state| state.consumers_down = state.consumers_down.saturating_sub(1));
    }

    async fn supervise(self: Arc<Self>) {
        let mut pause = self.settings.reconnect_first;
        loop {
            let connected = tokio::select! {
                () = self.closing.cancelled() => return,
                connected = timeout(self.settings.connect_timeout, self.connect()) => connected,
            };
            match connected {
                Ok(Ok(link)) => {
                    pause = self.settings.reconnect_first;
                    self.serve(Arc::new(link)).await;
                    if self.closing.is_cancelled() {
                        return;
                    }
                }
                Ok(Err(error)) => {
                    warn!(self.log, "cannot connect to RabbitMQ"; "error" => %error, "next_attempt_within" => ?pause);
                }
                Err(_elapsed) => {
                    warn!(self.log, "connecting to RabbitMQ took too long"; "next_attempt_within" => ?pause);
                }
            }
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..=1.0))) => {}
            }
            pause = (pause * 2).min(self.settings.reconnect_longest);
        }
    }

    async fn connect(&self) -> lapin::Result<Link> {
        let mut uri: AMQPUri =
            self.settings
                .url
                .expose_secret()
                .parse()
                .map_err(|reason: String| {
                    std::io::Error::new(std::io::ErrorKind::InvalidInput, reason)
                })?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        uri.query.frame_max.get_or_insert(FRAME_MAX);
        let properties = ConnectionProperties::default()
            .with_connection_name(self.settings.connection_name.as_str().into());
        let connection = Connection::connect_uri(uri, properties).await?;

        let channel = connection.create_channel().await?;
        let queues: Vec<QueueSpec> = self.queues.values().copied().collect();
        topology::declare(&channel, &self.names, &queues).await?;
        channel.close(200, "declared".into()).await?;
        Ok(Link {
            connection,
            idle: Mutex::default(),
        })
    }

    /// Offers the connection to publishers and consumers until it ends.
    async fn serve(&self, link: Arc<Link>) {
        info!(self.log, "connected to RabbitMQ");
        metrics::gauge!("nodebyte_broker_connected").set(1.0);
        metrics::counter!("nodebyte_broker_connects_total").increment(1);
        self.state
            .send_modify(|state| state.link = Some(Arc::clone(&link)));

        let mut events = Box::pin(link.connection.events_listener());
        let mut checks = tokio::time::interval(STATE_CHECK);
        while link.connection.status().connected() {
            tokio::select! {
                () = self.closing.cancelled() => break,
                _ = checks.tick() => {}
                event = events.next() => match event {
                    // Errors of single channels come by here too: the loop's
                    // condition tells them from the connection's end.
                    Some(Event::Error(error)) => warn!(self.log, "RabbitMQ reports an error"; "error" => %error),
                    Some(Event::ConnectionBlocked(reason)) => {
                        warn!(self.log, "RabbitMQ takes no messages for now"; "reason" => reason);
                    }
                    Some(_) => {}
                    None => break,
                },
            }
        }

        self.state.send_modify(|state| state.link = None);
        metrics::gauge!("nodebyte_broker_connected").set(0.0);
        if self.closing.is_cancelled() {
            // It may already be closing by itself; either way it ends here.
            let farewell = link.connection.close(200, "closing".into());
            if let Ok(Err(error)) = timeout(self.settings.connect_timeout, farewell).await {
                info!(self.log, "the connection to RabbitMQ was already closing"; "error" => %error);
            }
        } else {
            warn!(self.log, "lost the connection to RabbitMQ");
        }
    }
}
