//! A migrated database with one panel, and rows to put into its mirror.

use common::types::id::{PanelId, RunId, WorkerId};
use common::types::panel::{Included, Location, PanelUser, Server, ServerVariable};
use common::types::sync::{Kind, Target};
use serde_json::json;
use std::time::Duration;
use store::{
    ClaimSettings, NewPanel, NewRun, PageCommit, PageRows, ServerParts, Settings, Store, TaskLease,
};
use testkit::TestDatabase;
use uuid::Uuid;

/// Long enough for a loaded machine, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const LEASE: Duration = Duration::from_secs(60);

pub const CLAIMS: ClaimSettings = ClaimSettings {
    lease: LEASE,
    concurrency: 4,
    share: 4,
    max_lost_leases: 3,
};

pub struct Stage {
    pub database: TestDatabase,
    pub store: Store,
    pub panel: PanelId,
}

impl Stage {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let store = connect(database.url());
        let panel = store.panel_default("http://panel.test").await.unwrap();
        Self {
            database,
            store,
            panel: panel.panel_id(),
        }
    }

    /// Makes the next probe of a webhook with an open circuit due.
    pub async fn probe_now(&self, webhook: common::types::id::WebhookId) {
        let sql = "UPDATE webhook_health SET probe_at = now() WHERE webhook_id = $1 AND probe_at IS NOT NULL";
        let client = self.database.connect().await;
        assert_eq!(client.execute(sql, &[&webhook.0]).await.unwrap(), 1);
    }

    pub fn new_run(&self, target: Target) -> NewRun {
        NewRun {
            panel: self.panel,
            target,
            skip_users: false,
            requested_by: "test".to_owned(),
            request_id: None,
        }
    }

    /// Another panel.
    pub async fn other_panel(&self) -> PanelId {
        let panel = NewPanel {
            id: PanelId::new(),
            name: "other".to_owned(),
            url: "http://other.test".to_owned(),
            application_key: None,
            client_key: None,
        };
        self.store.panel_save(&panel).await.unwrap();
        panel.id
    }

    /// A run that has been started.
    pub async fn running(&self, target: Target) -> RunId {
        let triggered = self.store.run_trigger(&self.new_run(target)).await.unwrap();
        self.store.run_start_waiting().await.unwrap();
        triggered.run.run_id()
    }

    pub async fn claim(&self) -> Option<TaskLease> {
        self.store
            .task_claim(WorkerId::new(), CLAIMS)
            .await
            .unwrap()
    }

    /// The lease on the first task of a new run.
    pub async fn lease(&self, target: Target) -> TaskLease {
        self.running(target).await;
        self.claim().await.expect("the first task")
    }

    /// A lease whose kind has been listed before, so that changes are told.
    pub async fn told(&self, kind: Kind) -> TaskLease {
        let lease = self.lease(Target::One(kind)).await;
        self.store.kind_listed(&lease, kind, true).await.unwrap();
        self.expire().await;
        self.claim().await.unwrap()
    }

    /// Lets PostgreSQL refuse new rows of a table.
    pub async fn refuse(&self, table: &str) {
        self.execute(&format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
               $$ BEGIN RAISE EXCEPTION 'the test refuses it'; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON {table} EXECUTE FUNCTION refuse()"
        ))
        .await;
    }

    /// Takes [`Self::refuse`] back.
    pub async fn allow(&self, table: &str) {
        self.execute(&format!(
            "DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse()"
        ))
        .await;
    }

    /// Waits until a statement of somebody waits for a lock.
    pub async fn somebody_waits(&self) {
        self.so_many_wait(1).await;
    }

    /// Waits until so many statements wait for locks.
    pub async fn so_many_wait(&self, statements: i64) {
        let waits = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        testkit::wait_for("statements to wait", PATIENCE, async || {
            (self.number(waits).await >= statements).then_some(())
        })
        .await;
    }

    /// Lets every lease run out.
    pub async fn expire(&self) {
        self.execute("UPDATE sync_tasks SET lease_until = now() - interval '1 second' WHERE state = 'leased'")
            .await;
    }

    pub async fn execute(&self, statement: &str) {
        let db = self.database.connect().await;
        db.batch_execute(statement).await.unwrap();
    }

    /// The mirror's own id of a row.
    pub async fn own_id(&self, table: &str, remote_id: i64) -> Uuid {
        let id = format!("SELECT id::text FROM {table} WHERE remote_id = {remote_id}");
        self.text(&id).await.parse().unwrap()
    }

    pub async fn number(&self, query: &str) -> i64 {
        let db = self.database.connect().await;
        db.query_one(query, &[]).await.unwrap().get(0)
    }

    pub async fn text(&self, query: &str) -> String {
        let db = self.database.connect().await;
        db.query_one(query, &[]).await.unwrap().get(0)
    }
}

pub fn connect(url: &str) -> Store {
    Store::connect(&Settings {
        url: url.to_owned().into(),
        pool_size: 4,
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(30),
        application_name: "test",
    })
    .unwrap()
}

/// The only page of a listing.
pub fn page(kind: Kind, rows: PageRows) -> PageCommit {
    PageCommit {
        kind,
        scope: 0,
        position: 0,
        total: rows.len() as u64,
        total_constant: true,
        bad: Vec::new(),
        poison: Vec::new(),
        listing: true,
        checkpoint: json!({ "next": 2 }),
        items_total: rows.len() as u64,
        requests: 1,
        rows,
    }
}

pub fn location(id: i64, short: &str) -> Location {
    Location {
        id,
        short: short.to_owned(),
        long: None,
        created_at: None,
        updated_at: None,
    }
}

pub fn locations(ids: impl IntoIterator<Item = i64>) -> PageCommit {
    let rows = ids.into_iter().map(|id| location(id, "here")).collect();
    page(Kind::Locations, PageRows::Locations(rows))
}

/// A panel user whose uuid is made of a number.
pub fn user(id: i64, uuid: u128, email: &str) -> PanelUser {
    PanelUser {
        id,
        uuid: Uuid::from_u128(uuid),
        external_id: None,
        username: format!("user{id}"),
        email: email.to_owned(),
        first_name: None,
        last_name: None,
        language: "en".to_owned(),
        root_admin: false,
        two_factor: false,
        created_at: None,
        updated_at: None,
    }
}

pub fn users(rows: Vec<PanelUser>) -> PageCommit {
    page(Kind::Users, PageRows::Users(rows))
}

/// A server whose uuid is made of its id, with these allocations and one variable.
pub fn server(id: i64, allocations: &[i64]) -> Server {
    let uuid = Uuid::from_u128(0x5e_0000 + u128::try_from(id).unwrap());
    Server {
        id,
        uuid,
        identifier: uuid.to_string()[..8].to_owned(),
        external_id: None,
        name: format!("server {id}"),
        description: String::new(),
        status: None,
        suspended: false,
        memory: 0,
        swap: 0,
        disk: 0,
        io: 500,
        cpu: 0,
        threads: None,
        oom_disabled: false,
        database_limit: None,
        allocation_limit: None,
        backup_limit: 0,
        user: 1,
        node: 1,
        allocation: allocations.first().copied(),
        nest: 1,
        egg: 1,
        startup_command: String::new(),
        image: String::new(),
        installed: true,
        created_at: None,
        updated_at: None,
        variables: Included::Listed(vec![ServerVariable {
            egg_variable: 1,
            server_value: Some("value".to_owned()),
        }]),
        allocations: Included::Listed(allocations.to_vec()),
        subusers: Included::NotAsked,
        databases: Included::NotAsked,
    }
}

pub fn servers(rows: Vec<Server>) -> PageCommit {
    let parts = ServerParts {
        servers: true,
        databases: false,
    };
    page(Kind::Servers, PageRows::Servers { rows, parts })
}
