//! A panel, a mirror of it, and workers in this process.

use common::types::id::{PanelId, RunId};
use common::types::sync::Target;
use runtime::config::{Config, Sources};
use runtime::shutdown::Shutdown;
use simulators::panel::{Options, Panel, State};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use store::{ConfirmOutcome, NewRun, RunRow, Store};
use testkit::{TestDatabase, TestRedis, TestVhost, mirror, test_logger, wait_for};
use tokio::task::JoinHandle;

/// Long enough for any run here on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Stage {
    pub panel: Panel,
    pub database: TestDatabase,
    /// Kept for as long as the stage uses them.
    _servers: (TestVhost, TestRedis),
    pub store: Store,
    pub panel_id: PanelId,
    variables: Vec<(String, String)>,
    workers: Vec<(Shutdown, JoinHandle<()>)>,
}

impl Stage {
    /// A panel in `state` and one worker.
    pub async fn new(state: State) -> Self {
        let mut stage = Self::without_worker(state, &[]).await;
        stage.start_worker();
        stage
    }

    /// The same with settings that differ from the defaults.
    pub async fn with(state: State, settings: &[(&str, &str)]) -> Self {
        let mut stage = Self::without_worker(state, settings).await;
        stage.start_worker();
        stage
    }

    pub async fn without_worker(state: State, settings: &[(&str, &str)]) -> Self {
        runtime::process::install_crypto_provider();
        let panel = Panel::start(state, Options::default()).await.unwrap();
        let database = TestDatabase::new().await;
        let vhost = TestVhost::new().await;
        let redis = TestRedis::new();
        let store = Store::connect(&store::Settings {
            url: database.url().to_owned().into(),
            pool_size: 4,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            application_name: "test",
        })
        .unwrap();
        let panel_id = store.panel_default(&panel.url()).await.unwrap().panel_id();
        let variables: Vec<(String, String)> = [
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", redis.url()),
            ("REDIS_PREFIX", redis.prefix()),
            ("AMQP_URL", vhost.url()),
            ("PTERODACTYL_URL", &panel.url()),
            ("PTERODACTYL_API_KEY", panel.application_key()),
            ("PTERODACTYL_CLIENT_API_KEY", panel.client_key()),
            ("SYNC_POLL_SECONDS", "1"),
            ("SYNC_LEASE_SECONDS", "3"),
            ("SYNC_HEARTBEAT_SECONDS", "1"),
            ("SYNC_PROGRESS_PER_SECOND", "50"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let mut stage = Self {
            panel,
            database,
            _servers: (vhost, redis),
            store,
            panel_id,
            variables,
            workers: Vec::new(),
        };
        for (key, value) in settings {
            stage.set(key, value);
        }
        stage
    }

    pub fn config(&self) -> Arc<Config> {
        Arc::new(Config::load(&Sources::of_variables(self.variables.clone())).unwrap())
    }

    /// Changes a setting for the workers that are started from now on.
    pub fn set(&mut self, key: &str, value: &str) {
        self.variables.retain(|(known, _)| known != key);
        self.variables.push((key.to_owned(), value.to_owned()));
    }

    /// Starts a worker; the answer is where its health endpoints are.
    pub fn start_worker(&mut self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let worker = sync_worker::build(&self.config(), listener, &test_logger()).unwrap();
        let address = worker.address();
        let shutdown = Shutdown::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move { worker.run(stop).await.unwrap() });
        self.workers.push((shutdown, task));
        address
    }

    pub async fn stop_workers(&mut self) {
        for (shutdown, task) in self.workers.drain(..) {
            shutdown.request();
            task.await.unwrap();
        }
    }

    pub async fn trigger(&self, target: Target) -> RunId {
        let new = NewRun {
            panel: self.panel_id,
            target,
            skip_users: false,
            requested_by: "test".to_owned(),
            request_id: None,
        };
        self.store.run_trigger(&new).await.unwrap().run.run_id()
    }

    /// Waits for the run's end.
    pub async fn ended(&self, id: RunId) -> RunRow {
        wait_for("the run's end", PATIENCE, async || {
            let run = self.store.run(id).await.unwrap().unwrap();
            if run.run_status().unwrap().is_final() {
                Ok(run)
            } else {
                Err(format!("{} {} {}", run.status, run.step, run.last_message))
            }
        })
        .await
    }

    /// A run that has to end well.
    pub async fn sync(&self, target: Target) -> RunRow {
        let run = self.ended(self.trigger(target).await).await;
        assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
        run
    }

    pub async fn full(&self) -> RunRow {
        self.sync(Target::Full).await
    }

    pub async fn confirm(&self, held: RunId) -> RunRow {
        match self.store.run_confirm(held, "test", None).await.unwrap() {
            ConfirmOutcome::Started(run) => self.ended(run.run_id()).await,
            other => panic!("not confirmed: {other:?}"),
        }
    }

    /// What differs between mirror and panel.
    pub async fn differences(&self) -> Vec<String> {
        let state = self.panel.state(|state| state.clone());
        mirror::differences(&self.database.connect().await, &state).await
    }

    pub async fn assert_mirrored(&self) {
        let differences = self.differences().await;
        assert!(
            differences.is_empty(),
            "{} differences, for example {:#?}",
            differences.len(),
            &differences[..differences.len().min(10)]
        );
    }

    /// Types of the events said so far, with how often each was.
    pub async fn events(&self) -> std::collections::BTreeMap<String, i64> {
        self.database
            .connect()
            .await
            .query(
                "SELECT key, count(*) FROM outbox WHERE route = 'event' GROUP BY key",
                &[],
            )
            .await
            .unwrap()
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect()
    }

    /// One number from the database.
    pub async fn number(&self, query: &str) -> i64 {
        self.database
            .connect()
            .await
            .query_one(query, &[])
            .await
            .unwrap()
            .get(0)
    }
}
