use reqwest::{Method, StatusCode};

use crate::gateway::{Differences, Gateway, answer, closed_port, error_code};

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
        assert_eq!(error_code(status, &body), "NOT_FOUND");
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
    let gateway = Gateway::start_with(Differences { variables }).await;
    for path in ["/api/v1/sync/logs", "/api/v1/sync/latest"] {
        let (status, body) = gateway.get(path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        assert_eq!(error_code(status, &body), "UNAVAILABLE");
        assert!(!body.to_string().contains("planted-secret"));
        assert!(body["request_id"].is_string());
    }
    let (status, body) = gateway.post("/api/v1/sync/full").await;
    assert_eq!(error_code(status, &body), "UNAVAILABLE");
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
}
