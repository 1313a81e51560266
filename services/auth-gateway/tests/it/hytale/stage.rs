//! A gateway whose Hytale is simulated.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::hytale::{Effect, Endpoint, Fault, Hytale, Options};
use testkit::Proxy;

use crate::gateway::{Differences, Gateway, answer};

pub struct Stage {
    pub gateway: Gateway,
    pub hytale: Hytale,
}

/// A login that has begun.
pub struct Begun {
    pub device_code: String,
    pub user_code: String,
}

fn variables(hytale: &Hytale, more: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("HYTALE_OAUTH_URL", hytale.oauth_url()),
        ("HYTALE_ACCOUNT_DATA_URL", hytale.account_data_url()),
        ("HYTALE_SESSIONS_URL", hytale.sessions_url()),
        ("HYTALE_REQUEST_TIMEOUT_SECONDS", "5".to_owned()),
    ];
    variables.extend(more);
    variables
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(Options::default(), Vec::new()).await
    }

    pub async fn with(options: Options, more: Vec<(&'static str, String)>) -> Self {
        let hytale = Hytale::start(options).await.unwrap();
        let gateway = Gateway::start_with(Differences {
            variables: variables(&hytale, more),
            ..Differences::default()
        })
        .await;
        Self { gateway, hytale }
    }

    /// One that can be cut off from PostgreSQL.
    pub async fn with_fragile_database(options: Options) -> (Self, Proxy) {
        let hytale = Hytale::start(options).await.unwrap();
        let variables = variables(&hytale, Vec::new());
        let (gateway, proxy) = Gateway::start_with_fragile(variables).await;
        (Self { gateway, hytale }, proxy)
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.gateway.post_json(path, &body).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.gateway.request(method, path).json(&body)).await
    }

    pub async fn begin(&self, name: &str) -> Begun {
        let path = "/api/hytale/device-code";
        let (status, body) = self.post(path, json!({ "account_id": name })).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let text = |field: &str| body[field].as_str().unwrap().to_owned();
        Begun {
            device_code: text("device_code"),
            user_code: text("user_code"),
        }
    }

    pub async fn poll(&self, begun: &Begun) -> (StatusCode, Value) {
        let body = json!({ "device_code": begun.device_code });
        self.post("/api/hytale/token-poll", body).await
    }

    /// Brings an account of the simulator into custody, under a name of ours.
    pub async fn login_as(&self, account: &str, name: &str) -> Value {
        let begun = self.begin(name).await;
        assert!(self.hytale.approve(&begun.user_code, account));
        let (status, body) = self.poll(&begun).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// The account `one`, which has one profile, in custody under the name `host`.
    pub async fn host(&self) -> Value {
        self.login_as("one", "host").await
    }

    pub fn profile(&self, account: &str, place: usize) -> String {
        let account = self.hytale.account(account).unwrap();
        account.profiles[place].uuid.to_string()
    }

    pub fn fail(&self, endpoint: Endpoint, effect: Effect) {
        self.hytale
            .faults(|faults| faults.add(Fault::new(effect).on(endpoint)));
    }

    pub fn heal(&self) {
        self.hytale.faults(|faults| faults.clear());
    }

    /// Requests to one endpoint.
    pub fn asked(&self, endpoint: Endpoint) -> usize {
        let journal = self.hytale.journal();
        journal
            .iter()
            .filter(|entry| entry.endpoint == Some(endpoint))
            .count()
    }

    /// Waits until an endpoint has been asked so often.
    pub async fn wait_until_asked(&self, endpoint: Endpoint, times: usize) {
        let what = format!("request {times} to {endpoint:?}");
        testkit::wait_for(&what, Duration::from_secs(20), async || {
            let asked = self.asked(endpoint);
            (asked >= times).then_some(()).ok_or(asked)
        })
        .await;
    }

    /// Event types of the audit trail, oldest first.
    pub async fn trail(&self) -> Vec<String> {
        let rows = self
            .query("SELECT event_type FROM hytale_audit ORDER BY created_at, id")
            .await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub async fn query(&self, sql: &str) -> Vec<tokio_postgres::Row> {
        let database = self.gateway.database.connect().await;
        database.query(sql, &[]).await.unwrap()
    }

    pub async fn execute(&self, sql: &str) {
        let database = self.gateway.database.connect().await;
        database.batch_execute(sql).await.unwrap();
    }

    /// Lets the account's access token be near its end.
    pub async fn age_access_token(&self) {
        self.execute("UPDATE hytale_accounts SET access_expires_at = now() + interval '4 minutes'")
            .await;
    }

    /// Lets the claim of a poll that is under way run out.
    pub async fn pass_claim(&self) {
        self.execute("UPDATE hytale_device_flows SET polling_until = now() - interval '1 second'")
            .await;
        self.pass_interval().await;
    }

    /// Lets the pause after a poll be over.
    pub async fn pass_interval(&self) {
        self.execute("UPDATE hytale_device_flows SET next_poll_at = now() - interval '1 second'")
            .await;
    }
}

pub fn code(body: &Value) -> &str {
    body["code"].as_str().unwrap_or_default()
}
