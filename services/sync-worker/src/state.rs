//! What every part of the worker uses; built once.

use broker::Broker;
use cache::Cache;
use common::types::id::WorkerId;
use panels::RetryPolicy;
use reach::settings::Settings;
use reach::{Manner, Panels};
use runtime::config::Config;
use runtime::process::BoxError;
use secrecy::ExposeSecret;
use slog::Logger;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use store::{ClaimSettings, Store};
use tokio::sync::{Notify, Semaphore};

/// Pages that are committed at once. Pages that were asked for together come together;
/// what each needs in memory on its way to PostgreSQL is some times the page itself.
const COMMITS: usize = 2;

/// The worker's neighbours and itself.
pub struct State {
    /// The checked configuration.
    pub config: Arc<Config>,
    /// PostgreSQL.
    pub store: Store,
    /// RabbitMQ.
    pub broker: Broker,
    /// Redis.
    pub cache: Cache,
    /// Settings that stand in the database.
    pub settings: Arc<Settings>,
    /// Clients of the mirrored panels.
    pub panels: Panels,
    /// This process.
    pub worker_id: WorkerId,
    /// Workers known to be alive, this one among them.
    pub live_workers: AtomicU32,
    /// Woken when tasks may have become claimable.
    pub work: Notify,
    /// One permit for each page that is being committed.
    pub commits: Semaphore,
    /// Root logger.
    pub log: Logger,
}

impl State {
    /// Makes the pools; nothing has to be reachable yet.
    pub fn connect(config: &Arc<Config>, log: &Logger) -> Result<Arc<Self>, BoxError> {
        let store = Store::connect(&store::Settings {
            url: config.database.url.clone(),
            pool_size: config.database.pool_size,
            connect_timeout: config.database.acquire,
            statement_timeout: config.database.statement,
            application_name: "sync-worker",
        })?;
        let cache = Cache::connect(&cache::Settings {
            prefix: config.redis.prefix.clone(),
            ..cache::Settings::new(config.redis.url.expose_secret().into())
        })?;
        let broker = Broker::start(
            broker::Settings {
                prefix: config.amqp.prefix.clone(),
                ..broker::Settings::new(config.amqp.url.clone(), "sync-worker")
            },
            relay::queues::all(),
            log,
        );
        let settings = Arc::new(Settings::new(store.clone(), Arc::clone(config))?);
        let manner = Manner {
            request_timeout: config.panel.request_timeout,
            // The task goes on asking, and says what it waits for.
            retry: RetryPolicy {
                attempts: 3,
                ..RetryPolicy::default()
            },
            sharers: 1,
        };
        let panels = Panels::new(config, manner, Arc::clone(&settings), &store, &cache, log);
        Ok(Arc::new(Self {
            config: Arc::clone(config),
            store,
            broker,
            cache,
            settings,
            panels,
            worker_id: WorkerId::new(),
            live_workers: AtomicU32::new(1),
            work: Notify::new(),
            commits: Semaphore::new(COMMITS),
            log: log.clone(),
        }))
    }

    /// Whether this process can open what its tasks need. One that was given another
    /// `ENCRYPTION_KEY` than the others, or none, leaves the work to them: a task that it
    /// claimed would fail its run. Whatever else is wrong with a setting is the run's to say.
    pub async fn has_the_keys(&self) -> bool {
        let answer = self.settings.has_the_key().await;
        !answer.is_err_and(|error| error.lacks_the_key())
    }

    /// The rules of claiming.
    pub fn claim_settings(&self) -> ClaimSettings {
        ClaimSettings {
            lease: self.config.sync.lease,
            concurrency: self.config.panel.concurrency,
            share: share_of_a_panel(
                self.config.panel.concurrency,
                self.live_workers.load(Ordering::Relaxed),
            ),
            max_lost_leases: self.config.sync.max_lost_leases,
        }
    }
}

/// Tasks of one panel that a worker may hold at once: its part of the panel's
/// concurrency, so that those who wake first do not take all. Each panel has its
/// own: one that makes its tasks wait keeps no other panel from being worked on.
fn share_of_a_panel(concurrency: u32, live_workers: u32) -> u32 {
    concurrency.div_ceil(live_workers.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::share_of_a_panel;

    #[test]
    fn workers_share_a_panels_concurrency_and_none_goes_without() {
        let shares = [0, 1, 2, 3, 4, 9].map(|live| share_of_a_panel(4, live));
        assert_eq!(shares, [4, 4, 2, 2, 1, 1]);
    }
}
