//! Custody over a database, of an account of the simulator.

use common::types::caller::{Origin, Principal};
use common::types::hytale::{HytaleAccount, HytaleEnvironment};
use hytale::custody::{
    BegunLogin, Caller, Custody, CustodyError, GameSession, LoginAnswer, SessionRequest,
    UpkeepReport, UpkeepSettings,
};
use runtime::config::{Config, Sources};
use simulators::hytale::{Account, Endpoint, Hytale, Options};
use store::Store;
use testkit::{TestDatabase, test_logger};
use uuid::Uuid;

pub const SETTINGS: UpkeepSettings = UpkeepSettings {
    concurrency: 8,
    session_limit: 10,
    session_warning_share: 0.3,
    audit_retention_days: 400,
    server_logs_retention_days: 30,
};

pub struct Stage {
    pub hytale: Hytale,
    pub custody: Custody,
    pub store: Store,
    database: TestDatabase,
    client: tokio_postgres::Client,
}

impl Stage {
    pub async fn new() -> Self {
        runtime::process::install_crypto_provider();
        let hytale = Hytale::start(Options::default()).await.unwrap();
        let database = TestDatabase::new().await;
        let store = Store::connect(&store::Settings {
            url: database.url().into(),
            pool_size: 16,
            connect_timeout: std::time::Duration::from_secs(10),
            statement_timeout: std::time::Duration::from_secs(30),
            application_name: "test",
        })
        .unwrap();
        Self {
            custody: custody(&hytale, &store),
            client: database.connect().await,
            hytale,
            store,
            database,
        }
    }

    /// Another process.
    pub fn replica(&self) -> Custody {
        custody(&self.hytale, &self.store)
    }

    pub async fn upkeep(&self) -> UpkeepReport {
        let report = self.custody.upkeep(&SETTINGS).await;
        assert_eq!(report.failed + report.sessions.failed, 0, "{report:?}");
        report
    }

    /// A login that has begun.
    pub async fn begin(&self) -> BegunLogin {
        let owner = Some(Principal::Service);
        self.custody.begin_login(owner, None).await.unwrap()
    }

    pub async fn poll(&self, begun: &BegunLogin) -> Result<LoginAnswer, CustodyError> {
        let owner = Some(&Principal::Service);
        self.custody
            .poll_login(owner, &begun.device_code, &Origin::default())
            .await
    }

    /// Brings an account of the simulator into custody.
    pub async fn login(&self, account: &str) -> HytaleAccount {
        let begun = self.begin().await;
        assert!(self.hytale.approve(&begun.user_code, account));
        let answer = self.poll(&begun).await.unwrap();
        let LoginAnswer::Tokens { account: id, .. } = answer else {
            panic!("{answer:?}");
        };
        HytaleAccount {
            environment: HytaleEnvironment::Production,
            id,
        }
    }

    /// So many accounts, all of which are due.
    pub async fn due_accounts(&self, count: usize) {
        for place in 0..count {
            let name = format!("host{place}");
            self.hytale
                .accounts(|all| all.push(Account::new(&name, &["ServerOperator"])));
            self.login(&name).await;
        }
        self.execute("UPDATE hytale_accounts SET refresh_expires_at = now() + interval '1 day'")
            .await;
    }

    pub async fn only_account(&self) -> HytaleAccount {
        let id = self
            .text("SELECT account_id::text FROM hytale_accounts")
            .await;
        HytaleAccount {
            environment: HytaleEnvironment::Production,
            id: id.parse().unwrap(),
        }
    }

    pub async fn session(&self, account: HytaleAccount, server: Option<Uuid>) -> GameSession {
        let caller = Caller {
            principal: Principal::Service,
            and: None,
            all_accounts: true,
            origin: Origin::default(),
        };
        let request = SessionRequest {
            server,
            ..SessionRequest::default()
        };
        self.custody
            .create_session(&caller, account, request)
            .await
            .unwrap()
    }

    pub async fn server(&self) -> Uuid {
        let panel = self.store.panel_default("http://panel.test").await.unwrap();
        let id = Uuid::now_v7();
        self.client
            .execute(
                "INSERT INTO servers (id, panel_id, uuid, identifier, name, description, suspended, \
                   memory, swap, disk, io, cpu, oom_disabled, backup_limit, owner_remote_id, node_remote_id, \
                   nest_remote_id, egg_remote_id, startup_command, image, installed) \
                 VALUES ($1, $2, $1, 'id', 'name', '', false, 1, 0, 1, 500, 100, false, 0, 1, 1, 1, 1, '', '', true)",
                &[&id, &panel.panel_id().0],
            )
            .await
            .unwrap();
        id
    }

    /// Another connection, with this done and not committed.
    pub async fn transaction(&self, sql: &str) -> tokio_postgres::Client {
        let busy = self.database.connect().await;
        busy.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
        busy
    }

    /// Waits until a statement of somebody waits for a lock.
    pub async fn somebody_waits(&self) {
        let waits = "SELECT count(*)::text FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let patience = std::time::Duration::from_secs(20);
        testkit::wait_for("a statement to wait", patience, async || {
            (self.text(waits).await != "0").then_some(())
        })
        .await;
    }

    pub async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// What `execute` says against it.
    pub async fn refused(&self, sql: &str) -> String {
        let error = self.client.batch_execute(sql).await.unwrap_err();
        error.as_db_error().unwrap().message().to_owned()
    }

    /// The first column of every row, which is a text.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The only column of the only row, which is a text.
    pub async fn text(&self, sql: &str) -> String {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    pub async fn trail(&self) -> Vec<String> {
        self.texts("SELECT event_type FROM hytale_audit ORDER BY created_at, id")
            .await
    }

    pub fn asked(&self, endpoint: Endpoint) -> usize {
        let journal = self.hytale.journal();
        let asked = journal.iter().filter(|it| it.endpoint == Some(endpoint));
        asked.count()
    }
}

fn custody(hytale: &Hytale, store: &Store) -> Custody {
    let variables = [
        (
            "DATABASE_URL",
            "postgres://unused@127.0.0.1:1/unused".to_owned(),
        ),
        ("ENCRYPTION_KEY", "5a".repeat(32)),
        ("HYTALE_OAUTH_URL", hytale.oauth_url()),
        ("HYTALE_ACCOUNT_DATA_URL", hytale.account_data_url()),
        ("HYTALE_SESSIONS_URL", hytale.sessions_url()),
        ("HYTALE_REQUEST_TIMEOUT_SECONDS", "5".to_owned()),
    ];
    let config = Config::load(&Sources::of_variables(variables)).unwrap();
    hytale::connect(&config, store.clone(), &test_logger()).unwrap()
}
