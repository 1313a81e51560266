//! What leaves for Sentry.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use reqwest::Method;
use runtime::config::{Config, Sources};

use crate::gateway::Gateway;

/// What was sent, as it came.
type Sent = Arc<Mutex<Vec<u8>>>;

async fn receive(sent: Data<Mutex<Vec<u8>>>, body: Bytes) -> HttpResponse {
    sent.lock().unwrap().extend_from_slice(&body);
    HttpResponse::Ok().json(serde_json::json!({}))
}

/// A Sentry that keeps everything, and its DSN.
fn receiver() -> (String, Sent) {
    let sent = Sent::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dsn = format!("http://public@{}/1", listener.local_addr().unwrap());
    let data = Data::from(Arc::clone(&sent));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .default_service(web::to(receive))
    });
    let server = server.workers(1).disable_signals().listen(listener);
    tokio::spawn(server.unwrap().run());
    (dsn, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_traced_by_their_route_and_no_secret_leaves() {
    runtime::process::install_crypto_provider();
    let (dsn, sent) = receiver();
    let config = Config::load(&Sources::of_variables(vec![
        ("DATABASE_URL", "postgres://db/x".to_owned()),
        ("SENTRY_DSN", dsn),
        ("SENTRY_TRACES_SAMPLE_RATE", "1".to_owned()),
    ]));
    let reporting = runtime::sentry::start(&config.unwrap(), "auth-gateway");
    assert!(reporting.is_on());
    let gateway = Gateway::start().await;
    for path in [
        "/api/hytale/token-poll?device_code=planted-code",
        "/api/v1/hytale/accounts/planted-account?token=planted-query&page=planted-page",
        "/planted-path?planted-name=1",
    ] {
        for method in [Method::GET, Method::POST] {
            let url = format!("{}{path}", gateway.url);
            let request = gateway
                .client
                .request(method, url)
                .header("Authorization", "Bearer planted-bearer")
                .header("X-API-Key", "planted-key")
                .header("Cookie", "session=planted-cookie")
                .header("User-Agent", "planted-agent")
                .header(
                    "sentry-trace",
                    "d49d9bf66f13450b81f65bc51cf49c03-1cc4b26ab9094ef0-1",
                )
                .json(&serde_json::json!({ "device_code": "planted-body" }));
            request.send().await.unwrap();
        }
    }
    // Dropped, it sends what waits.
    tokio::task::spawn_blocking(move || drop(reporting))
        .await
        .unwrap();
    let sent = String::from_utf8(sent.lock().unwrap().clone()).unwrap();
    for name in [
        "POST /api/hytale/token-poll",
        "GET /api/v1/hytale/accounts/{id}",
        "GET *",
    ] {
        let name = format!(r#""transaction":"{name}""#);
        assert!(sent.contains(&name), "{name} in {sent}");
    }
    assert!(!sent.contains("planted"), "{sent}");
    assert!(!sent.contains("d49d9bf66f13450b81f65bc51cf49c03"), "{sent}");
}
