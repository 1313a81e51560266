use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{ServerHandle, Service};
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};
use futures_util::stream;
use runtime::health::{self, Health};
use runtime::http::{self, ApiError, Observe, RequestId, request_id};
use serde::Deserialize;
use serde_json::{Value, json};
use slog::{Logger, info};
use testkit::LogLines;
use tokio::time::timeout;

use crate::support::{client, logged};

struct Api {
    address: SocketAddr,
    lines: LogLines,
    handle: ServerHandle,
}

#[derive(Deserialize)]
struct Trigger {
    panel: String,
}

#[derive(Deserialize)]
struct Page {
    limit: u32,
}

async fn trigger(body: web::Json<Trigger>) -> String {
    body.panel.clone()
}

async fn page(query: web::Query<Page>) -> String {
    query.limit.to_string()
}

async fn run(id: web::Path<uuid::Uuid>) -> String {
    id.to_string()
}

async fn fails(kind: web::Path<String>) -> Result<HttpResponse, ApiError> {
    Err(match kind.as_str() {
        "internal" => ApiError::internal("the pool is planted empty"),
        "limited" => ApiError::rate_limited("Too often", Duration::from_millis(1500)),
        "away" => ApiError::unavailable("The broker is away", "connection planted refused"),
        "conflict" => ApiError::conflict("Already finished")
            .with_code("RUN_FINISHED")
            .with_details(json!({ "status": "COMPLETED" })),
        "panics" => panic!("planted: a handler panicked, as this test wants"),
        _ => {
            return Ok(HttpResponse::Forbidden()
                .content_type(ContentType::html())
                .body("<p>no</p>"));
        }
    })
}

async fn endless() -> HttpResponse {
    HttpResponse::Ok().streaming(stream::pending::<Result<web::Bytes, ApiError>>())
}

async fn says(log: web::Data<Logger>) -> String {
    info!(request_id::logger(&log), "working");
    RequestId::current().unwrap().to_string()
}

impl Api {
    fn start() -> Self {
        let (log, lines) = logged();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let health = Health::new("test", vec![], &log);
        let server = HttpServer::new(move || {
            App::new()
                .wrap_fn(|request, service| {
                    // A middleware that panics before there is an answer to wait for.
                    assert!(request.path() != "/fails/at-once", "planted");
                    service.call(request)
                })
                .wrap(Observe::new(&log))
                .wrap(runtime::sentry::middleware())
                .app_data(web::Data::new(log.clone()))
                .configure(http::configure)
                .configure(|app| health::configure(app, &health))
                .route("/trigger", web::post().to(trigger))
                .route("/page", web::get().to(page))
                .route("/runs/{id}", web::get().to(run))
                .route("/fails/{kind}", web::get().to(fails))
                .route("/says", web::get().to(says))
                .service(web::resource("/several").get(says).delete(says))
                .route("/endless", web::get().to(endless))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            address,
            lines,
            handle,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        client().get(self.url(path)).send().await.unwrap()
    }

    async fn post(&self, kind: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = client()
            .post(self.url("/trigger"))
            .header("content-type", kind)
            .body(body);
        request.send().await.unwrap()
    }

    /// Asserts an error's form and gives its body.
    async fn error(answer: reqwest::Response, status: StatusCode, code: &str) -> Value {
        assert_eq!(answer.status().as_u16(), status.as_u16());
        assert!(
            answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .contains("application/json")
        );
        let id = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["success"], false, "{body}");
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status.as_u16(), "{body}");
        assert_eq!(body["error"], body["message"], "{body}");
        assert_eq!(body["request_id"], id, "{body}");
        assert!(!body["error"].as_str().unwrap().is_empty());
        body
    }
}

#[tokio::test]
async fn an_unknown_address_is_a_json_404_and_a_wrong_method_a_json_405() {
    let api = Api::start();
    Api::error(
        api.get("/nothing/here").await,
        StatusCode::NOT_FOUND,
        "ENDPOINT_NOT_FOUND",
    )
    .await;
    // A route of its own, and resources.
    for path in ["/page", "/health/live", "/several"] {
        let answer = client().put(api.url(path)).send().await.unwrap();
        Api::error(answer, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED").await;
    }
    api.handle.stop(true).await;
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let api = Api::start();
    let answer = client().put(api.url("/several")).send().await.unwrap();
    let allowed: Vec<_> = answer.headers().get_all("allow").iter().collect();
    assert_eq!(allowed, ["GET, DELETE", "HEAD"]);
}

#[tokio::test]
async fn head_is_answered_wherever_get_is_without_a_body() {
    let api = Api::start();
    // One connection for all: an answer that does not end would hold up the next.
    let client = client();
    for (path, length) in [
        ("/endless", None),
        ("/page?limit=3", Some("1")),
        ("/health/live", Some("17")),
        ("/several", Some("36")),
    ] {
        let answer = client.head(api.url(path)).send();
        let answer = timeout(Duration::from_secs(30), answer).await;
        let answer = answer.expect("the connection is free").unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let told = answer.headers().get("content-length");
        assert_eq!(told.map(|it| it.to_str().unwrap()), length, "{path}");
        assert_eq!(answer.text().await.unwrap(), "", "{path}");
    }
    let line = api.lines.wait_for(|line| line["path"] == "/page").await;
    assert_eq!(line["method"], "HEAD", "the log says what was asked");

    let refused = client.head(api.url("/trigger")).send().await.unwrap();
    assert_eq!(refused.status(), 405);
    let unknown = client.head(api.url("/nothing")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_a_json_error_that_names_no_type() {
    let api = Api::start();
    for (kind, body) in [
        ("application/json", "{"),
        ("application/json", "{\"panel\": 4711}"),
        ("application/json", ""),
        ("text/plain", "{\"panel\": \"x\"}"),
    ] {
        let answer = api.post(kind, body).await;
        let body = Api::error(answer, StatusCode::BAD_REQUEST, "INVALID_REQUEST").await;
        let text = body["error"].as_str().unwrap();
        assert!(!text.contains("string") && !text.contains("4711"), "{text}");
    }
    let answer = api
        .post("application/json", "{\"panel\":\"default\"}")
        .await;
    assert_eq!(answer.text().await.unwrap(), "default");
}

#[tokio::test]
async fn a_body_above_the_limit_is_a_json_413() {
    let api = Api::start();
    let body = format!("{{\"panel\":\"{}\"}}", "x".repeat(http::BODY_LIMIT));
    let answer = api.post("application/json", body).await;
    Api::error(answer, StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE").await;
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_a_400_and_an_impossible_id_a_404() {
    let api = Api::start();
    let answer = api.get("/page?limit=many").await;
    Api::error(answer, StatusCode::BAD_REQUEST, "INVALID_REQUEST").await;
    Api::error(
        api.get("/runs/17").await,
        StatusCode::NOT_FOUND,
        "NOT_FOUND",
    )
    .await;
}

#[tokio::test]
async fn an_inner_cause_is_logged_and_never_answered() {
    let api = Api::start();
    let answer = api.get("/fails/internal").await;
    let body = Api::error(answer, StatusCode::INTERNAL_SERVER_ERROR, "SERVICE_ERROR").await;
    assert!(!body.to_string().contains("planted"), "{body}");
    let line = api
        .lines
        .wait_for(|line| line["cause"] == "the pool is planted empty")
        .await;
    assert_eq!(line["request_id"], body["request_id"]);
    assert_eq!(line["level"], "error");

    let answer = api.get("/fails/away").await;
    let body = Api::error(answer, StatusCode::SERVICE_UNAVAILABLE, "SERVICE_ERROR").await;
    assert!(!body.to_string().contains("planted"), "{body}");
}

#[tokio::test]
async fn a_panic_is_a_json_500_and_the_next_request_is_served() {
    let api = Api::start();
    for path in ["/fails/panics", "/fails/at-once"] {
        let answer = api.get(path).await;
        let body = Api::error(answer, StatusCode::INTERNAL_SERVER_ERROR, "SERVICE_ERROR").await;
        assert!(!body.to_string().contains("planted"), "{body}");
        assert_eq!(api.get("/page?limit=3").await.text().await.unwrap(), "3");
        let is_told = |line: &Value| line["status"] == 500 && line["path"] == path;
        let line = api.lines.wait_for(is_told).await;
        assert_eq!(line["request_id"], body["request_id"]);
    }
}

#[tokio::test]
async fn a_limited_request_says_when_to_come_back_in_whole_seconds() {
    let api = Api::start();
    let answer = api.get("/fails/limited").await;
    assert_eq!(answer.headers()["retry-after"], "2");
    let body = Api::error(answer, StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED").await;
    assert_eq!(body["retry_after"], 2);
}

#[tokio::test]
async fn an_error_may_have_a_code_and_details_of_its_own() {
    let api = Api::start();
    let answer = api.get("/fails/conflict").await;
    let body = Api::error(answer, StatusCode::CONFLICT, "RUN_FINISHED").await;
    assert_eq!(body["details"]["status"], "COMPLETED");
}

#[tokio::test]
async fn an_error_that_is_not_json_becomes_json() {
    let api = Api::start();
    Api::error(
        api.get("/fails/html").await,
        StatusCode::FORBIDDEN,
        "FORBIDDEN",
    )
    .await;
}

#[tokio::test]
async fn a_sane_request_id_is_taken_over_and_carried_into_the_log() {
    let api = Api::start();
    let asked = client()
        .get(api.url("/says"))
        .header("x-request-id", "trace-1.a_B");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "trace-1.a_B");
    assert_eq!(answer.text().await.unwrap(), "trace-1.a_B");
    for message in ["working", "request"] {
        let line = api.lines.wait_for(|line| line["message"] == message).await;
        assert_eq!(line["request_id"], "trace-1.a_B");
    }
}

#[tokio::test]
async fn a_request_id_that_could_do_harm_is_replaced() {
    let api = Api::start();
    for sent in ["", "a b", "a\"b", &"x".repeat(65)] {
        let asked = client().get(api.url("/says")).header("x-request-id", sent);
        let id = asked.send().await.unwrap().text().await.unwrap();
        assert!(id.parse::<uuid::Uuid>().is_ok(), "{sent} became {id}");
    }
}

#[tokio::test]
async fn the_access_line_holds_neither_query_nor_credential() {
    let api = Api::start();
    let asked = client()
        .get(api.url("/page?limit=3&api_key=planted"))
        .header("x-api-key", "planted");
    asked.send().await.unwrap();
    let line = api
        .lines
        .wait_for(|line| line["message"] == "request")
        .await;
    assert_eq!(line["method"], "GET");
    assert_eq!(line["path"], "/page");
    assert_eq!(line["status"], 200);
    assert_eq!(line["client"], "127.0.0.1");
    assert!(line["milliseconds"].as_f64().is_some());
    assert_eq!(line["credential"].as_str().unwrap().len(), 8);
    assert!(!api.lines.text().contains("planted"));
}
