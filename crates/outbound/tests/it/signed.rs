//! What a signed request carries, and what its answers mean.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::crypto::webhook_signature::verify;
use outbound::{Answer, Guard, LimitScope, SignedHttp, SigningSecret, Verdict};
use secrecy::ExposeSecret;
use std::time::Duration;
use url::Url;

use crate::server::{Act, LONG, Server, answer, say};

/// A guard that lets tests reach their own server.
pub fn open() -> Guard {
    Guard {
        allowed: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
    }
}

pub fn client(timeout: Duration) -> SignedHttp {
    SignedHttp::new(open(), timeout).unwrap()
}

pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

pub fn url(server: &Server, path: &str) -> Url {
    format!("http://127.0.0.1:{}{path}", server.port)
        .parse()
        .unwrap()
}

pub async fn post(client: &SignedHttp, url: &Url) -> Answer {
    let secrets = [SigningSecret::generate().unwrap()];
    let body = Bytes::from_static(b"{\"a\":1}");
    client.post(url, &secrets, "evt-1", body, now()).await
}

/// What becomes of one request that is answered so.
async fn answered(act: Act) -> Answer {
    let server = Server::start([act]).await;
    post(&client(LONG), &url(&server, "/hook")).await
}

#[tokio::test]
async fn a_request_carries_a_signature_that_either_secret_verifies() {
    let server = Server::start([say(204, &[], "")]).await;
    let secrets = [(); 2].map(|()| SigningSecret::generate().unwrap());
    let body = Bytes::from_static(b"{\"id\":\"evt-1\"}");
    let target = url(&server, "/hook?a=b");
    let answer = client(LONG)
        .post(&target, &secrets, "evt-1", body.clone(), now())
        .await;
    assert_eq!(answer.verdict, Verdict::Delivered);
    assert_eq!(answer.status, Some(204));
    let asked = server.asked().remove(0);
    assert_eq!(asked.line, "POST /hook?a=b HTTP/1.1");
    assert_eq!(asked.body, body);
    assert_eq!(asked.header("content-type"), "application/cloudevents+json");
    assert!(asked.header("user-agent").starts_with("NodeByte-Webhooks/"));
    for secret in secrets {
        verify(
            asked.header("webhook-id"),
            asked.header("webhook-timestamp"),
            &asked.body,
            asked.header("webhook-signature"),
            &[secret],
            now(),
            Duration::ZERO,
        )
        .unwrap();
    }
}

#[tokio::test]
async fn each_status_has_its_meaning() {
    let refused = |permanent| Verdict::Refused {
        permanent,
        retry_after: None,
    };
    let failed = Verdict::Failed { retry_after: None };
    for (status, expected) in [
        (200, Verdict::Delivered),
        (202, Verdict::Delivered),
        (400, refused(false)),
        (401, refused(false)),
        (404, refused(false)),
        (410, Verdict::Gone("GONE")),
        (413, refused(true)),
        (500, failed),
        (502, failed),
        (503, failed),
    ] {
        let answer = answered(say(status, &[], "why")).await;
        assert_eq!(answer.verdict, expected, "{status}");
        assert_eq!(answer.status, Some(status));
        assert_eq!(answer.excerpt, "why");
    }
}

#[tokio::test]
async fn pauses_are_told_as_they_are_asked_for() {
    let pause = Some(Duration::from_secs(7));
    let header = [("Retry-After", "7")];
    let refused = answered(say(409, &header, "")).await.verdict;
    let permanent = false;
    assert_eq!(
        refused,
        Verdict::Refused {
            permanent,
            retry_after: pause
        }
    );
    let failed = answered(say(503, &header, "")).await.verdict;
    assert_eq!(failed, Verdict::Failed { retry_after: pause });
    let limited = |seconds| Verdict::Limited {
        wait: Duration::from_secs(seconds),
        scope: LimitScope::Endpoint,
    };
    assert_eq!(answered(say(429, &header, "")).await.verdict, limited(7));
    assert_eq!(answered(say(429, &[], "")).await.verdict, limited(60));
    let date = [("Retry-After", "Tue, 14 Nov 2023 22:13:50 GMT")];
    assert_eq!(answered(say(429, &date, "")).await.verdict, limited(30));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start([say(200, &[], "")]).await;
    for status in [301, 302, 303, 307, 308] {
        let location = url(&elsewhere, "/").to_string();
        let answer = answered(say(status, &[("Location", &location)], "")).await;
        let expected = Verdict::Refused {
            permanent: false,
            retry_after: None,
        };
        assert_eq!(answer.verdict, expected, "{status}");
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_endless_body_is_read_to_the_cap_and_no_further() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n".to_vec();
    let body = vec![b'x'; 256 << 10];
    let act = Act::SayAndWait([head, body].concat());
    let answer = tokio::time::timeout(LONG / 2, answered(act)).await.unwrap();
    assert_eq!(answer.verdict, Verdict::Delivered);
    assert_eq!(answer.excerpt, "x".repeat(1_024));
}

#[tokio::test]
async fn a_body_that_breaks_off_does_not_change_the_answer() {
    let cut = b"HTTP/1.1 500 X\r\nContent-Length: 100\r\n\r\nhalf".to_vec();
    let answer = answered(Act::Say(cut)).await;
    assert_eq!(answer.verdict, Verdict::Failed { retry_after: None });
    assert_eq!(answer.excerpt, "half");
}

#[tokio::test]
async fn what_the_endpoint_says_back_shows_no_secret() {
    let secret = SigningSecret::generate().unwrap();
    let text = secret.text().expose_secret();
    let bare = &text["whsec_".len()..];
    let echo = format!("{text} {bare} key=s3cr%20t, s3cr t T0123456789abcdefXYZ x\u{0}y");
    let server = Server::start([say(400, &[], &echo)]).await;
    let target = url(&server, "/T0123456789abcdefXYZ?key=s3cr%20t&n=1");
    let secrets = std::slice::from_ref(&secret);
    let answer = client(LONG)
        .post(&target, secrets, "evt-1", Bytes::new(), now())
        .await;
    assert_eq!(answer.excerpt, "**** **** key=****, **** **** xy");
    assert!(!format!("{answer:?}").contains(bare));

    let said = "Cannot POST /a/7Kd93kL here, nor /7Kd93kL";
    let server = Server::start([say(404, &[], said)]).await;
    let target = url(&server, "/a/7Kd93kL/");
    let answer = client(LONG)
        .post(&target, secrets, "evt-1", Bytes::new(), now())
        .await;
    assert_eq!(answer.excerpt, "Cannot POST **** here, nor ****");
}

#[tokio::test]
async fn without_a_secret_nothing_is_sent() {
    let server = Server::start([say(200, &[], "")]).await;
    let target = url(&server, "/");
    let answer = client(LONG)
        .post(&target, &[], "evt-1", Bytes::new(), now())
        .await;
    assert_eq!(
        answer.verdict,
        Verdict::Misconfigured("SIGNING_SECRET_MISSING")
    );
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn the_rate_that_an_answer_names_is_told() {
    let headers = [
        ("X-RateLimit-Limit", "60"),
        ("X-RateLimit-Remaining", "12"),
        ("X-RateLimit-Reset-After", "1.5"),
    ];
    let rate = answered(say(200, &headers, "")).await.rate.unwrap();
    assert_eq!((rate.limit, rate.remaining), (60, 12));
    assert_eq!(rate.reset_after, Duration::from_millis(1_500));
}

#[tokio::test]
async fn a_kept_connection_that_closes_on_the_request_leaves_it_unknown() {
    let first = Act::SayAndHangUpOnTheNext(answer(200, &[], ""));
    let server = Server::start([first]).await;
    let client = client(LONG);
    let target = url(&server, "/");
    assert_eq!(post(&client, &target).await.verdict, Verdict::Delivered);
    assert_eq!(post(&client, &target).await.verdict, Verdict::Unknown);
    assert_eq!(server.asked().len(), 2, "nothing is repeated on its own");
}
