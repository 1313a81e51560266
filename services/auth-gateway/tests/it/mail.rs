//! Mail that callers have sent, from the request to Resend.

use std::net::TcpListener;
use std::time::Duration;

use common::types::scope::Scope;
use reqwest::{Method, StatusCode};
use runtime::log::json_lines;
use runtime::shutdown::Shutdown;
use serde_json::{Value, json};
use simulators::resend::{Limits, Options, Resend, Sent};
use slog::{Drain, Logger, o};
use testkit::{LogLines, wait_for};
use tokio::task::JoinHandle;

use crate::gateway::{Differences, Gateway, answer, error_code};

const PATIENCE: Duration = Duration::from_secs(30);
pub const TOKEN: &str = "cGxhbnRlZC1zZWNyZXQtdG9rZW4";

/// A gateway, and Resend behind it.
pub struct Post {
    pub gateway: Gateway,
    pub resend: Resend,
    pub lines: LogLines,
    notifier: Option<(Shutdown, JoinHandle<()>)>,
}

impl Post {
    pub async fn new(more: &[(&'static str, &str)]) -> Self {
        Self::with_settings(more, &[("site_url", "https://nodebyte.example")]).await
    }

    async fn with_settings(more: &[(&'static str, &str)], stored: &[(&str, &str)]) -> Self {
        let options = Options {
            limits: Limits::off(),
            ..Options::default()
        };
        let resend = Resend::start(options).await.unwrap();
        let mut variables = vec![
            ("RESEND_API_KEY", resend.api_key().unwrap()),
            ("MAIL_RESEND_URL", resend.url()),
            ("EMAIL_FROM", "NodeByte <noreply@example.com>".to_owned()),
            (
                "RESEND_WEBHOOK_SECRET",
                resend.signing_secrets()[0].to_string(),
            ),
        ];
        variables.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let differences = Differences {
            variables,
            ..Differences::default()
        };
        let mut gateway = Gateway::start_with(differences).await;
        for (key, value) in stored {
            let saved = gateway.store.setting_save(key, value, "plain", "test");
            saved.await.unwrap();
        }
        // One that has not read the settings before.
        gateway.url = gateway.replica().await.url;
        Self {
            gateway,
            resend,
            lines: LogLines::default(),
            notifier: None,
        }
    }

    /// Starts a notifier, whose log is kept.
    pub fn start(&mut self) {
        let log = Logger::root(json_lines(self.lines.clone()).fuse(), o!());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let notifier = notifier::build(&self.gateway.config, listener, &log).unwrap();
        let shutdown = Shutdown::new();
        let task = tokio::spawn(notifier.run(shutdown.clone()));
        self.notifier = Some((shutdown, task));
    }

    pub async fn stop(&mut self) {
        if let Some((shutdown, task)) = self.notifier.take() {
            shutdown.request();
            tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        }
    }

    pub async fn queue(&self, body: &Value) -> (StatusCode, Value) {
        self.gateway.post_json("/api/v1/email/queue", body).await
    }

    pub async fn sent(&self, count: usize) -> Vec<Sent> {
        wait_for("mails at Resend", PATIENCE, async || {
            let sent = self.resend.sent();
            if sent.len() == count {
                Ok(sent)
            } else {
                Err(format!("{sent:?}"))
            }
        })
        .await
    }

    /// All that is stored of mails, as text.
    pub async fn stored(&self) -> String {
        let client = self.gateway.database.connect().await;
        let all = "SELECT (SELECT COALESCE(string_agg(m::text, ' '), '') FROM mails m) || \
                   (SELECT COALESCE(string_agg(a::text, ' '), '') FROM mail_attempts a) || \
                   (SELECT COALESCE(string_agg(o::text, ' '), '') FROM outbox o)";
        client.query_one(all, &[]).await.unwrap().get(0)
    }

    pub async fn wait_state(&self, id: &str, state: &str) {
        let client = self.gateway.database.connect().await;
        wait_for("the mail", PATIENCE, async || {
            let select =
                "SELECT state || COALESCE(': ' || reason, '') FROM mails WHERE id::text = $1";
            let row: String = client.query_one(select, &[&id]).await.unwrap().get(0);
            if row.starts_with(state) {
                Ok(())
            } else {
                Err(row)
            }
        })
        .await;
    }
}

pub fn verification() -> Value {
    json!({
        "to": "Anna@Example.net",
        "subject": "You have won",
        "template": "verify-email",
        "data": { "name": "Anna", "userId": "u7", "token": TOKEN, "email": "anna@example.net" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_queued_arrives_with_a_working_link_and_our_subject() {
    let mut post = Post::new(&[]).await;
    post.start();
    let (status, body) = post.queue(&verification()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    assert_eq!(body["message"], "Email has been queued");
    let id = body["data"]["task_id"].as_str().unwrap();
    let sent = post.sent(1).await.remove(0);
    assert_eq!(sent.idempotency_key.as_deref(), Some(id));
    assert_eq!(sent.email["to"], json!(["anna@example.net"]));
    assert_eq!(sent.email["from"], "NodeByte <noreply@example.com>");
    assert_eq!(sent.email["subject"], "Verify your email");
    let link = format!("https://nodebyte.example/auth/verify-email?token={TOKEN}&id=u7");
    let html = sent.email["html"].as_str().unwrap();
    let quoted = format!("href=\"{}\"", link.replace('&', "&amp;"));
    assert!(html.contains(&quoted), "{html}");
    assert!(sent.email["text"].as_str().unwrap().contains(&link));
    post.wait_state(id, "sent").await;
    post.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lies_sealed_and_is_erased_when_it_was_handed_over() {
    let mut post = Post::new(&[]).await;
    let (_, body) = post.queue(&verification()).await;
    let id = body["data"]["task_id"].as_str().unwrap().to_owned();
    let waiting = post.stored().await;
    assert!(
        waiting.contains(&id) && !waiting.contains(TOKEN),
        "{waiting}"
    );
    post.start();
    post.sent(1).await;
    post.wait_state(&id, "sent").await;
    let client = post.gateway.database.connect().await;
    let select = "SELECT body IS NULL, resend_id IS NOT NULL FROM mails";
    let row = client.query_one(select, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0) && row.get::<_, bool>(1));
    assert!(!post.stored().await.contains(TOKEN));
    post.stop().await;
    let log = post.lines.text();
    assert!(!log.is_empty() && !log.contains(TOKEN), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_cannot_become_html() {
    let mut post = Post::new(&[]).await;
    post.start();
    let name = "<img src=x onerror=alert(1)>";
    let mail = json!({ "to": "a@example.net", "template": "welcome", "data": { "name": name } });
    assert_eq!(post.queue(&mail).await.0, StatusCode::ACCEPTED);
    let sent = post.sent(1).await.remove(0);
    let html = sent.email["html"].as_str().unwrap();
    assert!(
        html.contains("&lt;img src=x onerror=alert(1)&gt;"),
        "{html}"
    );
    assert!(!html.contains("<img"));
    post.stop().await;
}

#[tokio::test]
async fn only_templates_are_sent_and_only_with_what_they_say() {
    let post = Post::new(&[]).await;
    let mail = |template: &str, data: Value| json!({ "to": "a@example.net", "template": template, "data": data });
    for (body, code) in [
        (json!({}), "INVALID_REQUEST"),
        (json!({ "to": "a@example.net" }), "INVALID_REQUEST"),
        (
            mail("default", json!({ "message": "<b>" })),
            "UNKNOWN_TEMPLATE",
        ),
        (mail("verify_email", json!({ "name": "A" })), "MISSING_DATA"),
        (
            mail("welcome", json!({ "name": "see https://evil.example" })),
            "URL_NOT_ALLOWED",
        ),
        (
            mail("welcome", json!({ "name": "evil.example/login" })),
            "URL_NOT_ALLOWED",
        ),
        (
            mail("welcome", json!({ "name": "evil。com" })),
            "URL_NOT_ALLOWED",
        ),
        (
            mail("welcome", json!({ "name": "evil@b.example" })),
            "URL_NOT_ALLOWED",
        ),
        (
            mail(
                "welcome",
                json!({ "name": "A", "resetUrl": "//evil.example" }),
            ),
            "URL_NOT_ALLOWED",
        ),
        (
            mail("welcome", json!({ "name": "A\r\nBcc: b" })),
            "INVALID_DATA",
        ),
        (mail("welcome", json!({ "name": 7 })), "INVALID_REQUEST"),
    ] {
        let (status, answer) = post.queue(&body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(error_code(status, &answer), code, "{body}");
        assert!(!answer.to_string().contains("evil"), "{answer}");
    }
    let (_, answer) = post
        .queue(&mail("verify_email", json!({ "name": "A" })))
        .await;
    let error = answer["error"].as_str().unwrap();
    assert!(
        error.contains("`user_id`") && error.contains("`token`"),
        "{error}"
    );
    for to in [
        "a@example.net, b@example.net",
        "A <a@example.net>",
        "a@example.net\r\nBcc: b@example.net",
        "nobody",
    ] {
        let body = json!({ "to": to, "template": "welcome", "data": { "name": "A" } });
        let (status, answer) = post.queue(&body).await;
        assert_eq!(error_code(status, &answer), "INVALID_ADDRESS", "{to}");
    }
    assert_eq!(post.stored().await, "");
}

#[tokio::test]
async fn names_with_dots_and_versions_are_taken() {
    let post = Post::new(&[]).await;
    for data in [
        json!({ "name": "J.R.R. Tolkien" }),
        json!({ "name": "Smith, Jr.", "email": "smith@example.net" }),
    ] {
        let mail = json!({ "to": "a@example.net", "template": "welcome", "data": data });
        let (status, body) = post.queue(&mail).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    }
    let report = json!({ "to": "b@example.net", "template": "sync_report", "data": {
        "sync_type": "Panel v1.11.5", "status": "failed: timeout", "duration": "00:03:45" } });
    let (status, body) = post.queue(&report).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
}

#[tokio::test]
async fn a_mail_that_is_asked_for_twice_with_one_key_is_one() {
    let post = Post::new(&[]).await;
    let with_key = async |body: &Value| {
        let request = post.gateway.request(Method::POST, "/api/v1/email/queue");
        answer(request.header("Idempotency-Key", "k-1").json(body)).await
    };
    let (_, first) = with_key(&verification()).await;
    let (status, again) = with_key(&verification()).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(again["data"], first["data"]);
    let other = json!({ "to": "b@example.net", "template": "welcome", "data": { "name": "B" } });
    let (status, refused) = with_key(&other).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(error_code(status, &refused), "IDEMPOTENCY_KEY_REUSED");
    // Taken for the first, its link would never arrive.
    let mut newer = verification();
    newer["data"]["token"] = json!("another-token-of-the-same-user");
    let (status, refused) = with_key(&newer).await;
    assert_eq!(error_code(status, &refused), "IDEMPOTENCY_KEY_REUSED");
    // Another caller's keys are its own.
    let key = post.gateway.key("shop", [Scope::Notify]).await;
    let request = post
        .gateway
        .as_client(&key, Method::POST, "/api/v1/email/queue");
    let (status, new) = answer(request.header("Idempotency-Key", "k-1").json(&other)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_ne!(new["data"], first["data"]);
    // Two keys say two things.
    let request = post.gateway.request(Method::POST, "/api/v1/email/queue");
    let request = request.header("Idempotency-Key", "k-1");
    let two = request.header("Idempotency-Key", "k-2").json(&other);
    let (status, refused) = answer(two).await;
    assert_eq!(error_code(status, &refused), "INVALID_REQUEST");
}

#[tokio::test]
async fn without_a_website_no_mail_with_a_link_is_taken_and_others_are() {
    let post = Post::with_settings(&[], &[]).await;
    let (status, body) = post.queue(&verification()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(error_code(status, &body), "SITE_URL_MISSING");
    let mail = json!({ "to": "a@example.net", "template": "sync-complete",
        "data": { "syncType": "full", "status": "completed", "duration": "3 s" } });
    assert_eq!(post.queue(&mail).await.0, StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_is_switched_off_is_not_sent_but_links_are() {
    let stored = [
        ("site_url", "https://nodebyte.example"),
        ("email_notifications_enabled", "false"),
    ];
    let mut post = Post::with_settings(&[], &stored).await;
    let mail = json!({ "to": "b@example.net", "template": "welcome", "data": { "name": "B" } });
    let (status, body) = post.queue(&mail).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    post.queue(&verification()).await;
    post.start();
    let sent = post.sent(1).await.remove(0);
    assert_eq!(sent.email["subject"], "Verify your email");
    let id = body["data"]["task_id"].as_str().unwrap();
    post.wait_state(id, "suppressed").await;
    post.stop().await;
}
