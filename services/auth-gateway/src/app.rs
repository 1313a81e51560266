//! Starting and stopping.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::Data;
use actix_web::{App as ActixApp, HttpServer};
use broker::Broker;
use cache::{Cache, CacheError};
use common::types::id::WorkerId;
use paperclip::actix::OpenApiExt;
use reach::settings::SettingsError;
use reach::webhooks::{Messenger, MessengerError};
use relay::Relay;
use runtime::config::Config;
use runtime::error_chain::ErrorChain;
use runtime::health::{Health, Probe};
use runtime::http::{self, Observe, TrustedProxies};
use runtime::sentry;
use runtime::shutdown::{Drain, Shutdown};
use slog::{Logger, info, warn};
use store::{SYNC_WORKER, Store, StoreError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::browsers::ForBrowsers;
use crate::limits;
use crate::routes;
use crate::state::State;

const SERVICE: &str = "auth-gateway";

/// No statement of the gateway is meant to take longer.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// Why the gateway did not start. Nothing that may be away is needed for it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database's settings cannot be used.
    #[error("the database cannot be used")]
    Store(#[source] StoreError),
    /// The settings of Redis cannot be used.
    #[error("Redis cannot be used")]
    Cache(#[source] CacheError),
    /// The keys of the settings cannot be used.
    #[error("the stored settings cannot be used")]
    Settings(#[source] SettingsError),
    /// The settings of Hytale cannot be used.
    #[error("Hytale cannot be used")]
    Hytale(#[source] hytale::ConnectError),
    /// The clients of webhooks cannot be made.
    #[error("webhooks cannot be used")]
    Webhooks(#[source] MessengerError),
    /// The listener cannot be used.
    #[error("cannot listen")]
    Listen(#[source] io::Error),
}

/// The server ended without being asked to.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP server ended by itself")]
pub struct StopError(#[source] io::Error);

/// The gateway, listening.
pub struct App {
    address: SocketAddr,
    server: ServerHandle,
    serving: JoinHandle<io::Result<()>>,
    health: Arc<Health>,
    state: Data<State>,
    broker: Broker,
    relay: JoinHandle<()>,
    stop_relay: CancellationToken,
    grace: Duration,
    log: Logger,
}

/// Starts the gateway on a listener that is already bound, so that the caller
/// chose, and knows, the port. PostgreSQL, Redis and RabbitMQ may be away.
///
/// # Errors
/// Settings or the listener cannot be used.
pub async fn build(
    config: &Arc<Config>,
    listener: TcpListener,
    log: &Logger,
) -> Result<App, StartError> {
    let store = Store::connect(&store_settings(config)).map_err(StartError::Store)?;
    let mut redis = cache::Settings::new(config.redis.url.clone());
    redis.prefix.clone_from(&config.redis.prefix);
    let cache = Cache::connect(&redis).map_err(StartError::Cache)?;
    let mut amqp = broker::Settings::new(config.amqp.url.clone(), SERVICE);
    amqp.prefix.clone_from(&config.amqp.prefix);
    let broker = Broker::start(amqp, relay::queues::all(), log);

    let stop_relay = CancellationToken::new();
    let relay = Relay::start(
        store.clone(),
        broker.clone(),
        WorkerId::new(),
        log,
        stop_relay.clone(),
    );
    let probes = vec![database_probe(&store), workers_probe(&store, config)];
    let health = Health::new(SERVICE, probes, log);
    let custody = hytale::connect(config, store.clone(), log).map_err(StartError::Hytale)?;
    let messenger = Messenger::new(config).map_err(StartError::Webhooks)?;
    let state =
        State::new(config, store, cache, custody, messenger, log).map_err(StartError::Settings)?;
    let state = Data::new(state);
    if let Err(error) = state.panel(None).await {
        warn!(log, "no default panel yet"; "error" => ErrorChain(&error));
    }

    let address = listener.local_addr().map_err(StartError::Listen)?;
    let (factory_health, factory_state) = (Arc::clone(&health), state.clone());
    let trusted = TrustedProxies::new(config.http.trusted_proxies.clone());
    let (origins, observe) = (
        config.http.cors_origins.clone(),
        Observe::new(log).behind(trusted),
    );
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(factory_state.clone())
            .configure(http::configure)
            .wrap(limits::WriteHeaders)
            .wrap(ForBrowsers::of(&origins))
            .wrap(observe.clone())
            .wrap(Condition::new(sentry::is_on(), from_fn(sentry::trace)))
            .wrap(sentry::middleware())
            .wrap_api()
            .configure(routes::api)
            .build()
            .configure(|app| routes::public(app, &factory_health))
    })
    .workers(config.http.workers)
    .disable_signals()
    .client_request_timeout(http::READ_TIMEOUT)
    .keep_alive(http::IDLE)
    // A client that hangs up ends its stream at once, not with the next heartbeat.
    .h1_allow_half_closed(false)
    .shutdown_timeout(config.http.shutdown.as_secs())
    .listen(listener)
    .map_err(StartError::Listen)?
    .run();
    info!(log, "serving"; "address" => %address);
    Ok(App {
        address,
        server: server.handle(),
        serving: tokio::spawn(server),
        health,
        state,
        broker,
        relay,
        stop_relay,
        grace: config.http.shutdown,
        log: log.clone(),
    })
}

impl App {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is requested, then ends in order: event streams
    /// first, since they would not end by themselves, then requests in hand, then
    /// what they use.
    ///
    /// # Errors
    /// The server ended by itself.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), StopError> {
        let ended = tokio::select! {
            () = shutdown.requested() => None,
            ended = &mut self.serving => Some(ended.map_err(io::Error::other).flatten()),
        };
        self.health.stopping();
        let (relay, broker) = (self.relay, self.broker);
        let drain = Drain::within(self.grace, &self.log);
        self.state.runs.close();
        let drain = drain.step("requests", self.server.stop(true)).await;
        // What Hytale answers once is stored, even if nobody waits for it any more: within
        // a limit of its own, since requests may have used up the other.
        let custody = &self.state.custody;
        Drain::within(custody.grace(), &self.log)
            .step("custody", custody.close())
            .await
            .finish();
        self.stop_relay.cancel();
        drain
            .step("rate limits", self.state.limits.close())
            .await
            .step("refusals", self.state.refusals.close())
            .await
            .step("relay", async {
                // It ends by returning; a panic has its own line.
                let _ = relay.await;
            })
            .await
            .step("broker", broker.close())
            .await
            .finish();
        match ended {
            Some(Err(error)) => Err(StopError(error)),
            Some(Ok(())) | None => Ok(()),
        }
    }
}

fn store_settings(config: &Config) -> store::Settings {
    store::Settings {
        url: config.database.url.clone(),
        pool_size: config.database.pool_size,
        connect_timeout: config.database.acquire,
        statement_timeout: STATEMENT_TIMEOUT,
        application_name: SERVICE,
    }
}

/// Redis and RabbitMQ are not asked for: the gateway works without them.
fn database_probe(store: &Store) -> Probe {
    let store = store.clone();
    Probe::new("database", move || {
        let store = store.clone();
        async move {
            store
                .ping()
                .await
                .map_err(|error| ErrorChain(&error).to_string())
        }
    })
}

/// A gateway without workers answers all the same: runs wait.
fn workers_probe(store: &Store, config: &Config) -> Probe {
    let (store, within) = (store.clone(), config.sync.lease);
    Probe::new("workers", move || {
        let store = store.clone();
        async move {
            match store.workers_alive(SYNC_WORKER, within).await {
                Ok(0) => Err(format!("no worker was heard of for {} s", within.as_secs())),
                Ok(_) => Ok(()),
                Err(error) => Err(ErrorChain(&error).to_string()),
            }
        }
    })
    .of_others()
}
