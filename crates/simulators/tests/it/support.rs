//! A panel and somebody who asks it.

use std::{
    sync::Once,
    time::{Duration, Instant},
};

use reqwest::{Client, Response, redirect::Policy};
use serde_json::Value;
use simulators::panel::{Options, Panel, State};

static PROVIDER: Once = Once::new();

thread_local! {
    // A test has a thread and a runtime of its own, and a client's connections belong to one runtime.
    static CLIENT: Client = {
        PROVIDER.call_once(|| {
            let provider = rustls::crypto::ring::default_provider();
            provider.install_default().expect("no provider was installed before");
        });
        Client::builder().redirect(Policy::none()).build().unwrap()
    };
}

pub fn client() -> Client {
    CLIENT.with(Client::clone)
}

pub async fn small() -> Panel {
    Panel::start(State::small(), Options::default())
        .await
        .unwrap()
}

/// Asks for a path below the panel's address as a well-behaved client does.
pub async fn get_with(panel: &Panel, path: &str, key: &str) -> Response {
    let request = client()
        .get(format!("{}{path}", panel.url()))
        .header("Accept", "application/json");
    request.bearer_auth(key).send().await.unwrap()
}

/// Asks the Application API.
pub async fn get(panel: &Panel, path: &str) -> Response {
    get_with(
        panel,
        &format!("/api/application/{path}"),
        panel.application_key(),
    )
    .await
}

pub async fn json(panel: &Panel, path: &str) -> Value {
    let response = get(panel, path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

pub fn ids(list: &Value) -> Vec<u64> {
    let rows = list["data"].as_array().unwrap();
    rows.iter()
        .map(|row| row["attributes"]["id"].as_u64().unwrap())
        .collect()
}

pub fn total(list: &Value) -> u64 {
    list["meta"]["pagination"]["total"].as_u64().unwrap()
}

/// The status and the panel's error code.
pub async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let error = &body["errors"][0];
    assert_eq!(error["status"], status.to_string());
    (status, error["code"].as_str().unwrap().to_owned())
}

/// So long a client waits that gives up: enough for its request to arrive.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Waits, for ten seconds at most, until something holds.
pub async fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(
            Instant::now() < deadline,
            "what was waited for did not come"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
