//! Limits of an account that one of those who share it has otherwise.

use std::time::Duration;

use common::types::caller::Principal;
use common::types::limit::{Limit, Subject};
use common::types::scope::Scope;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use testkit::wait_for;

use super::stage::Stage;
use crate::gateway::KEY;
use crate::limits::{field, operator};

const PATIENCE: Duration = Duration::from_secs(20);

/// An account that two may use: one who was granted `own` requests, and one who has the
/// `usual` ones.
struct Shared {
    stage: Stage,
    account: Value,
    other: String,
}

impl Shared {
    async fn with(usual: u32, own: u32) -> Self {
        let more = vec![("LIMITS_GAME_SESSION", usual.to_string())];
        let stage = Stage::with(simulators::hytale::Options::default(), more).await;
        let account = stage.host().await["account_id"].clone();
        let spare = stage.login_as("many", "spare").await["account_id"].clone();
        let scopes = [Scope::Hytale, Scope::HytaleAll];
        let other = stage.gateway.key("another", scopes).await;
        let service = Subject::Principal(Principal::Service);
        let by = operator();
        let store = &stage.gateway.store;
        let granted = store.rate_limit_set(Limit::GameSession, &service, own, &by);
        granted.await.unwrap();
        let shared = Self {
            stage,
            account,
            other,
        };
        wait_for("the limit of its own", PATIENCE, async || {
            let answer = shared.profiles(KEY, &spare).await;
            (field(&answer, "x-ratelimit-limit") == own.to_string()).then_some(())
        })
        .await;
        shared
    }

    async fn profiles(&self, key: &str, account: &Value) -> Response {
        let gateway = &self.stage.gateway;
        let url = format!("{}/api/hytale/profiles", gateway.url);
        let request = gateway.client.post(url).header("X-API-Key", key);
        let request = request.json(&json!({ "account_id": account }));
        request.send().await.unwrap()
    }

    /// What the one with a limit of its own is answered.
    async fn one(&self) -> StatusCode {
        let answer = self.profiles(KEY, &self.account);
        answer.await.status()
    }

    async fn other(&self) -> StatusCode {
        self.profiles(&self.other, &self.account).await.status()
    }
}

#[tokio::test]
async fn what_one_caller_was_granted_uses_up_nothing_of_the_others() {
    let shared = Shared::with(2, 100).await;
    for _ in 0..50 {
        assert_eq!(shared.one().await, StatusCode::OK);
    }
    assert_eq!(shared.other().await, StatusCode::OK);
}

#[tokio::test]
async fn whom_less_was_granted_than_all_have_keeps_it_whatever_others_ask() {
    let shared = Shared::with(4, 1).await;
    for _ in 0..3 {
        assert_eq!(shared.other().await, StatusCode::OK);
    }
    assert_eq!(shared.one().await, StatusCode::OK);
    assert_eq!(shared.one().await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(shared.other().await, StatusCode::OK);
}
