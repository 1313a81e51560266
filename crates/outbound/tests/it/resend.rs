//! Resend's answers, through the client.

use bytes::Bytes;
use outbound::{Email, LimitScope, Resend, Verdict};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::time::Duration;

use crate::server::{Act, LONG, Server, say};

const KEY: &str = "re_s3cr3t";

fn resend(server: &Server) -> Resend {
    let base = format!("http://127.0.0.1:{}", server.port).parse().unwrap();
    Resend::new(base, SecretString::from(KEY), LONG).unwrap()
}

fn email() -> Bytes {
    let email = Email {
        from: "NodeByte <noreply@example.com>".to_owned(),
        to: vec!["a@example.net".to_owned()],
        subject: "Hi".to_owned(),
        html: "<p>Hi</p>".to_owned(),
        text: "Hi".to_owned(),
    };
    serde_json::to_vec(&email).unwrap().into()
}

#[tokio::test]
async fn an_email_is_sent_under_its_key_and_its_id_told() {
    let headers = [
        ("ratelimit-limit", "2"),
        ("ratelimit-remaining", "1"),
        ("ratelimit-reset", "1"),
    ];
    let said = json!({"id": "49a3999c"}).to_string();
    let server = Server::start([say(200, &headers, &said)]).await;
    let answer = resend(&server).send("evt/1", email()).await;
    assert_eq!(answer.verdict, Verdict::Delivered);
    assert_eq!(answer.message_id.as_deref(), Some("49a3999c"));
    let rate = answer.rate.unwrap();
    assert_eq!((rate.limit, rate.remaining), (2, 1));
    let asked = server.asked().remove(0);
    assert_eq!(asked.line, "POST /emails HTTP/1.1");
    assert_eq!(asked.header("authorization"), "Bearer re_s3cr3t");
    assert_eq!(asked.header("idempotency-key"), "evt/1");
    assert_eq!(asked.header("content-type"), "application/json");
    assert!(asked.header("user-agent").starts_with("nodebyte/"));
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body["to"], json!(["a@example.net"]));
}

#[tokio::test]
async fn a_limit_holds_for_the_provider() {
    let said = json!({"statusCode": 429, "name": "rate_limit_exceeded"}).to_string();
    let server = Server::start([say(429, &[("retry-after", "2")], &said)]).await;
    let answer = resend(&server).send("evt/1", email()).await;
    let wait = Duration::from_secs(2);
    let scope = LimitScope::Provider;
    assert_eq!(answer.verdict, Verdict::Limited { wait, scope });
}

#[tokio::test]
async fn the_key_shows_nowhere() {
    let said = json!({"name": "invalid_api_key", "message": format!("{KEY} is wrong")});
    let server = Server::start([say(403, &[], &said.to_string()), Act::HangUp]).await;
    let client = resend(&server);
    let answer = client.send("evt/1", email()).await;
    assert_eq!(answer.verdict, Verdict::Misconfigured("INVALID_API_KEY"));
    assert!(!format!("{client:?} {answer:?}").contains("s3cr3t"));
    let lost = client.send("evt/1", email()).await;
    assert_eq!(lost.verdict, Verdict::Unknown);
    assert!(!format!("{lost:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_refused() {
    let base = "https://api.resend.com".parse().unwrap();
    let error = Resend::new(base, SecretString::from("re_s3cr3t\n"), LONG).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("s3cr3t"));
}
