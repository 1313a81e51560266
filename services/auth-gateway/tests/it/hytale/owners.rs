//! Whose accounts are whose, and from where they were used.

use common::types::scope::Scope;
use common::types::user::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Stage, code};
use crate::gateway::{KEY, answer};

const OPERATIONS: [(&str, &str); 6] = [
    ("POST", "refresh-token"),
    ("POST", "profiles"),
    ("POST", "select-profile"),
    ("POST", "game-session"),
    ("PATCH", "game-session"),
    ("DELETE", "game-session"),
];

impl Stage {
    async fn ask(&self, key: &str, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let method: Method = method.parse().unwrap();
        let path = format!("/api/hytale/{path}");
        answer(self.gateway.as_client(key, method, &path).json(body)).await
    }

    /// Logs an account of the simulator in, for a client.
    pub async fn login_of(&self, key: &str, account: &str, name: &str) -> (StatusCode, Value) {
        let name = json!({ "account_id": name });
        let (_, begun) = self.ask(key, "POST", "device-code", &name).await;
        let user_code = begun["user_code"].as_str().unwrap();
        assert!(self.hytale.approve(user_code, account));
        let code = json!({ "device_code": begun["device_code"] });
        self.ask(key, "POST", "token-poll", &code).await
    }
}

/// What a caller learns of an account, but for what differs with every request.
fn learned((status, mut body): (StatusCode, Value)) -> (StatusCode, Value) {
    body.as_object_mut().unwrap().remove("request_id");
    (status, body)
}

#[tokio::test]
async fn another_clients_account_is_as_unknown_as_one_that_does_not_exist() {
    let stage = Stage::new().await;
    let owner = stage.gateway.key("owner", [Scope::Hytale]).await;
    let other = stage.gateway.key("other", [Scope::Hytale]).await;
    let (status, login) = stage.login_of(&owner, "one", "host").await;
    assert_eq!(status, StatusCode::OK, "{login}");
    let profile = stage.profile("one", 0);
    let spent = stage.hytale.journal().len();
    for (method, path) in OPERATIONS {
        let ask = async |name: &Value| {
            let body = json!({ "account_id": name, "profile_id": profile });
            learned(stage.ask(&other, method, path, &body).await)
        };
        let missing = ask(&json!(Uuid::new_v4())).await;
        assert_eq!(missing.0, StatusCode::NOT_FOUND, "{method} {path}");
        for name in [&login["account_id"], &json!("host")] {
            assert_eq!(ask(name).await, missing, "{method} {path} {name}");
        }
    }
    assert_eq!(stage.hytale.journal().len(), spent, "Hytale was not asked");
    let mine = json!({ "account_id": "host" });
    let (status, body) = stage.ask(&owner, "POST", "profiles", &mine).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn a_client_outlives_its_keys_and_keeps_its_accounts() {
    let stage = Stage::new().await;
    let old = stage.gateway.key("owner", [Scope::Hytale]).await;
    stage.login_of(&old, "one", "host").await;
    let new = stage.gateway.key("owner", [Scope::Hytale]).await;
    stage.gateway.revoke(&old).await;
    let mine = json!({ "account_id": "host" });
    let (status, body) = stage.ask(&new, "POST", "profiles", &mine).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn every_account_is_open_to_the_scope_for_all_and_to_no_other() {
    let stage = Stage::new().await;
    let login = stage.host().await;
    let account = json!({ "account_id": login["account_id"] });
    let all = stage.gateway.key("internal", [Scope::HytaleAll]).await;
    let (status, body) = stage.ask(&all, "POST", "profiles", &account).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let most = Scope::ALL.into_iter().filter(|it| *it != Scope::HytaleAll);
    let most = stage.gateway.key("most", most).await;
    let (status, _) = stage.ask(&most, "POST", "profiles", &account).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_login_of_one_client_is_polled_by_no_other_and_its_account_not_taken_over() {
    let stage = Stage::new().await;
    let owner = stage.gateway.key("owner", [Scope::Hytale]).await;
    let other = stage.gateway.key("other", [Scope::Hytale]).await;
    let (_, begun) = stage.ask(&owner, "POST", "device-code", &json!({})).await;
    let poll = json!({ "device_code": begun["device_code"] });
    let (status, body) = stage.ask(&other, "POST", "token-poll", &poll).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(code(&body), "INVALID_DEVICE_CODE");

    stage.login_of(&owner, "one", "host").await;
    let (status, body) = stage.login_of(&other, "one", "mine").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(code(&body), "FORBIDDEN");
}

#[tokio::test]
async fn the_trail_names_the_client_and_the_address_that_it_came_from() {
    let trusted = vec![("HTTP_TRUSTED_PROXIES", "127.0.0.0/8".to_owned())];
    let stages = [
        (
            Stage::with(Default::default(), trusted).await,
            "203.0.113.9",
        ),
        (Stage::new().await, "127.0.0.1"),
    ];
    for (stage, address) in stages {
        let (key, row) = stage
            .gateway
            .key_for("owner", [Scope::Hytale].into_iter().collect(), None)
            .await;
        stage.login_of(&key, "one", "host").await;
        let path = "/api/hytale/select-profile";
        let body = json!({ "account_id": "host", "profile_id": stage.profile("one", 0) });
        let request = stage.gateway.as_client(&key, Method::POST, path);
        let request = request.header("X-Forwarded-For", "1.2.3.4, 203.0.113.9");
        let (status, body) = answer(request.json(&body)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let lines = stage
            .query("SELECT principal, ip FROM hytale_audit WHERE event_type = 'PROFILE_SELECTED'")
            .await;
        let principal = format!("client:{}", row.client_id);
        assert_eq!(lines[0].get::<_, String>(0), principal);
        assert_eq!(lines[0].get::<_, String>(1), address);
    }
}

#[tokio::test]
async fn a_users_account_is_the_users_alone_whatever_key_comes_along() {
    let stage = Stage::new().await;
    let gateway = &stage.gateway;
    gateway.user("anna", Role::Member).await;
    gateway.user("ben", Role::Administrator).await;
    let anna = gateway.token("anna").await.text;
    let ben = gateway.token("ben").await.text;
    let client = gateway.key("website", [Scope::Hytale]).await;
    let as_anna = async |path: &str, body: Value| {
        let path = format!("/api/hytale/{path}");
        answer(gateway.as_user(&anna, Method::POST, &path).json(&body)).await
    };
    let (_, begun) = as_anna("device-code", json!({ "account_id": "mine" })).await;
    assert!(
        stage
            .hytale
            .approve(begun["user_code"].as_str().unwrap(), "one")
    );
    let code = json!({ "device_code": begun["device_code"] });
    let (status, login) = as_anna("token-poll", code).await;
    assert_eq!(status, StatusCode::OK, "{login}");
    let id = login["account_id"].as_str().unwrap();
    let path = format!("/api/v1/hytale/accounts/{id}");
    let (_, account) = answer(gateway.as_user(&anna, Method::GET, &path)).await;
    assert_eq!(account["account"]["owners"], json!(["user:anna"]));

    let list = "/api/v1/hytale/accounts";
    for (key, token, sees) in [
        (None, Some(&anna), true),
        (Some(KEY), Some(&anna), true),
        (Some(client.as_str()), Some(&anna), false),
        (Some(client.as_str()), None, false),
        (None, Some(&ben), false),
        (Some(KEY), Some(&ben), false),
    ] {
        let ask = async |path: &str| {
            let mut request = gateway.client.get(format!("{}{path}", gateway.url));
            if let Some(key) = key {
                request = request.header("X-API-Key", key);
            }
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            answer(request).await
        };
        let (status, _) = ask(&path).await;
        let here = format!("{key:?} {}", token == Some(&anna));
        assert_eq!(status == StatusCode::OK, sees, "{here}");
        assert_eq!(status == StatusCode::NOT_FOUND, !sees, "{here}");
        let (_, listed) = ask(list).await;
        let count = listed["accounts"].as_array().unwrap().len();
        assert_eq!(count, usize::from(sees), "{here}");
    }
}
