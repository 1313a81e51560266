//! Accounts that get another owner.

use common::types::scope::Scope;
use common::types::user::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Stage, code};
use crate::gateway::answer;

/// A client with a key.
struct Client {
    key: String,
    principal: String,
}

struct Shared {
    stage: Stage,
    owner: Client,
    other: Client,
    account: String,
}

impl Shared {
    /// An account of one client, and another client that does not know it.
    async fn new() -> Self {
        let stage = Stage::new().await;
        let client = async |name| {
            let scopes = [Scope::Hytale].into_iter().collect();
            let (key, row) = stage.gateway.key_for(name, scopes, None).await;
            let principal = format!("client:{}", row.client_id);
            Client { key, principal }
        };
        let (owner, other) = (client("owner").await, client("other").await);
        let (status, login) = stage.login_of(&owner.key, "one", "host").await;
        assert_eq!(status, StatusCode::OK, "{login}");
        let account = login["account_id"].as_str().unwrap().to_owned();
        Self {
            stage,
            owner,
            other,
            account,
        }
    }

    fn place(&self, owner: &str) -> String {
        format!("/api/v1/hytale/accounts/{}/owners/{owner}", self.account)
    }

    async fn ask(&self, by: &Client, method: Method, owner: &str) -> (StatusCode, Value) {
        let path = self.place(owner);
        answer(self.stage.gateway.as_client(&by.key, method, &path)).await
    }

    async fn sees(&self, client: &Client) -> StatusCode {
        let path = format!("/api/v1/hytale/accounts/{}", self.account);
        let request = self
            .stage
            .gateway
            .as_client(&client.key, Method::GET, &path);
        answer(request).await.0
    }

    /// What the trail of administration tells, and who did it.
    async fn lines(&self) -> Vec<(String, String, String)> {
        let sql = "SELECT event_type, actor, subject FROM admin_audit \
            WHERE event_type LIKE 'ACCOUNT_OWNER_%' ORDER BY id";
        let rows = self.stage.query(sql).await;
        let line = |row: &tokio_postgres::Row| (row.get(0), row.get(1), row.get(2));
        rows.iter().map(line).collect()
    }
}

#[tokio::test]
async fn an_owner_shares_an_account_and_takes_it_back() {
    let it = Shared::new().await;
    let (owner, other) = (&it.owner, &it.other);
    assert_eq!(it.sees(other).await, StatusCode::NOT_FOUND);
    for _ in 0..2 {
        let (status, body) = it.ask(owner, Method::PUT, &other.principal).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    assert_eq!(it.sees(other).await, StatusCode::OK);
    let (status, body) = it.stage.login_of(&other.key, "one", "mine").await;
    assert_eq!(status, StatusCode::OK, "an owner may log it in: {body}");
    for _ in 0..2 {
        let (status, body) = it.ask(owner, Method::DELETE, &other.principal).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    assert_eq!(it.sees(other).await, StatusCode::NOT_FOUND);
    assert_eq!(it.sees(owner).await, StatusCode::OK);
    let line = |event: &str| {
        let (actor, subject) = (owner.principal.clone(), other.principal.clone());
        (event.to_owned(), actor, subject)
    };
    let told = [line("ACCOUNT_OWNER_ADDED"), line("ACCOUNT_OWNER_REMOVED")];
    assert_eq!(it.lines().await, told, "once each");
}

#[tokio::test]
async fn to_whom_an_account_is_unknown_it_cannot_be_shared() {
    let it = Shared::new().await;
    let (other, mine) = (&it.other, it.other.principal.as_str());
    for method in [Method::PUT, Method::DELETE] {
        let (status, body) = it.ask(other, method, mine).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    }
    assert!(it.lines().await.is_empty());
}

#[tokio::test]
async fn an_account_is_given_to_nobody_that_there_is_not() {
    let it = Shared::new().await;
    for nobody in ["user:nobody", &format!("client:{}", Uuid::new_v4())] {
        let (status, body) = it.ask(&it.owner, Method::PUT, nobody).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{nobody}: {body}");
    }
    for wrong in ["root", "client:7", "user:", "user:%00"] {
        let (status, body) = it.ask(&it.owner, Method::PUT, wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {body}");
        assert_eq!(code(&body), "INVALID_REQUEST");
    }
    assert!(it.lines().await.is_empty());
}

#[tokio::test]
async fn an_administrator_says_whose_an_account_is_and_sees_no_more_of_it() {
    let it = Shared::new().await;
    let gateway = &it.stage.gateway;
    gateway.user("anna", Role::Member).await;
    gateway.user("ben", Role::Administrator).await;
    let (anna, ben) = (gateway.token("anna").await, gateway.token("ben").await);
    let send =
        async |token: &str, method, path: &str| answer(gateway.as_user(token, method, path)).await;
    let account = format!("/api/v1/hytale/accounts/{}", it.account);
    let (status, _) = send(&anna.text, Method::PUT, &it.place("user:anna")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, body) = send(&ben.text, Method::PUT, &it.place("user:anna")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, _) = send(&ben.text, Method::GET, &account).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, seen) = send(&anna.text, Method::GET, &account).await;
    let owners = json!([it.owner.principal, "user:anna"]);
    assert_eq!(seen["account"]["owners"], owners);

    for owner in ["user:anna", &it.owner.principal] {
        let (status, body) = send(&ben.text, Method::DELETE, &it.place(owner)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    assert_eq!(it.sees(&it.owner).await, StatusCode::NOT_FOUND);
    let all = gateway.key("internal", [Scope::HytaleAll]).await;
    let request = gateway.as_client(&all, Method::GET, &account);
    let (status, body) = answer(request).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["account"]["owners"], json!([]));
}
