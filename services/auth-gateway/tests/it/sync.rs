use std::time::Duration;

use cache::Heard;
use common::types::event::EventType;
use common::types::sync::{Kind, Target};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::Ending;
use testkit::{test_logger, wait_for};
use tokio::time::timeout;
use uuid::Uuid;

use crate::events::Events;
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

#[tokio::test]
async fn an_empty_body_is_as_good_as_none() {
    let gateway = Gateway::start().await;
    for body in ["", " \r\n"] {
        let request = gateway.request(Method::POST, "/api/v1/sync/nodes");
        let request = request.header("Content-Type", "application/json");
        let (status, _) = answer(request.body(body)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_used_is_refused_without_being_repeated() {
    let gateway = Gateway::start().await;
    for body in [
        r#"{"skip_users": "planted-value"}"#,
        "{",
        "null",
        "[]",
        r#"[true, "somebody"]"#,
        r#"{"requested_by": "a\u0000b"}"#,
    ] {
        let request = gateway
            .request(Method::POST, "/api/v1/sync/full")
            .body(body);
        let (status, answer) = answer(request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(error_code(status, &answer), "BAD_REQUEST");
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
async fn a_run_that_has_ended_cannot_be_cancelled() {
    let gateway = Gateway::start().await;
    gateway.running().await;
    let run = gateway.finish(None).await;
    let (status, body) = gateway
        .post(&format!("/api/v1/sync/cancel/{}", run.id))
        .await;
    assert_eq!(
        (status, error_code(status, &body).as_str()),
        (StatusCode::CONFLICT, "CONFLICT")
    );
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
async fn a_status_tells_what_the_progress_bar_reads() {
    let gateway = Gateway::start().await;
    let run = gateway.running().await;
    let run = gateway.progress(run.run_id(), "Half of it").await;
    let (status, body) = gateway
        .get(&format!("/api/v1/sync/status/{}", run.id))
        .await;
    assert_eq!(status, StatusCode::OK);
    let log = &body["data"];
    assert_eq!(log["id"], run.id.to_string());
    assert_eq!(log["type"], "locations");
    assert_eq!(log["status"], "RUNNING");
    assert_eq!(log["completedAt"], Value::Null);
    assert!(log["startedAt"].as_str().unwrap().ends_with('Z'));
    let metadata = &log["metadata"];
    assert_eq!(metadata["step"], "locations");
    assert_eq!(metadata["lastMessage"], "Half of it");
    assert_eq!(metadata["lastUpdated"], run.updated_at.timestamp());
    for name in [
        "itemsTotal",
        "itemsProcessed",
        "percentage",
        "progress",
        "requests",
    ] {
        assert!(metadata[name].is_i64(), "{name} in {metadata}");
    }
    assert_eq!(metadata["steps"][0]["step"], "plan");

    let ended = gateway
        .finish(Some(json!({ "locations": { "count": 12 } })))
        .await;
    let (_, body) = gateway
        .get(&format!("/api/v1/sync/status/{}", run.id))
        .await;
    let metadata = &body["data"]["metadata"];
    assert_eq!(body["data"]["status"], "COMPLETED");
    assert_eq!(metadata["percentage"], 100);
    assert_eq!(metadata["requests"], 7);
    assert_eq!(metadata["held"]["locations"]["count"], 12);
    assert_eq!(
        metadata["completed_at"],
        ended.completed_at.unwrap().timestamp()
    );
    assert!(metadata["duration"].is_f64());

    for id in [Uuid::new_v4().to_string(), "no-id".to_owned()] {
        let (status, body) = gateway.get(&format!("/api/v1/sync/status/{id}")).await;
        assert_eq!(error_code(status, &body), "NOT_FOUND");
    }
}

#[tokio::test]
async fn figures_are_those_of_the_run_and_a_failure_says_what_and_why() {
    let gateway = Gateway::start().await;
    let run = gateway.pending(Target::One(Kind::Locations)).await;
    let path = format!("/api/v1/sync/status/{}", run.id);
    let (_, body) = gateway.get(&path).await;
    let log = &body["data"];
    assert_eq!(log["status"], "PENDING");
    assert!(
        log["startedAt"].is_string(),
        "since it was asked for: {log}"
    );
    assert_eq!(log["metadata"]["requested_by"], "test");

    gateway.store.run_start_waiting().await.unwrap();
    let figures = "UPDATE sync_runs SET items_total = 10, items_synced = 4, items_failed = 1, \
                   percentage = 50, requests = 3";
    let database = gateway.database.connect().await;
    database.execute(figures, &[]).await.unwrap();
    let (_, body) = gateway.get(&path).await;
    let log = &body["data"];
    let seen = ["itemsTotal", "itemsSynced", "itemsFailed"].map(|name| log[name].as_i64());
    assert_eq!(seen, [Some(10), Some(4), Some(1)]);
    let names = [
        "itemsTotal",
        "itemsProcessed",
        "percentage",
        "progress",
        "requests",
    ];
    let seen = names.map(|name| log["metadata"][name].as_i64());
    assert_eq!(seen, [10, 5, 50, 50, 3].map(Some));

    let ending = Ending::Failed {
        step: "locations".to_owned(),
        error: "the panel is away".to_owned(),
        held: None,
    };
    gateway.end(&ending).await;
    let (_, body) = gateway.get(&path).await;
    let mut events = Events::open(&gateway, run.id, None).await;
    assert_eq!(events.next().await.unwrap().name, "connected");
    let done = events.next().await.unwrap();
    assert_eq!(done.name, "done");
    for log in [&body["data"], &done.data] {
        assert_eq!(log["status"], "FAILED");
        assert_eq!(log["error"], "the panel is away");
        assert_eq!(log["metadata"]["error"], "the panel is away");
        assert_eq!(log["metadata"]["failed_step"], "locations");
        assert!(log["completedAt"].is_string(), "{log}");
    }
}

#[tokio::test]
async fn logs_are_paged_and_limits_moved_into_range() {
    let gateway = Gateway::start().await;
    for kind in Kind::ALL {
        gateway.pending(Target::One(kind)).await;
    }
    let (status, body) = gateway.get("/api/v1/sync/logs").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["data"]["limit"], 20);
    let logs = body["data"]["logs"].as_array().unwrap();
    assert_eq!(logs.len(), 7);
    assert_eq!(logs[0]["type"], "users", "newest first");
    assert!(logs[0]["metadata"].is_object());

    let (_, body) = gateway
        .get("/api/v1/sync/logs?limit=2&offset=1&type=")
        .await;
    assert_eq!(body["success"], false, "an empty type is none");
    let (_, body) = gateway.get("/api/v1/sync/logs?limit=2&offset=1").await;
    assert_eq!(body["data"]["logs"].as_array().unwrap().len(), 2);
    assert_eq!(body["data"]["logs"][0]["type"], "databases");
    let (_, body) = gateway.get("/api/v1/sync/logs?limit=-5&offset=-1").await;
    assert_eq!(
        (
            body["data"]["limit"].as_i64(),
            body["data"]["offset"].as_i64()
        ),
        (Some(1), Some(0))
    );
    let (_, body) = gateway.get("/api/v1/sync/logs?limit=100000").await;
    assert_eq!(body["data"]["limit"], 100);
    let (_, body) = gateway.get("/api/v1/sync/logs?type=nodes").await;
    assert_eq!(body["data"]["logs"].as_array().unwrap().len(), 1);
    for query in ["type=planets", "limit=many"] {
        let (status, body) = gateway.get(&format!("/api/v1/sync/logs?{query}")).await;
        assert_eq!(error_code(status, &body), "BAD_REQUEST");
    }
}

#[tokio::test]
async fn the_latest_run_of_each_type_is_told() {
    let gateway = Gateway::start().await;
    let (_, body) = gateway.get("/api/v1/sync/latest").await;
    assert_eq!(body["data"], json!({}));
    gateway.running().await;
    gateway.finish(None).await;
    let newest = gateway.pending(Target::One(Kind::Locations)).await;
    let full = gateway.pending(Target::Full).await;
    let (status, body) = gateway.get("/api/v1/sync/latest").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["data"]["locations"]["id"], newest.id.to_string());
    assert_eq!(body["data"]["full"]["id"], full.id.to_string());
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
