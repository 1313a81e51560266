//! The side that is measured: a mirror, and a task that may write to it.

use common::types::id::{PanelId, WorkerId};
use common::types::sync::{Kind, Target};
use serde_json::json;
use std::time::Duration;
use store::{ClaimSettings, Ending, NewRun, NewTask, PageCommit, Store, TaskLease};
use testkit::TestDatabase;

const HOUR: Duration = Duration::from_secs(3600);

pub struct Mirror {
    pub database: TestDatabase,
    store: Store,
    panel: PanelId,
    lease: TaskLease,
}

impl Mirror {
    /// An empty mirror, and a run that lists everything.
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let store = Store::connect(&store::Settings {
            url: database.url().to_owned().into(),
            pool_size: 1,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(60),
            application_name: "merge",
        })
        .unwrap();
        let panel = store
            .panel_default("http://panel.test")
            .await
            .unwrap()
            .panel_id();
        let lease = begin(&store, panel).await;
        Self {
            database,
            store,
            panel,
            lease,
        }
    }

    /// Ends the run as one that has listed everything, so that from the next one on every change is
    /// an event.
    pub async fn begin_next_run(&mut self) {
        for kind in Kind::ALL {
            self.store
                .kind_listed(&self.lease, kind, true)
                .await
                .unwrap();
        }
        let ending = Ending::Completed { held: None };
        self.store
            .run_finish(&self.lease, &ending, 0)
            .await
            .unwrap();
        self.lease = begin(&self.store, self.panel).await;
        assert!(self.lease.announces(Kind::Servers));
    }

    pub async fn commit(&mut self, page: &PageCommit) {
        let report = self.store.commit_page(&self.lease, page).await.unwrap();
        assert_eq!(report.synced, page.rows.len() as u64);
    }

    pub async fn commit_all(&mut self, pages: &[PageCommit]) {
        for page in pages {
            self.commit(page).await;
        }
    }
}

/// A run with a single task to list with.
async fn begin(store: &Store, panel: PanelId) -> TaskLease {
    let new = NewRun {
        panel,
        target: Target::Full,
        skip_users: false,
        requested_by: "bench".to_owned(),
        request_id: None,
    };
    store.run_trigger(&new).await.unwrap();
    store.run_start_waiting().await.unwrap();
    let plan = claim(store).await;
    let list = NewTask {
        kind: Kind::Servers.as_str().to_owned(),
        stage: 1,
        ordinal: 0,
        work: json!({}),
        items_total: 0,
    };
    store.task_plan(&plan, &[list], 0).await.unwrap();
    claim(store).await
}

async fn claim(store: &Store) -> TaskLease {
    let settings = ClaimSettings {
        lease: HOUR,
        concurrency: 1,
        share: 1,
        max_lost_leases: 1,
    };
    store
        .task_claim(WorkerId::new(), settings)
        .await
        .unwrap()
        .expect("a task waits")
}
