//! The notifier: tells subscribers what happened.
//!
//! 1. Every event reaches the queue `notifier.events`, in the order of the outbox. One
//!    notifier at a time compares them with the webhooks (`matching`) and stores what is to
//!    be delivered.
//! 2. All notifiers send (`sending`, `attempt`): each claims lanes, in which order is kept,
//!    as many at once as it has room for.
//! 3. What follows from an answer is a pure decision (`decide`); when a webhook fails as a
//!    whole, its circuit opens in PostgreSQL, for all of them.
//! 4. Mail is handed over beside all that (`mailing`).
//! 5. `upkeep` frees lanes and mails whose senders are gone, tells of webhooks that fail for
//!    days and disables them, and deletes what is over for long.

mod attempt;
mod decide;
mod mailing;
mod matching;
mod sending;
mod taken;
mod upkeep;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use attempt::Attempts;
use broker::Broker;
use cache::Cache;
use chrono::TimeDelta;
use common::types::id::WorkerId;
use common::types::message::NOTIFIER_QUEUE;
use decide::Schedule;
use mailing::Mailing;
use matching::Matcher;
use reach::DiscordBudget;
use reach::mail::PostOffice;
use reach::settings::Settings;
use reach::webhooks::Messenger;
use relay::Relay;
use runtime::config::Config;
use runtime::health::{Health, Probe};
use runtime::ops::OpsServer;
use runtime::process::BoxError;
use runtime::shutdown::{Drain, Shutdown};
use sending::Sender;
use slog::{Logger, o};
use store::Store;
use taken::Taken;
use tokio_util::sync::CancellationToken;
use upkeep::Upkeep;

const NAME: &str = "notifier";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A notifier that is ready to run.
pub struct Notifier {
    broker: Broker,
    store: Store,
    settings: Settings,
    sender: Sender,
    mailing: Mailing,
    upkeep: Upkeep,
    health: Arc<Health>,
    ops: OpsServer,
    drain_limit: Duration,
    log: Logger,
}

/// Makes the connections and starts the health endpoints. PostgreSQL and RabbitMQ
/// may be away: readiness says so until they are there. Needs a tokio runtime.
///
/// # Errors
/// An address in the configuration is none, or the port cannot be served.
pub fn build(config: &Config, listener: TcpListener, log: &Logger) -> Result<Notifier, BoxError> {
    let store = Store::connect(&store::Settings {
        url: config.database.url.clone(),
        pool_size: config.database.pool_size,
        connect_timeout: config.database.acquire,
        statement_timeout: config.database.statement,
        application_name: NAME,
    })?;
    let settings = broker::Settings {
        prefix: config.amqp.prefix.clone(),
        ..broker::Settings::new(config.amqp.url.clone(), NAME)
    };
    let broker = Broker::start(settings, relay::queues::all(), log);
    let health = Health::new(NAME, probes(store.clone(), broker.clone()), log);
    let ops = OpsServer::start(listener, Arc::clone(&health), log)?;
    let drain_limit = config.http.shutdown;
    let settings = Settings::new(store.clone(), config)?;
    let mut redis = cache::Settings::new(config.redis.url.clone());
    redis.prefix.clone_from(&config.redis.prefix);
    let attempts = Attempts {
        store: store.clone(),
        targets: settings.targets(),
        messenger: Messenger::new(config)?,
        budget: DiscordBudget::new(Cache::connect(&redis)?, config, log),
        schedule: Schedule(config.notifications.retries.clone()),
        taken: Taken::default(),
        log: log.new(o!("component" => "attempts")),
    };
    let sender = Sender {
        store: store.clone(),
        attempts: Arc::new(attempts),
        concurrency: config.notifications.concurrency,
        // An answer may come at the last moment, and PostgreSQL take its time.
        hold: config.notifications.request_timeout * 2 + Duration::from_secs(5),
        leave_within: config.notifications.request_timeout,
        log: log.new(o!("component" => "sender")),
    };
    let mailing = Mailing {
        store: store.clone(),
        office: PostOffice::new(store.clone(), &Arc::new(config.clone()))?,
        schedule: mailing::Schedule(config.mail.retries.clone()),
        per_second: config.mail.requests_per_second,
        hold: config.notifications.request_timeout * 2 + Duration::from_secs(5),
        log: log.new(o!("component" => "mailing")),
    };
    let upkeep = Upkeep {
        store: store.clone(),
        retries: config.notifications.retries.len(),
        disable_after: TimeDelta::days(config.notifications.disable_days.into()),
        keep: DAY * config.notifications.retention_days,
        keep_mails: DAY * config.mail.retention_days,
        log: log.new(o!("component" => "upkeep")),
    };
    Ok(Notifier {
        broker,
        store,
        settings,
        sender,
        mailing,
        upkeep,
        health,
        ops,
        drain_limit,
        log: log.clone(),
    })
}

fn probes(store: Store, broker: Broker) -> Vec<Probe> {
    let database = Probe::new("database", move || {
        let store = store.clone();
        async move { store.ping().await.map_err(|error| error.to_string()) }
    });
    let queue = Probe::new("queue", move || {
        let connected = broker.is_connected();
        async move {
            connected
                .then_some(())
                .ok_or_else(|| "not connected".to_owned())
        }
    });
    vec![database, queue]
}

impl Notifier {
    /// Where the health endpoints listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.ops.address()
    }

    /// Runs until it is asked to stop, then ends in order: not ready, nothing new, what is
    /// in hand ended and written, connections closed, health last.
    pub async fn run(self, shutdown: Shutdown) {
        let stop = CancellationToken::new();
        let matcher = Matcher {
            store: self.store.clone(),
            settings: self.settings,
            log: self.log.new(o!("component" => "matcher")),
        };
        let matching =
            self.broker
                .consume_in_order(NOTIFIER_QUEUE, Arc::new(matcher), stop.clone());
        let sending = tokio::spawn(self.sender.run(stop.clone()));
        let mailing = tokio::spawn(self.mailing.run(stop.clone()));
        let keeping = tokio::spawn(self.upkeep.run(stop.clone()));
        // What is said here (a webhook is disabled, a delivery dead) goes out from here too.
        let relay = Relay::start(
            self.store,
            self.broker.clone(),
            WorkerId::new(),
            &self.log,
            stop.clone(),
        );
        shutdown.requested().await;
        self.health.stopping();
        stop.cancel();
        Drain::within(self.drain_limit, &self.log)
            .step("matching", async { matching.await.unwrap_or_default() })
            .await
            .step("sending", async { sending.await.unwrap_or_default() })
            .await
            .step("mailing", async { mailing.await.unwrap_or_default() })
            .await
            .step("upkeep", async { keeping.await.unwrap_or_default() })
            .await
            .step("relay", async { relay.await.unwrap_or_default() })
            .await
            .step("broker", self.broker.close())
            .await
            .step("health", self.ops.stop())
            .await
            .finish();
    }
}
