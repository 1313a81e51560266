//! The months of the trail of administration.

use crate::health::{LIMIT, start_with};
use runtime::shutdown::Shutdown;
use testkit::{TestDatabase, TestVhost, wait_for};

const LINE: &str = "INSERT INTO admin_audit (id, created_at, event_type, actor) \
    VALUES (gen_random_uuid(), now() - interval";
const WHERE: &str = "SELECT tableoid::regclass::text FROM admin_audit ORDER BY created_at";

struct Stage {
    database: TestDatabase,
    vhost: TestVhost,
    client: tokio_postgres::Client,
}

impl Stage {
    /// Two lines, of which one is old, and no months.
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let stage = Self {
            client: database.connect().await,
            vhost: TestVhost::new().await,
            database,
        };
        for age in ["200 days", "1 second"] {
            let line = format!("{LINE} '{age}', 'TOKEN_REVOKED', 'cli')");
            stage.client.batch_execute(&line).await.unwrap();
        }
        assert_eq!(stage.months().await, ["admin_audit_default"; 2]);
        stage
    }

    /// Where each line lies, the oldest first.
    async fn months(&self) -> Vec<String> {
        let rows = self.client.query(WHERE, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Where they lie once a scheduler has tended them and so many are left.
    async fn tended(&self, more: &[(&'static str, &str)], lines: usize) -> Vec<String> {
        runtime::process::install_crypto_provider();
        let mut variables = vec![
            ("DATABASE_URL", self.database.url().to_owned()),
            ("AMQP_URL", self.vhost.url().to_owned()),
            ("ENCRYPTION_KEY", "5a".repeat(32)),
            ("HYTALE_UPKEEP_SECONDS", "1".to_owned()),
        ];
        variables.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let (app, shutdown) = (start_with(variables), Shutdown::new());
        let running = tokio::spawn(app.run(shutdown.clone()));
        let months = wait_for("the months", LIMIT, async || {
            let months = self.months().await;
            let is_left = months.iter().any(|month| month == "admin_audit_default");
            if months.len() == lines && !is_left {
                return Ok(months);
            }
            Err(months.join(" "))
        })
        .await;
        shutdown.request();
        running.await.unwrap();
        months
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_administration_move_to_their_months_and_cannot_be_changed_there() {
    let stage = Stage::new().await;
    let months = stage.tended(&[], 2).await;
    assert_ne!(months[0], months[1]);
    for month in &months {
        for change in [
            format!("TRUNCATE {month}"),
            format!("DELETE FROM {month}"),
            format!("UPDATE {month} SET actor = 'nobody'"),
        ] {
            let refused = stage.client.batch_execute(&change).await.unwrap_err();
            let reason = refused.as_db_error().unwrap().message().to_owned();
            assert!(reason.ends_with("is append-only"), "{change}: {reason}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_administration_go_when_a_time_is_set_and_over() {
    let stage = Stage::new().await;
    let keep = [("SECURITY_ADMIN_AUDIT_RETENTION_DAYS", "100")];
    stage.tended(&keep, 1).await;
    let young = "SELECT 1 FROM admin_audit WHERE created_at > now() - interval '1 day'";
    assert_eq!(stage.client.query(young, &[]).await.unwrap().len(), 1);
}
