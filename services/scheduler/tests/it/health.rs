use std::net::TcpListener;
use std::time::Duration;

use reqwest::StatusCode;
use runtime::config::{Config, Sources};
use runtime::shutdown::Shutdown;
use serde_json::Value;
use testkit::{TestDatabase, TestVhost, test_logger, wait_for};

pub const LIMIT: Duration = Duration::from_secs(20);
/// Nothing listens on port 1.
const NOBODY: &str = "127.0.0.1:1";

fn start(database: &str, amqp: &str) -> scheduler::Scheduler {
    start_with(vec![
        ("DATABASE_URL", database.to_owned()),
        ("AMQP_URL", amqp.to_owned()),
    ])
}

pub fn start_with(variables: Vec<(&'static str, String)>) -> scheduler::Scheduler {
    runtime::metrics::install();
    let config = Config::load(&Sources::of_variables(variables)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    scheduler::build(&config, listener, &test_logger()).unwrap()
}

async fn get(app: &scheduler::Scheduler, path: &str) -> (StatusCode, Value) {
    runtime::process::install_crypto_provider();
    let answer = reqwest::get(format!("http://{}{path}", app.address()))
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_once_postgresql_and_rabbitmq_answer_and_stops_when_asked() {
    let (database, vhost) = (TestDatabase::empty().await, TestVhost::new().await);
    let app = start(database.url(), vhost.url());
    wait_for("readiness", LIMIT, async || {
        match get(&app, "/health/ready").await {
            (StatusCode::OK, body) => Ok(body),
            (_, body) => Err(body.to_string()),
        }
    })
    .await;
    let (status, body) = get(&app, "/health").await;
    assert_eq!(
        (status, &body["service"]),
        (StatusCode::OK, &Value::from("scheduler"))
    );

    let figures = reqwest::get(format!("http://{}/metrics", app.address()));
    let figures = figures.await.unwrap().text().await.unwrap();
    assert!(
        figures.contains("nodebyte_http_requests_total"),
        "{figures}"
    );

    let address = app.address();
    let shutdown = Shutdown::new();
    shutdown.request();
    app.run(shutdown).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_while_both_are_away_and_says_so() {
    let app = start(
        &format!("postgres://x@{NOBODY}/x"),
        &format!("amqp://{NOBODY}/%2f"),
    );
    let (status, body) = get(&app, "/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["checks"]["database"], "error");
    assert_eq!(body["checks"]["queue"], "error");
    assert_eq!(get(&app, "/health/live").await.0, StatusCode::OK);
}
