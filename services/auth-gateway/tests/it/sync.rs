use std::time::Duration;

use cache::Heard;
use common::types::event::EventType;
use common::types::sync::{Kind, Target};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{Ending, RunRow};
use testkit::{test_logger, wait_for};
use tokio::time::timeout;
use uuid::Uuid;

use crate::gateway::{Gateway, answer, error_code};

fn id_of(body: &Value) -> Uuid {
    body["data"]["sync_log_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn every_kind_of_sync_can_be_asked_for() {
    let gateway = Gateway::start().await;
    for kind in Kind::ALL {
        let (status, body) = gateway.post(&format!("/api/v1/sync/{kind}")).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        assert_eq!(body["success"], true);
        assert_eq!(body["message"], format!("{kind} sync has been queued"));
        assert_eq!(body["data"]["status"], "PENDING");
        assert_eq!(body["data"]["sync_log_id"], body["data"]["task_id"]);
        let run = gateway
            .store
            .run(common::types::id::RunId(id_of(&body)))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(run.target, kind.as_str());
        assert_eq!(run.kinds, [kind.as_str()]);
    }
    let (status, body) = gateway.post("/api/v1/sync/full").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(body["message"], "Full sync has been queued");
}

#[tokio::test]
async fn a_trigger_says_who_asks_for_what() {
    let gateway = Gateway::start().await;
    let body = json!({ "skip_users": true, "requested_by": "somebody", "panel": "default", "unknown": [1] });
    let request = gateway
        .request(Method::POST, "/api/v1/sync/full")
        .header("X-Request-ID", "given-id");
    let (status, body) = answer(request.json(&body)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let run = gateway
        .store
        .run(common::types::id::RunId(id_of(&body)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(run.requested_by, "somebody");
    assert_eq!(run.kinds.len(), 6, "the users are left out");
    let row = gateway.database.connect().await;
    let row = row
        .query_one("SELECT request_id FROM sync_runs", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "given-id");
}

/// Sends every body that says nothing, with every content type that clients send
/// with it; the answers.
async fn saying_nothing(gateway: &Gateway, path: &str) -> Vec<(String, StatusCode, Value)> {
    let mut answers = Vec::new();
    for body in [None, Some(""), Some(" \r\n"), Some("{}")] {
        for kind in [None, Some("application/json"), Some("text/plain")] {
            let mut request = gateway.request(Method::POST, path);
            if let Some(kind) = kind {
                request = request.header("Content-Type", kind);
            }
            if let Some(body) = body {
                request = request.body(body);
            }
            let (status, answer) = answer(request).await;
            answers.push((format!("{body:?} as {kind:?}: {answer}"), status, answer));
        }
    }
    answers
}

#[tokio::test]
async fn a_body_that_says_nothing_is_as_good_as_none_whatever_its_content_type() {
    let gateway = Gateway::start().await;
    let nodes = saying_nothing(&gateway, "/api/v1/sync/nodes").await;
    for (sent, status, answer) in &nodes {
        assert_eq!(*status, StatusCode::ACCEPTED, "{sent}");
        assert_eq!(id_of(answer), id_of(&nodes[0].2), "{sent}");
    }
    let run = common::types::id::RunId(id_of(&nodes[0].2));
    let run = gateway.store.run(run).await.unwrap().unwrap();
    assert_eq!(run.requested_by, "api");
    let cancel = format!("/api/v1/sync/cancel/{}", run.id);
    for (sent, status, answer) in saying_nothing(&gateway, &cancel).await {
        assert_eq!(status, StatusCode::OK, "{sent}");
        assert_eq!(answer["data"]["status"], "CANCELLED", "{sent}");
    }
    gateway.running().await;
    let held = gateway
        .finish(Some(json!({ "locations": { "count": 12 } })))
        .await;
    let confirm = format!("/api/v1/sync/confirm/{}", held.id);
    for (sent, status, _) in saying_nothing(&gateway, &confirm).await {
        assert_eq!(status, StatusCode::ACCEPTED, "{sent}");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_used_is_refused_without_being_repeated() {
    let gateway = Gateway::start().await;
    let long = format!(r#"{{"requested_by": "{}"}}"#, "ä".repeat(201));
    for body in [
        long.as_str(),
        r#"{"skip_users": "planted-value"}"#,
        "{",
        "null",
        "[]",
        r#"[true, "somebody"]"#,
        r#"{"requested_by": "a\u0000b"}"#,
    ] {
        let request = gateway
            .request(Method::POST, "/api/v1/sync/full")
            .body(body.to_owned());
        let (status, answer) = answer(request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(error_code(status, &answer), "INVALID_REQUEST");
        assert!(!answer.to_string().contains("planted-value"));
    }
    assert!(gateway.store.runs(None, 10, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn two_triggers_at_once_are_answered_by_one_run() {
    let gateway = Gateway::start().await;
    let (one, two) = tokio::join!(
        gateway.post("/api/v1/sync/full"),
        gateway.post("/api/v1/sync/full")
    );
    assert_eq!((one.0, two.0), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(id_of(&one.1), id_of(&two.1));
    let remarks = [&one.1, &two.1].map(|body| body["data"]["message"].is_string());
    assert!(
        remarks[0] != remarks[1],
        "one of them is told that the run was there"
    );

    let (status, part) = gateway.post("/api/v1/sync/users").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(id_of(&part), id_of(&one.1), "a full run covers its parts");
}

#[tokio::test]
async fn a_panel_can_be_named_in_the_body_or_the_query() {
    let gateway = Gateway::start().await;
    let other = store::NewPanel {
        id: common::types::id::PanelId::new(),
        name: "other".to_owned(),
        url: "http://127.0.0.1:9".to_owned(),
        application_key: None,
        client_key: None,
    };
    gateway.store.panel_save(&other).await.unwrap();
    let (_, in_query) = gateway
        .post("/api/v1/sync/nodes?panel=other&unknown=1")
        .await;
    let (_, in_body) = gateway
        .post_json("/api/v1/sync/nodes", &json!({ "panel": "other" }))
        .await;
    assert_eq!(id_of(&in_query), id_of(&in_body));
    let (_, default) = gateway.post("/api/v1/sync/nodes").await;
    assert_ne!(id_of(&default), id_of(&in_body));

    for name in ["nowhere", "a%00b"] {
        let (status, body) = gateway
            .post(&format!("/api/v1/sync/nodes?panel={name}"))
            .await;
        assert!(
            status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST,
            "{status}"
        );
        error_code(status, &body);
    }
}

#[tokio::test]
async fn cancelling_is_final_and_repeatable() {
    let gateway = Gateway::start().await;
    let run = gateway.running().await;
    let path = format!("/api/v1/sync/cancel/{}", run.id);
    for _ in 0..2 {
        let (status, body) = gateway.post(&path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["data"]["status"], "CANCELLED");
    }
    let (status, body) = gateway
        .post(&format!("/api/v1/sync/cancel/{}", Uuid::new_v4()))
        .await;
    assert_eq!(
        (status, error_code(status, &body).as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND")
    );
    let (status, body) = gateway.post("/api/v1/sync/cancel/no-id").await;
    assert_eq!(
        (status, error_code(status, &body).as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND")
    );
}

#[tokio::test]
async fn other_gateways_are_told_of_a_cancel() {
    let gateway = Gateway::start().await;
    let other = gateway.cache.subscribe_progress(&test_logger());
    let mut heard = other.listen();
    let patience = Duration::from_secs(30);
    wait_for("the other one to hear Redis", patience, async || {
        other.is_connected().then_some(())
    })
    .await;
    let run = gateway.running().await;
    gateway
        .post(&format!("/api/v1/sync/cancel/{}", run.id))
        .await;
    let told = async {
        loop {
            if let Heard::Update(progress) = heard.next().await.unwrap() {
                return progress;
            }
        }
    };
    let told = timeout(patience, told).await.expect("nothing was told");
    assert_eq!(told.run_id, run.run_id());
    assert!(told.revision > run.revision);
    let state: Value = serde_json::from_str(&told.state).unwrap();
    assert_eq!(state["status"], "CANCELLED");
}

#[tokio::test]
async fn a_run_that_waits_can_be_cancelled_and_one_that_has_ended_cannot() {
    let gateway = Gateway::start().await;
    let waiting = gateway.pending(Target::One(Kind::Users)).await;
    let path = |run: &RunRow| format!("/api/v1/sync/cancel/{}", run.id);
    let (status, body) = gateway.post(&path(&waiting)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["data"]["status"], "CANCELLED");

    gateway.running().await;
    let completed = gateway.finish(None).await;
    gateway.running().await;
    let failed = Ending::Failed {
        step: "locations".to_owned(),
        error: "for a test".to_owned(),
        held: None,
    };
    let failed = gateway.end(&failed).await;
    for run in [completed, failed] {
        let (status, body) = gateway.post(&path(&run)).await;
        assert_eq!(
            (status, error_code(status, &body).as_str()),
            (StatusCode::CONFLICT, "CONFLICT")
        );
        let after = gateway.store.run(run.run_id()).await.unwrap().unwrap();
        assert_eq!(after.status, run.status, "it stays as it ended");
    }
}

#[tokio::test]
async fn held_removals_can_be_confirmed_once_they_are_there() {
    let gateway = Gateway::start().await;
    let running = gateway.running().await;
    let path = format!("/api/v1/sync/confirm/{}", running.id);
    let (status, body) = gateway.post(&path).await;
    assert_eq!(
        (status, error_code(status, &body).as_str()),
        (StatusCode::CONFLICT, "CONFLICT")
    );

    gateway
        .finish(Some(json!({ "locations": { "count": 12 } })))
        .await;
    let (status, body) = gateway
        .post_json(&path, &json!({ "requested_by": "a person" }))
        .await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let confirming = gateway
        .store
        .run(common::types::id::RunId(id_of(&body)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(confirming.confirms_run_id, Some(running.id));
    assert_eq!(confirming.requested_by, "a person");
    let status = format!("/api/v1/sync/status/{}", confirming.id);
    let (_, told) = gateway.get(&status).await;
    assert_eq!(told["data"]["metadata"]["confirms"], json!(running.id));
    let (_, again) = gateway.post(&path).await;
    assert_eq!(
        id_of(&again),
        id_of(&body),
        "asking again is answered by the same run"
    );

    let superseded = "INSERT INTO panel_kinds (panel_id, kind, first_listed_at, last_listed_at, last_run_id) \
                      SELECT id, 'locations', now(), now(), gen_random_uuid() FROM panels";
    let database = gateway.database.connect().await;
    database.execute(superseded, &[]).await.unwrap();
    gateway
        .post(&format!("/api/v1/sync/cancel/{}", confirming.id))
        .await;
    let (status, body) = gateway.post(&path).await;
    assert_eq!(
        (status, error_code(status, &body).as_str()),
        (StatusCode::CONFLICT, "CONFLICT")
    );
    assert!(
        body["error"].as_str().unwrap().contains("later sync"),
        "{body}"
    );

    let (status, body) = gateway
        .post(&format!("/api/v1/sync/confirm/{}", Uuid::new_v4()))
        .await;
    assert_eq!(
        (status, error_code(status, &body).as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND")
    );
}

#[tokio::test]
async fn a_trigger_is_published_without_a_worker() {
    let gateway = Gateway::start().await;
    gateway.post("/api/v1/sync/full").await;
    let waiting = "nothing of the outbox waits";
    wait_for(waiting, Duration::from_secs(30), async || {
        let (waiting, _) = gateway.store.outbox_lag().await.unwrap();
        if waiting == 0 {
            Ok(())
        } else {
            Err(format!("{waiting} wait"))
        }
    })
    .await;
    // What ends a run is an event, which needs no listener to be published.
    let run = gateway.running().await;
    gateway
        .post(&format!("/api/v1/sync/cancel/{}", run.id))
        .await;
    let events = gateway.database.connect().await;
    let said = events
        .query_one(
            "SELECT count(*) FROM outbox WHERE key = $1",
            &[&EventType::SyncCancelled.as_str()],
        )
        .await
        .unwrap();
    assert_eq!(said.get::<_, i64>(0), 1);
}
