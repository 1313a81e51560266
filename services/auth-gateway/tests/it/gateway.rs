//! A gateway of a test's own, and a client that holds its key.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use cache::{Cache, Progress};
use common::types::id::{PanelId, RunId, WorkerId};
use common::types::sync::{Kind, Target};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use runtime::config::{Config, Sources};
use runtime::shutdown::Shutdown;
use serde_json::{Value, json};
use slog::Logger;
use store::{ClaimSettings, Ending, NewRun, RunRow, SYNC_WORKER, Store, TaskLease};
use testkit::{Proxy, TestDatabase, TestRedis, TestVhost, test_logger};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

pub const KEY: &str = "the-service-key";
/// What the website signs its tokens with.
pub const WEBSITE_SECRET: &str = "what-only-the-website-knows";

pub struct Gateway {
    pub url: String,
    pub client: Client,
    pub store: Store,
    pub database: TestDatabase,
    pub cache: Cache,
    pub redis: Channel,
    pub shutdown: Shutdown,
    pub serving: JoinHandle<()>,
    pub config: Arc<Config>,
    _vhost: TestVhost,
}

/// What differs from an ordinary gateway.
#[derive(Default)]
pub struct Differences {
    pub variables: Vec<(&'static str, String)>,
    /// Where the gateway finds PostgreSQL, if the way there can be cut.
    pub database: Option<SocketAddr>,
}

impl Gateway {
    /// A gateway with the panel `default` at an address where nobody is.
    pub async fn start() -> Self {
        Self::start_with(Differences::default()).await
    }

    /// A gateway that finds no Redis.
    pub async fn start_without_redis() -> Self {
        let url = format!("redis://127.0.0.1:{}", closed_port());
        Self::start_with(Differences {
            variables: vec![("REDIS_URL", url)],
            ..Differences::default()
        })
        .await
    }

    /// A gateway that can be cut off from PostgreSQL.
    pub async fn start_with_fragile_database() -> (Self, Proxy) {
        Self::start_with_fragile(Vec::new()).await
    }

    pub async fn start_with_fragile(variables: Vec<(&'static str, String)>) -> (Self, Proxy) {
        let server = Url::parse(&std::env::var("DATABASE_URL").unwrap()).unwrap();
        let (host, port) = (server.host_str().unwrap(), server.port().unwrap_or(5432));
        let proxy = Proxy::start(format!("{host}:{port}")).await;
        let database = Some(proxy.address());
        let differences = Differences {
            variables,
            database,
        };
        (Self::start_with(differences).await, proxy)
    }

    pub async fn start_with(differences: Differences) -> Self {
        Self::start_logging_to(differences, &test_logger()).await
    }

    /// A gateway whose log the test reads.
    pub async fn logging_to(log: &Logger) -> Self {
        Self::start_logging_to(Differences::default(), log).await
    }

    pub async fn start_logging_to(differences: Differences, log: &Logger) -> Self {
        runtime::process::install_crypto_provider();
        runtime::metrics::install();
        let (database, vhost) = tokio::join!(TestDatabase::new(), TestVhost::new());
        let redis = TestRedis::new();
        let mut variables = vec![
            ("DATABASE_URL", database.url().to_owned()),
            ("REDIS_URL", redis.url().to_owned()),
            ("REDIS_PREFIX", redis.prefix().to_owned()),
            ("AMQP_URL", vhost.url().to_owned()),
            ("BACKEND_API_KEY", KEY.to_owned()),
            ("ENCRYPTION_KEY", "5a".repeat(32)),
            ("JWT_SECRET", WEBSITE_SECRET.to_owned()),
            ("PTERODACTYL_URL", "http://127.0.0.1:9".to_owned()),
            ("PTERODACTYL_API_KEY", "ptla_test".to_owned()),
            ("PTERODACTYL_CLIENT_API_KEY", "ptlc_test".to_owned()),
            ("CORS_ORIGINS", "https://site.example".to_owned()),
            ("HTTP_WORKERS", "1".to_owned()),
            ("SHUTDOWN_SECONDS", "20".to_owned()),
            // The tests share the machine with each other.
            ("LIMITS_DECISION_MILLISECONDS", "10000".to_owned()),
            // All strangers of a test have one address.
            ("LIMITS_ADDRESS", "100000".to_owned()),
            ("LIMITS_FAILED_CREDENTIALS", "100000".to_owned()),
        ];
        if let Some(address) = differences.database {
            let mut url = Url::parse(database.url()).unwrap();
            url.set_ip_host(address.ip()).unwrap();
            url.set_port(Some(address.port())).unwrap();
            variables.push(("DATABASE_URL", url.into()));
        }
        variables.extend(differences.variables);
        let config = Arc::new(Config::load(&Sources::of_variables(variables)).unwrap());
        let Replica {
            url,
            shutdown,
            serving,
        } = Replica::start(&config, log).await;
        let store = Store::connect(&store::Settings {
            url: database.url().to_owned().into(),
            pool_size: 2,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            application_name: "test",
        })
        .unwrap();
        let mut settings = cache::Settings::new(redis.url().to_owned().into());
        redis.prefix().clone_into(&mut settings.prefix);
        settings.operation_timeout = Duration::from_secs(10);
        Self {
            url,
            client: Client::new(),
            store,
            cache: Cache::connect(&settings).unwrap(),
            redis: Channel {
                url: redis.url().to_owned(),
                prefix: redis.prefix().to_owned(),
            },
            database,
            shutdown,
            serving,
            config,
            _vhost: vhost,
        }
    }

    /// Another process of the same installation.
    pub async fn replica(&self) -> Replica {
        Replica::start(&self.config, &test_logger()).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.url))
            .header("X-API-Key", KEY)
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path)).await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path).json(body)).await
    }

    pub async fn panel(&self) -> PanelId {
        self.store
            .panel_by_name("default")
            .await
            .unwrap()
            .panel_id()
    }

    /// A run that waits.
    pub async fn pending(&self, target: Target) -> RunRow {
        let new = NewRun {
            panel: self.panel().await,
            target,
            skip_users: false,
            requested_by: "test".to_owned(),
            request_id: None,
        };
        self.store.run_trigger(&new).await.unwrap().run
    }

    /// A run of one kind that is worked on.
    pub async fn running(&self) -> RunRow {
        self.pending(Target::One(Kind::Locations)).await;
        self.store.run_start_waiting().await.unwrap().remove(0)
    }

    /// A worker that says that it lives.
    pub async fn with_a_worker(&self) -> WorkerId {
        let worker = WorkerId::new();
        let within = Duration::from_secs(15);
        let alive = self.store.worker_alive(worker, SYNC_WORKER, within).await;
        assert_eq!(alive.unwrap(), 1);
        worker
    }

    /// Lets a run get on by one revision, as a worker would.
    pub async fn progress(&self, run: RunId, message: &str) -> RunRow {
        let progress = store::Progress {
            step: "locations".to_owned(),
            message: message.to_owned(),
        };
        let lease = self.claim().await;
        assert_eq!(lease.run_id, run);
        let row = self
            .store
            .run_progress(&lease, &progress, Duration::ZERO)
            .await
            .unwrap()
            .unwrap();
        self.store.task_release(&lease).await.unwrap();
        row
    }

    /// Completes a running run, as a worker would.
    pub async fn finish(&self, held: Option<Value>) -> RunRow {
        self.end(&Ending::Completed { held }).await
    }

    /// Ends a running run, as a worker would.
    pub async fn end(&self, ending: &Ending) -> RunRow {
        let lease = self.claim().await;
        self.store.run_finish(&lease, ending, 7).await.unwrap()
    }

    async fn claim(&self) -> TaskLease {
        let claim = ClaimSettings {
            lease: Duration::from_secs(60),
            concurrency: 4,
            share: 4,
            max_lost_leases: 3,
        };
        self.store
            .task_claim(WorkerId::new(), claim)
            .await
            .unwrap()
            .unwrap()
    }

    /// Says through Redis that a run has changed, as a worker would.
    pub async fn say(&self, run: &RunRow) {
        let progress = Progress {
            run_id: run.run_id(),
            revision: run.revision,
            state: "{}".to_owned(),
        };
        self.cache.publish_progress(&progress).await.unwrap();
    }

    /// Transactions that its database has seen, by everybody.
    pub async fn transactions(&self) -> f64 {
        let seen =
            "SELECT xact_commit::float8 FROM pg_stat_database WHERE datname = current_database()";
        self.database
            .connect()
            .await
            .query_one(seen, &[])
            .await
            .unwrap()
            .get(0)
    }

    /// A figure of `/metrics`, where it is there.
    pub async fn figure(&self, name: &str) -> Option<f64> {
        let url = format!("{}/metrics", self.url);
        let text = self
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let line = text
            .lines()
            .find(|line| line.split(' ').next() == Some(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

/// A gateway that serves.
pub struct Replica {
    pub url: String,
    pub shutdown: Shutdown,
    pub serving: JoinHandle<()>,
}

impl Replica {
    async fn start(config: &Arc<Config>, log: &Logger) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let app = auth_gateway::build(config, listener, log).await.unwrap();
        let url = format!("http://{}", app.address());
        let shutdown = Shutdown::new();
        let serving = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { app.run(shutdown).await.unwrap() }
        });
        Self {
            url,
            shutdown,
            serving,
        }
    }
}

/// The progress channel, seen by Redis itself.
pub struct Channel {
    url: String,
    prefix: String,
}

impl Channel {
    /// How many connections hear it.
    pub async fn listeners(&self) -> usize {
        let url = Url::parse(&self.url).unwrap();
        let address = (url.host_str().unwrap(), url.port().unwrap_or(6379));
        let mut redis = TcpStream::connect(address).await.unwrap();
        let command = format!("PUBSUB NUMSUB {}progress\r\nQUIT\r\n", self.prefix);
        redis.write_all(command.as_bytes()).await.unwrap();
        let mut reply = String::new();
        redis.read_to_string(&mut reply).await.unwrap();
        let count = reply.lines().find_map(|line| line.strip_prefix(':'));
        count.unwrap_or_else(|| panic!("{reply}")).parse().unwrap()
    }
}

/// Sends a request and reads its JSON.
pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(kind.starts_with("application/json"), "{status} is {kind}");
    (status, answer.json().await.unwrap())
}

/// Checks the envelope of an error and hands out its code.
pub fn error_code(status: StatusCode, body: &Value) -> String {
    assert_eq!(body["success"], json!(false), "{body}");
    assert!(body["error"].is_string(), "{body}");
    assert_eq!(body["message"], body["error"], "{body}");
    assert_eq!(body["status"], json!(status.as_u16()), "{body}");
    body["code"].as_str().unwrap().to_owned()
}

/// A port that nobody listens on: it was given back a moment ago.
pub fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
