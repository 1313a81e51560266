use common::types::sync::Target;
use reqwest::StatusCode;
use serde_json::json;

use crate::events::Events;
use crate::gateway::Gateway;

#[tokio::test]
async fn streams_end_when_the_gateway_stops() {
    let gateway = Gateway::start().await;
    let run = gateway.pending(Target::Full).await;
    let mut events = Events::open(&gateway, run.id, None).await;
    assert_eq!(events.next().await.unwrap().name, "connected");
    assert_eq!(events.next().await.unwrap().name, "update");
    // Leaves an idle connection behind, which must not be waited for either.
    gateway.get("/health/live").await;
    gateway.shutdown.request();
    assert_eq!(events.next().await, None, "without `done`: the run goes on");
    gateway.serving.await.unwrap();
}

#[tokio::test]
async fn health_has_the_shape_that_monitors_read() {
    let gateway = Gateway::start().await;
    let worker = gateway.with_a_worker().await;
    let (status, body) = gateway.get("/health").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["status"], "healthy");
    assert_eq!(body["service"], "auth-gateway");
    assert_eq!(body["database"]["status"], "connected");
    assert_eq!(body["workers"]["status"], "running");
    let checks = json!({ "database": "ok", "workers": "ok", "api": "ok" });
    assert_eq!(body["checks"], checks);

    gateway.store.worker_gone(worker).await.unwrap();
    let (status, body) = gateway.get("/health").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["status"], "unhealthy");
    assert_eq!(body["database"]["status"], "connected");
    assert_eq!(body["workers"]["status"], "unavailable");
    let (status, _) = gateway.get("/health/ready").await;
    assert_eq!(status, StatusCode::OK, "it answers without workers, too");
}

#[tokio::test]
async fn the_configured_panel_is_known_from_the_start() {
    let gateway = Gateway::start().await;
    let panel = gateway.store.panel_by_name("default").await.unwrap();
    assert_eq!(panel.url, "http://127.0.0.1:9");
    assert_eq!(
        panel.application_key, None,
        "its key stays in the configuration"
    );
}
