//! How many mails one caller may have sent, and one recipient gets.

use common::types::scope::Scope;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::gateway::{answer, error_code};
use crate::mail::Post;

#[tokio::test]
async fn callers_and_recipients_have_their_limits() {
    let post = Post::new(&[("LIMITS_MAILS", "3"), ("LIMITS_MAILS_TO_RECIPIENT", "2")]).await;
    let to = async |to: &str| {
        let mail = json!({ "to": to, "template": "welcome", "data": { "name": "A" } });
        post.queue(&mail).await
    };
    assert_eq!(to("a@example.net").await.0, StatusCode::ACCEPTED);
    assert_eq!(to("A@example.net").await.0, StatusCode::ACCEPTED);
    for _ in 0..5 {
        assert_eq!(to("a@EXAMPLE.net").await.0, StatusCode::TOO_MANY_REQUESTS);
    }
    // Their address costs nobody else a mail.
    assert_eq!(to("b@example.net").await.0, StatusCode::ACCEPTED);
    let (status, body) = to("c@example.net").await;
    assert_eq!(error_code(status, &body), "RATE_LIMITED");
    assert!(
        body.to_string().contains("at most 3 mails of one sender"),
        "{body}"
    );
    // Whoever asks, the recipient gets no more.
    let key = post.gateway.key("shop", [Scope::Notify]).await;
    let request = post
        .gateway
        .as_client(&key, Method::POST, "/api/v1/email/queue");
    let mail = json!({ "to": "a@example.net", "template": "welcome", "data": { "name": "A" } });
    let (status, body) = answer(request.json(&mail)).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        body.to_string().contains("at most 2 mails to one address"),
        "{body}"
    );
}

#[tokio::test]
async fn what_makes_no_mail_uses_up_nobodys_limit() {
    let post = Post::new(&[("LIMITS_MAILS", "3"), ("LIMITS_MAILS_TO_RECIPIENT", "2")]).await;
    let welcome = |to: &str| json!({ "to": to, "template": "welcome", "data": { "name": "A" } });
    let keyed = async |to: &str| {
        let request = post.gateway.request(Method::POST, "/api/v1/email/queue");
        answer(request.header("Idempotency-Key", "k").json(&welcome(to))).await
    };
    let (_, first) = keyed("a@example.net").await;
    for _ in 0..5 {
        let (status, again) = keyed("a@example.net").await;
        assert_eq!(
            (status, &again["data"]),
            (StatusCode::ACCEPTED, &first["data"])
        );
        let (status, body) = keyed("b@example.net").await;
        assert_eq!(error_code(status, &body), "IDEMPOTENCY_KEY_REUSED");
    }
    let client = post.gateway.database.connect().await;
    let suppress = "INSERT INTO mail_suppressions (id, address, reason, event) \
                    VALUES (gen_random_uuid(), 'gone@example.net', 'BOUNCED', 'e')";
    client.batch_execute(suppress).await.unwrap();
    for _ in 0..5 {
        let (status, body) = post.queue(&welcome("gone@example.net")).await;
        assert_eq!(error_code(status, &body), "ADDRESS_SUPPRESSED");
    }
    for to in ["a@example.net", "b@example.net"] {
        assert_eq!(post.queue(&welcome(to)).await.0, StatusCode::ACCEPTED);
    }
    let (status, _) = post.queue(&welcome("c@example.net")).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn one_request_that_comes_many_times_at_once_needs_what_one_mail_needs() {
    let post = Post::new(&[("LIMITS_MAILS", "1"), ("LIMITS_MAILS_TO_RECIPIENT", "1")]).await;
    let mail = json!({ "to": "a@example.net", "template": "welcome", "data": { "name": "A" } });
    let ask = async || {
        let request = post.gateway.request(Method::POST, "/api/v1/email/queue");
        answer(request.header("Idempotency-Key", "k").json(&mail)).await
    };
    let answers = join_all((0..20).map(|_| ask())).await;
    let (_, first) = &answers[0];
    for (status, body) in &answers {
        assert_eq!(*status, StatusCode::ACCEPTED, "{body}");
        assert_eq!(body["data"], first["data"]);
    }
    let (status, body) = post.queue(&mail).await;
    assert_eq!(error_code(status, &body), "RATE_LIMITED");
    let kept = post.gateway.database.connect().await;
    let kept = kept.query_one("SELECT count(*) FROM mails", &[]).await;
    assert_eq!(
        kept.unwrap().get::<_, i64>(0),
        1,
        "what is refused is not kept"
    );
}

#[tokio::test]
async fn of_what_comes_at_once_with_one_key_one_mail_counts() {
    let post = Post::new(&[("LIMITS_MAILS", "5"), ("LIMITS_MAILS_TO_RECIPIENT", "2")]).await;
    let welcome = |to: &str| json!({ "to": to, "template": "welcome", "data": { "name": "A" } });
    let keyed = async |to: &str| {
        let request = post.gateway.request(Method::POST, "/api/v1/email/queue");
        answer(request.header("Idempotency-Key", "k").json(&welcome(to))).await
    };
    let to = |number: usize| format!("{number}@example.net");
    let recipients: Vec<String> = (0..4).map(to).collect();
    let answers = join_all(recipients.iter().map(|to| keyed(to))).await;
    let made = answers.iter().position(|it| it.0 == StatusCode::ACCEPTED);
    let made = made.unwrap();
    let others = answers.iter().filter(|it| it.0 == StatusCode::CONFLICT);
    assert_eq!(others.count(), 3, "{answers:?}");
    // Of the four mails that are left to the sender, each other one has its two.
    let other = &recipients[(made + 1) % 4];
    for to in [other, other, &recipients[made], &to(9)] {
        let (status, body) = post.queue(&welcome(to)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    }
    let (status, _) = post.queue(&welcome(&to(10))).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}
