use common::types::sync::{Kind, Target};
use reqwest::StatusCode;
use serde_json::{Value, json};
use store::Ending;
use uuid::Uuid;

use crate::events::Events;
use crate::gateway::{Gateway, error_code};

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
        assert_eq!(error_code(status, &body), "INVALID_REQUEST");
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
