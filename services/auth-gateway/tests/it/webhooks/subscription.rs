//! Which events a webhook asks for, by patterns and conditions.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::stage::{Stage, WEBHOOKS, id};

#[tokio::test]
async fn conditions_that_can_never_hold_are_refused_and_all_others_are_taken() {
    let stage = Stage::new().await;
    let sent = async |condition: &Value| {
        let form = json!({"name": condition.to_string().chars().take(99).collect::<String>(),
                          "webhookUrl": format!("{}/x", stage.receiver.url()), "conditions": [condition]});
        stage.send(Method::POST, WEBHOOKS, &form).await
    };
    let long = "\u{e9}".repeat(1001);
    for condition in [
        json!({"field": "", "exists": true}),
        json!({"field": "kind", "equals": "full"}),
        json!({"field": "time", "exists": true}),
        json!({"field": "data", "exists": true}),
        json!({"field": "data", "equals": "x"}),
        json!({"field": "data.", "exists": true}),
        json!({"field": "data..kind", "exists": true}),
        json!({"field": ".data.kind", "exists": true}),
        json!({"field": "database", "exists": true}),
        json!({"field": "subject.id", "not": "x"}),
        json!({"field": "type", "equals": 1}),
        json!({"field": "type", "in": [1, null]}),
        json!({"field": "id", "above": 1}),
        json!({"field": "id", "below": 1}),
        json!({"field": "source", "exists": false}),
        json!({"field": "data.kind", "in": []}),
        json!({"field": "data.kind", "equals": long}),
        json!({"field": "data.kind", "not": long}),
        json!({"field": "data.kind", "in": ["full", long]}),
        json!({"field": "data.kind", "equals": [long]}),
    ] {
        let (status, body) = sent(&condition).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{condition}: {body}");
        assert_eq!(body["details"]["field"], "conditions", "{condition}");
    }
    assert!(stage.listed().await.is_empty());
    let longest = "\u{e9}".repeat(1000);
    let all = [
        json!({"field": "id", "not": "x"}),
        json!({"field": "source", "in": [1, "/nodebyte/sync"]}),
        json!({"field": "type", "exists": true}),
        json!({"field": "subject", "equals": longest}),
        json!({"field": "data.kind", "exists": true}),
        json!({"field": "data.kind", "equals": null}),
        json!({"field": "data.held.0.rows", "above": 7.5}),
        json!({"field": "data.Any thing", "exists": false}),
    ];
    for condition in &all {
        let (status, body) = sent(condition).await;
        assert_eq!(status, StatusCode::OK, "{condition}: {body}");
        assert_eq!(&body["webhook"]["conditions"][0], condition);
    }
    assert_eq!(stage.listed().await.len(), all.len());
}

#[tokio::test]
async fn what_a_webhook_asks_for_is_kept_shown_and_changed() {
    let stage = Stage::new().await;
    let url = format!("{}/hook", stage.receiver.url());
    let condition = json!([{"field": "data.kind", "equals": "full"}]);
    let made = stage
        .made(
            json!({"name": "w", "webhookUrl": url, "events": ["sync.*"], "conditions": condition}),
        )
        .await;
    let asks = |it: &Value| (it["events"].clone(), it["conditions"].clone());
    let first = (json!(["sync.*"]), condition);
    assert_eq!(asks(&made["webhook"]), first);
    assert_eq!(asks(&stage.listed().await[0]), first);

    let put = async |body: Value| {
        let (status, answer) = stage.send(Method::PUT, WEBHOOKS, &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        asks(&stage.listed().await[0])
    };
    let renamed = json!({"id": id(&made), "name": "another"});
    assert_eq!(put(renamed).await, first, "absent fields stay");
    let other = json!([{"field": "data.items_failed", "above": 0.0}]);
    let changed = json!({"id": id(&made), "events": ["sync.failed"], "conditions": other});
    assert_eq!(put(changed).await, (json!(["sync.failed"]), other));
    let everything = json!({"id": id(&made), "events": [], "conditions": []});
    assert_eq!(put(everything).await, (json!([]), json!([])));
}

#[tokio::test]
async fn what_was_stored_and_would_not_be_taken_today_comes_back_with_the_whole_form() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let stored = "UPDATE webhooks SET name = E'a\\nb', description = E'c\\td', events = '{Sync*}', \
        conditions = '[{\"field\": \"data\", \"equals\": 1}]' RETURNING name";
    stage.gateway.text(stored).await;
    let mut form = stage.listed().await.remove(0);
    form["enabled"] = json!(false);
    let (status, body) = stage.send(Method::PUT, WEBHOOKS, &form).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let shown = stage.listed().await.remove(0);
    for field in ["name", "description", "events", "conditions", "enabled"] {
        assert_eq!(shown[field], form[field], "{field}");
    }
    for (field, refused) in [
        ("name", json!("a\nb\n!")),
        ("description", json!("c\te")),
        ("events", json!(["Sync*", "*x"])),
        ("conditions", json!([{"field": "data", "equals": 2}])),
    ] {
        let change = json!({"id": id(&made), field: refused});
        let (status, body) = stage.send(Method::PUT, WEBHOOKS, &change).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}: {body}");
    }
}

#[tokio::test]
async fn a_webhook_is_changed_and_tested_by_its_path_too() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let path = format!("{WEBHOOKS}/{}", id(&made));
    let mut form = made["webhook"].clone();
    form["description"] = json!("by path");
    for form in [form, json!({"description": "by path"})] {
        let (status, body) = stage.send(Method::PUT, &path, &form).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["webhook"]["description"], "by path");
        let before = json!({"id": id(&made), "description": "before"});
        assert_eq!(
            stage.send(Method::PUT, WEBHOOKS, &before).await.0,
            StatusCode::OK
        );
    }
    let other = json!({"id": uuid::Uuid::new_v4(), "description": "another's"});
    let (status, body) = stage.send(Method::PUT, &path, &other).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    assert_eq!(stage.listed().await[0]["description"], "before");
    let (status, body) = stage
        .send(Method::PUT, WEBHOOKS, &json!({"name": "x"}))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body["error"].as_str().unwrap().contains("`id`"), "{body}");
    assert_eq!(stage.bare(Method::PATCH, &path).await.0, StatusCode::OK);
    // Nobody knows which of them is meant.
    let other = json!({"id": uuid::Uuid::nil()});
    for method in [Method::PATCH, Method::DELETE] {
        let (status, body) = stage.send(method.clone(), &path, &other).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        let query = format!("{path}?id={}", uuid::Uuid::nil());
        assert_eq!(stage.bare(method, &query).await.0, StatusCode::BAD_REQUEST);
    }
    let (status, body) = stage
        .send(Method::DELETE, &path, &json!({"id": id(&made)}))
        .await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.receiver.journal_of("/hook").len(), 1);
    let none = format!("{WEBHOOKS}/{}", uuid::Uuid::new_v4());
    assert_eq!(
        stage.bare(Method::PATCH, &none).await.0,
        StatusCode::NOT_FOUND
    );
}
