//! The sync worker: mirrors panels into PostgreSQL.
//!
//! What is to be done stands in PostgreSQL, as runs and tasks. A worker claims
//! tasks by lease (`worker`), a task is one of three kinds of work
//! (`work::Work`): plan a run, list a part of the panel, reconcile the run's
//! end. Every transaction is guarded by the task's fence, so any worker may die
//! or be paused at any instant.
//!
//! ```text
//!  RabbitMQ command ─┐                       ┌ plan: identity, totals → tasks
//!  NOTIFY, 5 s poll ─┴→ worker: claim a task ┼ list: panel page → store::commit_page …
//!                         │ heartbeat, fence └ reconcile: missing? proof, hold, remove, link, end
//!                         └→ Redis: progress, request budget
//! ```

mod ask;
mod housekeeping;
mod identity;
mod list;
mod pace;
mod plan;
mod reconcile;
mod state;
mod task;
mod wake;
mod work;
mod worker;

use runtime::config::Config;
use runtime::health::{Health, Probe};
use runtime::ops::OpsServer;
use runtime::process::BoxError;
use runtime::shutdown::{Drain, Shutdown};
use slog::{Logger, info, warn};
use state::State;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

pub use identity::{Identity, Sample};
pub use reconcile::decide::{Decision, Held, Proven, decide};

/// A worker that is ready to run.
pub struct SyncWorker {
    state: Arc<State>,
    ops: OpsServer,
    log: Logger,
}

/// Connects what can be connected and starts the health endpoints; nothing is
/// worked on before [`SyncWorker::run`].
///
/// # Errors
/// When an address in the configuration is none, or the port cannot be served.
pub fn build(
    config: &Arc<Config>,
    listener: TcpListener,
    log: &Logger,
) -> Result<SyncWorker, BoxError> {
    let state = State::connect(config, log)?;
    let (stall, request) = (config.sync.stall, config.panel.request_timeout);
    if stall < request * 10 {
        warn!(log, "runs may be ended as stuck while a request is repeated: \
            sync.stall_seconds is below ten times panel.request_timeout_seconds";
            "stall_seconds" => stall.as_secs(), "request_timeout_seconds" => request.as_secs());
    }
    let health = Health::new("sync-worker", probes(&state), log);
    let ops = OpsServer::start(listener, health, log)?;
    Ok(SyncWorker {
        state,
        ops,
        log: log.clone(),
    })
}

fn probes(state: &Arc<State>) -> Vec<Probe> {
    let (database, broker, cache) = (Arc::clone(state), Arc::clone(state), Arc::clone(state));
    let keys = Arc::clone(state);
    vec![
        Probe::new("database", move || {
            let state = Arc::clone(&database);
            async move { state.store.ping().await.map_err(|error| error.to_string()) }
        }),
        Probe::new("queue", move || {
            let connected = broker.broker.is_connected();
            async move {
                if connected {
                    Ok(())
                } else {
                    Err("not connected".to_owned())
                }
            }
        }),
        Probe::new("redis", move || {
            let state = Arc::clone(&cache);
            async move { state.cache.ping().await.map_err(|error| error.to_string()) }
        }),
        Probe::new("keys", move || {
            let state = Arc::clone(&keys);
            async move {
                if state.has_the_keys().await {
                    Ok(())
                } else {
                    Err(
                        "ENCRYPTION_KEY is missing or does not open this installation's data keys"
                            .to_owned(),
                    )
                }
            }
        }),
    ]
}

impl SyncWorker {
    /// Where the health endpoints listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.ops.address()
    }

    /// Works until it is asked to stop; open tasks are then given back.
    ///
    /// # Errors
    /// None so far; what fails while working is logged and tried again.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), BoxError> {
        let stop = shutdown.token();
        let relay = relay::Relay::start(
            self.state.store.clone(),
            self.state.broker.clone(),
            self.state.worker_id,
            &self.log,
            stop.child_token(),
        );
        let consumer = self.state.broker.consume(
            common::types::message::SYNC_QUEUE,
            wake::handler(&self.state),
            stop.child_token(),
        );
        let keeping = tokio::spawn(housekeeping::run(
            Arc::clone(&self.state),
            stop.child_token(),
        ));
        let working = tokio::spawn(worker::run(Arc::clone(&self.state), stop.child_token()));
        shutdown.requested().await;
        info!(self.log, "stopping");
        let state = Arc::clone(&self.state);
        Drain::within(self.state.config.http.shutdown, &self.log)
            .step("tasks", async { working.await.unwrap_or_default() })
            .await
            .step("consumer", async { consumer.await.unwrap_or_default() })
            .await
            .step("housekeeping", async { keeping.await.unwrap_or_default() })
            .await
            .step("relay", async { relay.await.unwrap_or_default() })
            .await
            .step("broker", async move { state.broker.clone().close().await })
            .await
            .step("health", self.ops.stop())
            .await
            .finish();
        Ok(())
    }
}
