//! The scheduler: recurring work, on many replicas, once.
//!
//! It starts full syncs by the clock (`auto_sync`), does the upkeep of Hytale accounts and of
//! the trail of administration on a fixed tick (`upkeep`, `trail`), and reports its health and
//! figures. Recurring work begins in [`Scheduler::run`] and ends there, in
//! order, at the signal to stop.

mod auto_sync;
mod trail;
mod upkeep;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use hytale::custody::{Custody, UpkeepSettings};
use reach::settings::Settings;
use runtime::config::Config;
use runtime::health::{Health, Probe};
use runtime::ops::OpsServer;
use runtime::process::BoxError;
use runtime::shutdown::{Drain, Shutdown};
use slog::{Logger, o};
use store::Store;
use tokio_util::sync::CancellationToken;

use auto_sync::AutoSync;
use trail::Trail;

const NAME: &str = "scheduler";

/// A scheduler that is ready to run.
pub struct Scheduler {
    broker: Broker,
    auto_sync: AutoSync,
    custody: Custody,
    trail: Trail,
    upkeep: UpkeepSettings,
    upkeep_every: Duration,
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
pub fn build(config: &Config, listener: TcpListener, log: &Logger) -> Result<Scheduler, BoxError> {
    let store = Store::connect(&store::Settings {
        url: config.database.url.clone(),
        pool_size: config.database.pool_size,
        connect_timeout: config.database.acquire,
        statement_timeout: config.database.statement,
        application_name: NAME,
    })?;
    let custody = hytale::connect(config, store.clone(), log)?;
    let trail = Trail::new(store.clone(), &config.security, log);
    let auto_sync = AutoSync {
        store: store.clone(),
        settings: Settings::new(store.clone(), config)?,
        log: log.new(o!("component" => "auto_sync")),
    };
    let settings = broker::Settings {
        prefix: config.amqp.prefix.clone(),
        ..broker::Settings::new(config.amqp.url.clone(), NAME)
    };
    let broker = Broker::start(settings, Vec::new(), log);
    let health = Health::new(NAME, probes(store, broker.clone()), log);
    let ops = OpsServer::start(listener, Arc::clone(&health), log)?;
    let drain_limit = config.http.shutdown;
    Ok(Scheduler {
        broker,
        auto_sync,
        custody,
        trail,
        upkeep: UpkeepSettings::of(&config.hytale),
        upkeep_every: config.hytale.upkeep,
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

impl Scheduler {
    /// Where the health endpoints listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.ops.address()
    }

    /// Works until it is asked to stop, then ends in order: not ready, no new work,
    /// what Hytale answers once stored, connections closed, health last.
    pub async fn run(self, shutdown: Shutdown) {
        let stop = CancellationToken::new();
        let syncing = tokio::spawn(self.auto_sync.run(stop.clone()));
        let upkeep = tokio::spawn(upkeep::run(
            self.custody.clone(),
            self.upkeep,
            self.trail,
            self.upkeep_every,
            stop.clone(),
        ));
        shutdown.requested().await;
        self.health.stopping();
        stop.cancel();
        Drain::within(self.drain_limit, &self.log)
            .step("auto sync", async {
                // It ends by returning; a panic has its own line.
                let _ = syncing.await;
            })
            .await
            .step("upkeep", async {
                let _ = upkeep.await;
            })
            .await
            .finish();
        // Within a limit of its own: what Hytale answers once is stored.
        Drain::within(self.custody.grace(), &self.log)
            .step("custody", self.custody.close())
            .await
            .finish();
        Drain::within(self.drain_limit, &self.log)
            .step("broker", self.broker.close())
            .await
            .step("health", self.ops.stop())
            .await
            .finish();
    }
}
