//! Full syncs by the clock.

use crate::health::{LIMIT, start_with};
use common::types::id::RunId;
use runtime::shutdown::Shutdown;
use store::Store;
use testkit::{TestDatabase, TestVhost, wait_for};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use uuid::Uuid;

/// Schedulers that share a database.
struct Stage {
    store: Store,
    client: Client,
    shutdown: Shutdown,
    running: Vec<JoinHandle<()>>,
    _vhost: TestVhost,
    _database: TestDatabase,
}

impl Stage {
    async fn new(replicas: usize) -> Self {
        runtime::process::install_crypto_provider();
        let (database, vhost) = (TestDatabase::new().await, TestVhost::new().await);
        let shutdown = Shutdown::new();
        let running = (0..replicas).map(|_| {
            let app = start_with(vec![
                ("DATABASE_URL", database.url().to_owned()),
                ("AMQP_URL", vhost.url().to_owned()),
                ("PTERODACTYL_URL", "http://127.0.0.1:9".to_owned()),
            ]);
            tokio::spawn(app.run(shutdown.clone()))
        });
        Self {
            running: running.collect(),
            store: Store::connect(&store::Settings {
                url: database.url().to_owned().into(),
                pool_size: 1,
                connect_timeout: LIMIT,
                statement_timeout: LIMIT,
                application_name: "test",
            })
            .unwrap(),
            client: database.connect().await,
            shutdown,
            _vhost: vhost,
            _database: database,
        }
    }

    async fn set(&self, key: &str, value: &str) {
        let saved = self.store.setting_save(key, value, "plain", "test");
        saved.await.unwrap();
    }

    /// The open full sync that the clock has asked for.
    async fn asked(&self) -> Uuid {
        let sql = "SELECT id FROM sync_runs WHERE status = 'PENDING' AND target = 'full' \
                   AND requested_by = 'scheduler'";
        wait_for("a sync", LIMIT, async || {
            let rows = self.client.query(sql, &[]).await.unwrap();
            match rows.as_slice() {
                [one] => Ok(one.get(0)),
                other => Err(format!("{} syncs", other.len())),
            }
        })
        .await
    }

    async fn stop(self) {
        self.shutdown.request();
        for it in self.running {
            it.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_syncs_are_started_by_the_clock_as_the_settings_say_at_the_time() {
    let stage = Stage::new(3).await;
    stage.set("auto_sync_interval", "3600").await;
    stage.set("auto_sync_enabled", "true").await;
    let first = stage.asked().await;
    stage.store.run_cancel(RunId(first)).await.unwrap();

    // Ten minutes later, and not due for fifty more.
    let age = "UPDATE sync_runs SET created_at = now() - interval '10 minutes'";
    stage.client.execute(age, &[]).await.unwrap();
    stage.set("auto_sync_interval", "300").await;
    let second = stage.asked().await;
    assert_ne!(first, second);
    let all = "SELECT count(*) FROM sync_runs";
    let all: i64 = stage.client.query_one(all, &[]).await.unwrap().get(0);
    assert_eq!(all, 2, "one for three schedulers, each time");
    stage.stop().await;
}
