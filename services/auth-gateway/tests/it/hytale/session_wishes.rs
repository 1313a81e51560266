//! What a new game session is asked for, and by whom.

use common::types::user::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::hytale::{Account, Endpoint, Options};
use uuid::Uuid;

use super::sessions::{SESSION, ask_with_a_key};
use super::stage::Stage;
use crate::gateway::answer;
use crate::servers::{mirror, mirror_user};

#[tokio::test]
async fn the_same_idempotency_key_means_the_same_session() {
    let stage = Stage::new().await;
    stage.host().await;
    let (_, first) = ask_with_a_key(&stage).await;
    let (status, second) = ask_with_a_key(&stage).await;
    assert_eq!(status, StatusCode::OK, "{second}");
    assert_eq!(first, second);
    assert_eq!(stage.hytale.live_sessions("one"), 1);
}

#[tokio::test]
async fn an_idempotency_key_is_for_one_request_and_no_other() {
    let stage = Stage::new().await;
    stage.login_as("many", "host").await;
    let profile = |place| stage.profile("many", place);
    let ask = async |body: Value| {
        let request = stage.gateway.request(Method::POST, SESSION);
        answer(request.header("Idempotency-Key", "boot-17").json(&body)).await
    };
    let first = json!({ "account_id": "host", "profile_id": profile(0) });
    assert_eq!(ask(first.clone()).await.0, StatusCode::OK);
    let other = json!({ "account_id": "host", "profile_id": profile(1) });
    let (status, body) = ask(other).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert_eq!(ask(first).await.0, StatusCode::OK);
    assert_eq!(stage.asked(Endpoint::SessionNew), 1);
}

#[tokio::test]
async fn a_user_links_sessions_to_servers_of_the_users_own_only() {
    let stage = Stage::new().await;
    let gateway = &stage.gateway;
    gateway.user("anna", Role::Member).await;
    let token = gateway.token("anna").await.text;
    let as_anna = async |path: &str, body: Value| {
        answer(gateway.as_user(&token, Method::POST, path).json(&body)).await
    };
    let (_, begun) = as_anna("/api/hytale/device-code", json!({ "account_id": "mine" })).await;
    assert!(
        stage
            .hytale
            .approve(begun["user_code"].as_str().unwrap(), "one")
    );
    let poll = json!({ "device_code": begun["device_code"] });
    assert_eq!(
        as_anna("/api/hytale/token-poll", poll).await.0,
        StatusCode::OK
    );

    let own = mirror(gateway, Uuid::new_v4()).await;
    let owner = mirror_user(gateway, "anna").await;
    let wish = json!({ "account_id": "mine", "server_id": own });
    let (status, body) = as_anna(SESSION, wish.clone()).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    stage
        .execute(&format!("UPDATE servers SET owner_id = '{owner}'"))
        .await;
    let (status, body) = as_anna(SESSION, wish).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn a_name_that_no_database_can_hold_costs_no_token() {
    let options = Options {
        accounts: vec![Account::new("one", &["Ser\0ver"])],
        ..Options::default()
    };
    let stage = Stage::with(options, Vec::new()).await;
    stage.host().await;
    let path = "/api/hytale/profiles";
    let (status, body) = stage.post(path, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["profiles"][0]["username"], "Server");
}

#[tokio::test]
async fn a_session_is_made_for_a_known_server_only() {
    let stage = Stage::new().await;
    stage.host().await;
    let nowhere =
        json!({ "account_id": "host", "server_id": "0197b1d2-0000-7000-8000-000000000000" });
    let (status, body) = stage.post(SESSION, nowhere).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    assert_eq!(stage.asked(Endpoint::SessionNew), 0);
}
