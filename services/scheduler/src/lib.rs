//! The scheduler: recurring work, on many replicas, once.
//!
//! It is deployable and reports its health and figures; recurring work will be done in
//! [`Scheduler::run`], between the connections below and the signal to stop.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use runtime::config::Config;
use runtime::health::{Health, Probe};
use runtime::ops::OpsServer;
use runtime::process::BoxError;
use runtime::shutdown::{Drain, Shutdown};
use slog::Logger;
use store::Store;

const NAME: &str = "scheduler";

/// A scheduler that is ready to run.
pub struct Scheduler {
    broker: Broker,
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

    /// Runs until it is asked to stop, then ends in order: not ready, nothing in
    /// hand, connections closed, health last.
    pub async fn run(self, shutdown: Shutdown) {
        shutdown.requested().await;
        self.health.stopping();
        Drain::within(self.drain_limit, &self.log)
            .step("broker", self.broker.close())
            .await
            .step("health", self.ops.stop())
            .await
            .finish();
    }
}
