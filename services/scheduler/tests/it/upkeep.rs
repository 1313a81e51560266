//! The upkeep of Hytale accounts, by a scheduler that runs.

use crate::health::{LIMIT, start_with};
use common::types::caller::{Origin, Principal};
use hytale::custody::{Custody, LoginAnswer};
use runtime::config::{Config, Sources};
use runtime::shutdown::Shutdown;
use simulators::hytale::{Endpoint, Hytale, Options};
use testkit::{TestDatabase, TestVhost, test_logger, wait_for};

struct Stage {
    hytale: Hytale,
    database: TestDatabase,
    vhost: TestVhost,
    client: tokio_postgres::Client,
}

impl Stage {
    /// One account in custody, whose refresh token ends tomorrow.
    async fn new() -> Self {
        runtime::process::install_crypto_provider();
        let database = TestDatabase::new().await;
        let stage = Self {
            hytale: Hytale::start(Options::default()).await.unwrap(),
            client: database.connect().await,
            vhost: TestVhost::new().await,
            database,
        };
        stage.login().await;
        stage
            .execute("UPDATE hytale_accounts SET refresh_expires_at = now() + interval '1 day'")
            .await;
        stage
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABASE_URL", self.database.url().to_owned()),
            ("AMQP_URL", self.vhost.url().to_owned()),
            ("ENCRYPTION_KEY", "5a".repeat(32)),
            ("HYTALE_OAUTH_URL", self.hytale.oauth_url()),
            ("HYTALE_ACCOUNT_DATA_URL", self.hytale.account_data_url()),
            ("HYTALE_SESSIONS_URL", self.hytale.sessions_url()),
            ("HYTALE_UPKEEP_SECONDS", "1".to_owned()),
        ]
    }

    async fn login(&self) {
        let config = Config::load(&Sources::of_variables(self.variables())).unwrap();
        let store = store::Store::connect(&store::Settings {
            url: config.database.url.clone(),
            pool_size: 2,
            connect_timeout: LIMIT,
            statement_timeout: LIMIT,
            application_name: "test",
        })
        .unwrap();
        let custody: Custody = hytale::connect(&config, store, &test_logger()).unwrap();
        let owner = Some(Principal::Service);
        let begun = custody.begin_login(owner.clone(), None).await.unwrap();
        assert!(self.hytale.approve(&begun.user_code, "one"));
        let polled = custody
            .poll_login(owner.as_ref(), &begun.device_code, &Origin::default())
            .await;
        assert!(
            matches!(polled, Ok(LoginAnswer::Tokens { .. })),
            "{polled:?}"
        );
    }

    async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    async fn text(&self, sql: &str) -> String {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Waits until the account's tokens have been renewed so often.
    async fn renewed(&self, times: i64) {
        wait_for("the refresh token to be spent", LIMIT, async || {
            let lines =
                "SELECT count(*)::text FROM hytale_audit WHERE event_type = 'TOKEN_REFRESHED'";
            let seen = self.text(lines).await;
            (seen == times.to_string()).then_some(()).ok_or(seen)
        })
        .await;
    }

    fn spends(&self) -> usize {
        let journal = self.hytale.journal();
        let spends = journal
            .iter()
            .filter(|entry| entry.endpoint == Some(Endpoint::RefreshToken));
        spends.count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upkeep_is_done_at_once_and_again_with_every_tick_and_shown_in_figures() {
    let stage = Stage::new().await;
    let app = start_with(stage.variables());
    let (metrics, shutdown) = (format!("http://{}/metrics", app.address()), Shutdown::new());
    let running = tokio::spawn(app.run(shutdown.clone()));
    stage.renewed(1).await;
    stage
        .execute("UPDATE hytale_accounts SET refresh_expires_at = now() + interval '1 day'")
        .await;
    stage.renewed(2).await;
    wait_for("the figures", LIMIT, async || {
        let figures = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
        let all = [
            "nodebyte_hytale_accounts{environment=\"production\",state=\"live\"} 1",
            "nodebyte_hytale_accounts{environment=\"production\",state=\"lost\"} 0",
            "nodebyte_hytale_refreshes_due{environment=\"production\"} 0",
            "nodebyte_hytale_sessions_active{environment=\"production\"} 0",
        ];
        all.iter()
            .all(|line| figures.contains(line))
            .then_some(())
            .ok_or(figures)
    })
    .await;
    shutdown.request();
    running.await.unwrap();
    assert_eq!(stage.spends(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_is_asked_to_stop_waits_for_the_token_that_it_has_sent() {
    let stage = Stage::new().await;
    stage
        .hytale
        .behaviour(|behaviour| behaviour.refresh_milliseconds = 4000);
    let (app, shutdown) = (start_with(stage.variables()), Shutdown::new());
    let running = tokio::spawn(app.run(shutdown.clone()));
    wait_for("the request", LIMIT, async || {
        let spend = stage.text("SELECT spend FROM hytale_accounts").await;
        (spend == "sending").then_some(()).ok_or(spend)
    })
    .await;
    shutdown.request();
    running.await.unwrap();
    let state = "SELECT concat_ws(' ', state, spend, losses) FROM hytale_accounts";
    assert_eq!(stage.text(state).await, "live idle 0");
    stage.renewed(1).await;
    assert_eq!((stage.spends(), stage.hytale.families_lost()), (1, 0));
}
