use std::time::Duration;

use common::types::sync::Target;
use reqwest::{Method, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::{Differences, Gateway, KEY, answer, closed_port, error_code};

#[tokio::test]
async fn unknown_addresses_and_methods_are_json() {
    let gateway = Gateway::start().await;
    for path in [
        "/",
        "/api",
        "/api/v1/nothing",
        "/api/v1/sync/planets",
        "/health/what",
    ] {
        let (status, body) = gateway.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(error_code(status, &body), "ENDPOINT_NOT_FOUND");
    }
    for (method, path) in [
        (Method::GET, "/api/v1/sync/full"),
        (Method::DELETE, "/api/v1/sync/logs"),
    ] {
        let (status, body) = answer(gateway.request(method, path)).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(error_code(status, &body), "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn what_get_answers_head_answers_too() {
    let gateway = Gateway::start().await;
    let run = gateway.pending(Target::Full).await;
    for path in [
        "/api/v1/sync/logs".to_owned(),
        "/api/v1/sync/latest".to_owned(),
        format!("/api/v1/sync/status/{}", run.id),
        format!("/api/v1/sync/stream/{}", run.id),
        "/api/openapi.json".to_owned(),
        "/docs".to_owned(),
        "/health".to_owned(),
        "/metrics".to_owned(),
    ] {
        let got = gateway.request(Method::GET, &path).send().await.unwrap();
        let head = gateway.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.status(), got.status(), "{path}");
        let kind = |answer: &Response| answer.headers()["content-type"].clone();
        assert_eq!(kind(&head), kind(&got), "{path}");
        assert_eq!(head.bytes().await.unwrap(), "", "{path}");
    }
    let stranger = format!("{}/api/v1/sync/logs", gateway.url);
    let stranger = gateway.client.head(stranger).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let gateway = Gateway::start().await;
    for (path, allowed) in [
        ("/api/v1/sync/full", "POST"),
        ("/api/v1/sync/logs", "GET, HEAD"),
        ("/docs", "GET, HEAD"),
    ] {
        let answer = gateway.request(Method::PUT, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let methods = answer.headers().get_all("allow").iter();
        let methods: Vec<_> = methods.map(|it| it.to_str().unwrap()).collect();
        assert_eq!(methods.join(", "), allowed, "{path}");
    }
}

#[tokio::test]
async fn who_does_not_go_on_with_a_request_is_not_waited_for() {
    let gateway = Gateway::start().await;
    let address = gateway.url.strip_prefix("http://").unwrap();
    let begin =
        format!("POST /api/v1/sync/full HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {KEY}\r\n");
    let half_a_body = format!("{begin}Content-Length: 10\r\n\r\n{{");
    let slow = async |request: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(Duration::from_secs(90), stream.read_to_string(&mut answer));
        read.await.expect("the gateway waits for ever").unwrap();
        answer
    };
    let (head, body) = tokio::join!(slow(&begin), slow(&half_a_body));
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
    assert!(body.contains(r#""code":"REQUEST_TIMEOUT""#), "{body}");
    assert!(gateway.store.runs(None, 1, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_as_json() {
    let gateway = Gateway::start().await;
    let request = gateway
        .request(Method::POST, "/api/v1/sync/full")
        .body("x".repeat(3 << 20));
    let (status, body) = answer(request).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(error_code(status, &body), "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503_that_tells_nothing() {
    let url = format!(
        "postgres://user:planted-secret@127.0.0.1:{}/nowhere",
        closed_port()
    );
    let variables = vec![
        ("DATABASE_URL", url),
        ("DATABASE_ACQUIRE_SECONDS", "1".to_owned()),
    ];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    for path in ["/api/v1/sync/logs", "/api/v1/sync/latest"] {
        let (status, body) = gateway.get(path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        assert_eq!(error_code(status, &body), "SERVICE_ERROR");
        assert!(!body.to_string().contains("planted-secret"));
        assert!(body["request_id"].is_string());
    }
    let (status, body) = gateway.post("/api/v1/sync/full").await;
    assert_eq!(error_code(status, &body), "SERVICE_ERROR");
    let (status, body) = gateway.get("/health/ready").await;
    assert_eq!(
        (status, &body["checks"]["database"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"error".into())
    );
    let (status, _) = gateway.get("/health/live").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn browsers_may_call_from_the_configured_origins_only() {
    let gateway = Gateway::start().await;
    let preflight = |origin: &'static str| {
        gateway
            .client
            .request(Method::OPTIONS, format!("{}/api/v1/sync/full", gateway.url))
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type,x-api-key")
            .send()
    };
    let allowed = preflight("https://site.example").await.unwrap();
    assert!(allowed.status().is_success());
    let headers = allowed.headers();
    assert_eq!(
        headers["access-control-allow-origin"],
        "https://site.example"
    );
    assert_eq!(headers["access-control-allow-credentials"], "true");
    assert_eq!(headers["access-control-max-age"], "3600");
    let refused = preflight("https://elsewhere.example").await.unwrap();
    assert!(
        !refused
            .headers()
            .contains_key("access-control-allow-origin")
    );

    // Errors too must be readable for the page that called.
    let request = gateway.request(Method::GET, "/api/v1/sync/status/no-id");
    let answer = request
        .header("Origin", "https://site.example")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://site.example"
    );
    let exposed = answer.headers()["access-control-expose-headers"].to_str();
    let mut exposed: Vec<_> = exposed.unwrap().split(", ").collect();
    exposed.sort_unstable();
    let readable = [
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
    ];
    assert_eq!(exposed, readable);

    // Who is no page is told nothing of it, but what is kept of it is kept for no page.
    let answer = gateway.request(Method::GET, "/api/v1/sync/status/no-id");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.headers()["vary"], "Origin");
    assert!(
        !answer
            .headers()
            .keys()
            .any(|name| name.as_str().starts_with("access-control-"))
    );
}

#[tokio::test]
async fn redis_and_rabbitmq_may_be_away() {
    let nobody = |scheme: &str| format!("{scheme}://127.0.0.1:{}", closed_port());
    let variables = vec![("REDIS_URL", nobody("redis")), ("AMQP_URL", nobody("amqp"))];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    let (status, body) = gateway.post("/api/v1/sync/full").await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let id = body["data"]["sync_log_id"].as_str().unwrap().to_owned();
    let (status, _) = gateway.get(&format!("/api/v1/sync/status/{id}")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, body) = gateway.get("/health/ready").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, _) = gateway.post(&format!("/api/v1/sync/cancel/{id}")).await;
    assert_eq!(status, StatusCode::OK);
    let (waiting, _) = gateway.store.outbox_lag().await.unwrap();
    assert_eq!(waiting, 2, "the command and the end are said later");
}
