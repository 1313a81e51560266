//! Events that callers say.

use common::types::scope::Scope;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::gateway::{KEY, answer, error_code};

const DISPATCH: &str = "/api/v1/webhook/dispatch";

async fn dispatch(stage: &Stage, body: &Value, idempotency: Option<&str>) -> (StatusCode, Value) {
    let gateway = &stage.gateway.gateway;
    let mut request = gateway
        .client
        .request(Method::POST, format!("{}{DISPATCH}", gateway.url))
        .header("X-API-Key", KEY)
        .json(body);
    if let Some(key) = idempotency {
        request = request.header("Idempotency-Key", key);
    }
    answer(request).await
}

#[tokio::test]
async fn a_known_event_is_told_in_the_callers_name() {
    let stage = Stage::new().await;
    let url = format!("{}/game", stage.receiver.url());
    stage
        .made(json!({"name": "game", "webhookUrl": url, "type": "GAME_SERVER", "scope": "USER"}))
        .await;
    stage.signed().await;
    let data = json!({"name": "no zero: \\u0000", "reason": 7});
    let body = json!({"event": "server.suspended", "data": data});
    let (status, answer) = dispatch(&stage, &body, None).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    assert_eq!(answer["message"], "Webhooks have been queued");
    assert_eq!(
        answer["data"]["dispatched"], 1,
        "not to those of type SYSTEM"
    );
    let said = stage
        .gateway
        .text("SELECT body::text FROM outbox WHERE key = 'server.suspended'")
        .await;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["source"], "/callers/service");
    assert_eq!(said["data"]["reason"], "7", "its fields are texts");
    assert_eq!(said["data"]["name"], "no zero: \\u0000");
    assert_eq!(said["id"], answer["data"]["task_ids"][0]);
}

#[tokio::test]
async fn the_source_of_an_event_is_the_client_that_says_it() {
    let stage = Stage::new().await;
    let gateway = &stage.gateway.gateway;
    let client = async |name: &str| {
        let key = gateway.key(name, [Scope::Notify]).await;
        let request = gateway.as_client(&key, Method::POST, DISPATCH);
        let said = json!({"event": format!("{name}.said")});
        let (status, body) = answer(request.json(&said)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        let source = format!("SELECT body->>'source' FROM outbox WHERE key = '{name}.said'");
        let id = format!("SELECT id::text FROM api_clients WHERE name = '{name}'");
        let expected = format!("/callers/client/{}", stage.gateway.text(&id).await);
        assert_eq!(stage.gateway.text(&source).await, expected);
        expected
    };
    assert_ne!(client("shop").await, client("forum").await);
}

#[tokio::test]
async fn an_unknown_name_goes_to_custom_webhooks_of_administrators_alone() {
    let stage = Stage::new().await;
    for (name, about, scope) in [
        ("a", "CUSTOM", "ADMIN"),
        ("b", "CUSTOM", "USER"),
        ("c", "SYSTEM", "ADMIN"),
    ] {
        let url = format!("{}/{name}", stage.receiver.url());
        stage
            .made(json!({"name": name, "webhookUrl": url, "type": about, "scope": scope}))
            .await;
    }
    let (status, answer) = dispatch(&stage, &json!({"event": "shop.order_paid"}), None).await;
    assert_eq!(
        (status, &answer["data"]["dispatched"]),
        (StatusCode::ACCEPTED, &json!(1))
    );
}

#[tokio::test]
async fn what_only_we_may_say_and_what_is_malformed_is_refused() {
    let stage = Stage::new().await;
    for name in [
        "sync.completed",
        "panel.server.created",
        "panel",
        "hytale.x",
        "settings.changed",
        "webhook.failing",
        "delivery.dead",
        "mail.sent",
        "deliveries.x",
        "webhooks",
        "mails.x",
        "key.x",
        "keys.rotated",
        "nodebyte.x",
        "setting.changed",
        "syncs.x",
        "panels.x",
    ] {
        let (status, body) = dispatch(&stage, &json!({"event": name}), None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}");
        assert_eq!(error_code(status, &body), "EVENT_RESERVED", "{name}");
    }
    for body in [
        json!({"event": "Sync.completed"}),
        json!({"event": "a.*"}),
        json!({"event": ""}),
        json!({"data": {}}),
        json!({"event": "a", "data": []}),
        json!({"event": "a", "subject": ""}),
        json!({"event": "a", "data": {"x": "\u{0}"}}),
        json!({"event": "a", "data": {"x": "x".repeat(70_000)}}),
        json!({"event": "user.registered", "data": {}}),
        json!({"event": "user.registered", "data": {"email": {"a": 1}}}),
        json!({"event": "user.registered", "data": {"email": "a@b.c", "password": "x"}}),
    ] {
        let (status, answer) = dispatch(&stage, &body, None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    }
    assert_eq!(
        stage
            .gateway
            .text("SELECT count(*)::text FROM outbox WHERE key NOT LIKE 'settings.%'")
            .await,
        "0"
    );
}

#[tokio::test]
async fn the_same_idempotency_key_is_the_same_event() {
    let stage = Stage::new().await;
    let body = json!({"event": "shop.order_paid"});
    let first = dispatch(&stage, &body, Some("order-1")).await.1;
    let again = dispatch(&stage, &body, Some("order-1")).await.1;
    let other = dispatch(&stage, &body, Some("order-2")).await.1;
    assert_eq!(first["data"]["task_ids"], again["data"]["task_ids"]);
    assert_ne!(first["data"]["task_ids"], other["data"]["task_ids"]);
}

const SAID: &str = "SELECT count(*)::text FROM outbox WHERE key LIKE 'shop.%'";

#[tokio::test]
async fn another_event_with_a_used_idempotency_key_is_refused_and_the_first_answered_again() {
    let stage = Stage::new().await;
    let body = json!({"event": "shop.order_paid", "data": {"order": 1, "sum": {"eur": 5}}});
    let first = dispatch(&stage, &body, Some("order-1")).await.1;
    for other in [
        json!({"event": "shop.order_paid", "data": {"order": 2, "sum": {"eur": 5}}}),
        json!({"event": "shop.order_sent", "data": {"order": 1, "sum": {"eur": 5}}}),
        json!({"event": "shop.order_paid", "data": {"order": 1, "sum": {"eur": 5}}, "subject": "s"}),
    ] {
        let (status, answer) = dispatch(&stage, &other, Some("order-1")).await;
        assert_eq!(status, StatusCode::CONFLICT, "{answer}");
        assert_eq!(error_code(status, &answer), "IDEMPOTENCY_KEY_REUSED");
    }
    let (status, again) = dispatch(&stage, &body, Some("order-1")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{again}");
    assert_eq!(again["data"]["task_ids"], first["data"]["task_ids"]);
    assert_eq!(stage.gateway.text(SAID).await, "1");
    // Another caller's keys are its own.
    let gateway = &stage.gateway.gateway;
    let key = gateway.key("shop", [Scope::Notify]).await;
    let request = gateway.as_client(&key, Method::POST, DISPATCH);
    let other = json!({"event": "shop.order_sent"});
    let (status, _) = answer(request.header("Idempotency-Key", "order-1").json(&other)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn of_requests_that_come_at_once_with_one_key_one_is_told() {
    let stage = Stage::new().await;
    let body = json!({"event": "shop.order_paid"});
    let all = join_all((0..4).map(|_| dispatch(&stage, &body, Some("order-1")))).await;
    let ids = &all[0].1["data"]["task_ids"];
    assert!(ids[0].is_string(), "{all:?}");
    assert!(all.iter().all(|(_, it)| &it["data"]["task_ids"] == ids));
    assert_eq!(stage.gateway.text(SAID).await, "1");
}
