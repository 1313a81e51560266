use std::future::pending;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::StatusCode;
use runtime::health::{Health, Probe};
use runtime::ops::OpsServer;
use serde_json::Value;
use testkit::LogLines;

use crate::support::{client, logged};

struct Ops {
    server: OpsServer,
    health: Arc<Health>,
    lines: LogLines,
}

impl Ops {
    fn start(probes: Vec<Probe>) -> Self {
        let (log, lines) = logged();
        let health = Health::new("nodebyte-test", probes, &log);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = OpsServer::start(listener, Arc::clone(&health), &log).unwrap();
        Self {
            server,
            health,
            lines,
        }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let url = format!("http://{}{path}", self.server.address());
        let answer = client().get(url).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> (StatusCode, Value) {
        let (status, text) = self.get(path).await;
        (status, serde_json::from_str(&text).unwrap())
    }
}

fn passing(name: &'static str) -> Probe {
    Probe::new(name, || async { Ok(()) })
}

fn failing(name: &'static str) -> Probe {
    Probe::new(name, || async {
        Err("password authentication failed for user me".to_owned())
    })
}

#[tokio::test]
async fn readiness_lists_the_probes() {
    let ops = Ops::start(vec![passing("database"), passing("broker")]);
    let (status, body) = ops.json("/health/ready").await;
    assert_eq!(status, StatusCode::OK);
    let expected = serde_json::json!({
        "status": "ready", "checks": { "database": "ok", "broker": "ok" }
    });
    assert_eq!(body, expected);
    ops.server.stop().await;
}

#[tokio::test]
async fn a_failed_probe_is_named_and_its_reason_stands_in_the_log_only() {
    let ops = Ops::start(vec![failing("database"), passing("broker")]);
    for path in ["/health/ready", "/health"] {
        let (status, body) = ops.json(path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["checks"]["database"], "error");
        assert_eq!(body["checks"]["broker"], "ok");
        assert!(!body.to_string().contains("password"), "{body}");
    }
    ops.lines
        .wait_for(|line| line["reason"].to_string().contains("password"))
        .await;
    assert_eq!(ops.get("/health/live").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_probe_that_never_answers_or_panics_is_a_failure() {
    let ops = Ops::start(vec![
        Probe::new("hangs", pending),
        Probe::new("panics", || async {
            panic!("a probe panicked, as this test wants")
        }),
    ]);
    let (status, body) = ops.json("/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["checks"]["hangs"], "error");
    assert_eq!(body["checks"]["panics"], "error");
}

#[tokio::test]
async fn probes_are_asked_anew_each_time() {
    let up = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&up);
    let ops = Ops::start(vec![Probe::new("database", move || {
        let up = seen.load(Ordering::SeqCst);
        async move { if up { Ok(()) } else { Err("away".to_owned()) } }
    })]);
    assert_eq!(
        ops.get("/health/ready").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    up.store(true, Ordering::SeqCst);
    assert_eq!(ops.get("/health/ready").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_process_that_is_stopping_lives_but_is_not_ready() {
    let ops = Ops::start(vec![passing("database")]);
    ops.health.stopping();
    let (status, body) = ops.json("/health/ready").await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &Value::from("stopping"))
    );
    assert_eq!(ops.get("/health/live").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_summary_has_the_shape_that_monitors_read() {
    let ops = Ops::start(vec![passing("database"), passing("workers")]);
    let (status, body) = ops.json("/health").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["status"], "healthy");
    assert_eq!(body["database"]["status"], "connected");
    assert_eq!(body["workers"]["status"], "running");
    assert_eq!(body["service"], "nodebyte-test");
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    let checks = serde_json::json!({ "database": "ok", "workers": "ok", "api": "ok" });
    assert_eq!(body["checks"], checks);

    let ops = Ops::start(vec![failing("database"), failing("workers")]);
    let (status, body) = ops.json("/health").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["status"], "unhealthy");
    assert_eq!(body["database"]["status"], "disconnected");
    assert_eq!(body["workers"]["status"], "unavailable");
}

#[tokio::test]
async fn how_others_are_shows_in_the_summary_and_leaves_the_process_ready() {
    let ops = Ops::start(vec![passing("database"), failing("workers").of_others()]);
    let (status, body) = ops.json("/health").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["status"], "unhealthy");
    assert_eq!(body["workers"]["status"], "unavailable");
    assert_eq!(body["checks"]["workers"], "error");
    let (status, body) = ops.json("/health/ready").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["checks"], serde_json::json!({ "database": "ok" }));
}

#[tokio::test]
async fn figures_are_served_as_prometheus_text_without_ids_in_labels() {
    runtime::metrics::install();
    let ops = Ops::start(vec![]);
    ops.get("/some/4711/path").await;
    let (status, text) = ops.get("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("nodebyte_http_requests_total"), "{text}");
    assert!(
        text.contains("route=\"unmatched\"") && !text.contains("4711"),
        "{text}"
    );
}

#[tokio::test]
async fn a_stopped_server_no_longer_listens() {
    let ops = Ops::start(vec![]);
    let address = ops.server.address();
    ops.server.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
