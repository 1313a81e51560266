//! A panel, the servers, and workers that come and go.

use crate::service::{Service, binary};
use common::types::id::{PanelId, RunId};
use common::types::sync::Target;
use devstack::{Guardian, Process, Stack};
use simulators::panel::{Effect, Fault, Options, Panel, State};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use store::{NewRun, RunRow, Store};
use tempfile::TempDir;
use testkit::{TestDatabase, TestRedis, TestVhost, wait_for};

/// Long enough for any run here on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Rows a page. Planning asks for its samples in pages of another size.
const PAGE_SIZE: &str = "5";

/// Fields are dropped in this order: files and servers last.
pub struct World {
    pub panel: Panel,
    pub store: Store,
    pub panel_id: PanelId,
    variables: Vec<(String, String)>,
    started: AtomicUsize,
    guardian: Arc<Guardian>,
    directory: TempDir,
    shared: Option<Shared>,
}

/// A corner of the servers that all tests share.
struct Shared {
    _database: TestDatabase,
    vhost: TestVhost,
    _redis: TestRedis,
}

impl World {
    /// On the shared servers, which the test leaves alone.
    pub async fn new(state: State) -> Self {
        let (database, vhost, redis) = (
            TestDatabase::new().await,
            TestVhost::new().await,
            TestRedis::new(),
        );
        let variables = variables([
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", redis.url()),
            ("REDIS_PREFIX", redis.prefix()),
            ("AMQP_URL", vhost.url()),
        ]);
        let shared = Shared {
            _database: database,
            vhost,
            _redis: redis,
        };
        Self::with(state, variables, Some(shared)).await
    }

    /// On servers of its own, which the test may hurt.
    pub async fn on(stack: &Stack, state: State) -> Self {
        let variables = variables([
            ("DATABASE_URL", stack.database_url()),
            ("REDIS_URL", stack.redis_url()),
            ("AMQP_URL", stack.amqp_url()),
        ]);
        Self::with(state, variables, None).await
    }

    async fn with(
        state: State,
        mut variables: Vec<(String, String)>,
        shared: Option<Shared>,
    ) -> Self {
        let panel = Panel::start(state, Options::default()).await.unwrap();
        let database_url = value(&variables, "DATABASE_URL").to_owned();
        let store = Store::connect(&store::Settings {
            url: database_url.into(),
            pool_size: 2,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            application_name: "e2e",
        })
        .unwrap();
        variables.extend(self::variables([
            ("PTERODACTYL_URL", panel.url().as_str()),
            ("PTERODACTYL_API_KEY", panel.application_key()),
            ("PTERODACTYL_CLIENT_API_KEY", panel.client_key()),
            // Many small pages, so that there is much to be interrupted.
            ("PANEL_PAGE_SIZE", PAGE_SIZE),
            ("PANEL_ALLOCATION_PAGE_SIZE", "10"),
            ("PANEL_APPLICATION_LIMIT_PER_MINUTE", "100000"),
            ("SYNC_LEASE_SECONDS", "3"),
            ("SYNC_HEARTBEAT_SECONDS", "1"),
            ("SYNC_POLL_SECONDS", "1"),
            ("HTTP_BIND", "127.0.0.1"),
            ("HTTP_PORT", "0"),
            ("BACKEND_PORT", "0"),
            ("LOG_LEVEL", "debug"),
            ("LOG_FORMAT", "json"),
        ]));
        // A test's database on the shared servers has nothing left to migrate.
        store.migrate().await.unwrap();
        let panel_id = store.panel_default(&panel.url()).await.unwrap().panel_id();
        let directory = tempfile::tempdir().unwrap();
        let guardian = Arc::new(Guardian::start(directory.path()).unwrap());
        Self {
            panel,
            store,
            panel_id,
            variables,
            started: AtomicUsize::new(0),
            guardian,
            directory,
            shared,
        }
    }

    /// Sets a variable for the services that are started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// A variable of the services.
    pub fn variable(&self, name: &str) -> &str {
        value(&self.variables, name)
    }

    /// Starts a worker.
    pub async fn worker(&self) -> Service {
        self.service("sync-worker").await
    }

    /// Starts a gateway.
    pub async fn gateway(&self) -> Service {
        self.service("auth-gateway").await
    }

    /// Starts a scheduler.
    pub async fn scheduler(&self) -> Service {
        self.service("scheduler").await
    }

    /// Starts a notifier.
    pub async fn notifier(&self) -> Service {
        self.service("notifier").await
    }

    /// Runs the operators' command to its end; what it wrote to standard output.
    pub fn operate(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary("nodebyte"));
        command.args(arguments).env_clear();
        let done = command.envs(self.variables.iter().cloned()).output();
        let done = done.unwrap();
        let complaints = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {complaints}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Starts the operators' command and does not wait for its end.
    pub fn begin(&self, arguments: &[&str]) -> Process {
        let mut command = Command::new(binary("nodebyte"));
        command.args(arguments).env_clear();
        command.envs(self.variables.iter().cloned());
        let log = self.directory.path().join("nodebyte.log");
        Process::spawn("nodebyte", command, &log, &self.guardian).unwrap()
    }

    /// All variables of the services.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    async fn service(&self, program: &str) -> Service {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        Service::start(
            program,
            &format!("{program}-{number}"),
            &self.variables,
            self.directory.path(),
            &self.guardian,
        )
        .await
    }

    /// The virtual host on the shared RabbitMQ.
    pub fn vhost(&self) -> &TestVhost {
        &self.shared.as_ref().expect("shared servers").vhost
    }

    /// Makes each answer of the panel take this long, so that a run lasts.
    pub fn slow_down(&self, seconds: f64) {
        self.panel
            .faults(|faults| faults.add(Fault::new(Effect::Stall { seconds })));
    }

    /// Holds the third page of users back for so long, as often as it is asked for,
    /// at most `times`. It is a task of its own.
    pub fn hold_users_back(&self, seconds: f64, times: usize) {
        let third_page = |asked: &str| {
            let has = |parameter: &str| asked.split(['?', '&']).any(|part| part == parameter);
            has("page=3") && has(&format!("per_page={PAGE_SIZE}"))
        };
        self.panel.faults(|faults| {
            faults.add(
                Fault::new(Effect::Stall { seconds })
                    .on("/api/application/users")
                    .matching(third_page)
                    .times(times),
            );
        });
    }

    pub async fn trigger(&self) -> RunId {
        let new = NewRun {
            panel: self.panel_id,
            target: Target::Full,
            skip_users: false,
            requested_by: "e2e".to_owned(),
            request_id: None,
        };
        self.store.run_trigger(&new).await.unwrap().run.run_id()
    }

    /// Waits for the run's end, through outages of PostgreSQL.
    pub async fn ended(&self, id: RunId) -> RunRow {
        wait_for("the run's end", PATIENCE, async || {
            let run = match self.store.run(id).await {
                Ok(run) => run.unwrap(),
                Err(error) => return Err(error.to_string()),
            };
            if run.run_status().unwrap().is_final() {
                Ok(run)
            } else {
                Err(format!("{} {} {}", run.status, run.step, run.last_message))
            }
        })
        .await
    }

    /// Waits for the run's end, which has to be a good one.
    pub async fn completed(&self, id: RunId) -> RunRow {
        let run = self.ended(id).await;
        assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
        run
    }

    /// Waits until the panel has been asked this often, or the run has ended.
    pub async fn asked(&self, id: RunId, requests: usize) {
        wait_for("requests to the panel", PATIENCE, async || {
            let made = self.panel.requests().len();
            let run = self.store.run(id).await.unwrap().unwrap();
            (made >= requests || run.run_status().unwrap().is_final())
                .then_some(())
                .ok_or(made)
        })
        .await;
    }
}

fn variables<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn value<'a>(variables: &'a [(String, String)], name: &str) -> &'a str {
    variables
        .iter()
        .find_map(|(known, value)| (known == name).then_some(value))
        .expect("a variable of the services")
}
