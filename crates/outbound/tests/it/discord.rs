//! Discord's answers, through the client.

use outbound::{Discord, DiscordWebhook, Embed, LimitScope, Message, Verdict};
use serde_json::{Value, json};
use std::time::Duration;

use crate::server::{Act, LONG, Server, say};

const ID: &str = "123456789012345678";
const THREAD: &str = "876543210987654321";

fn token() -> String {
    "T0ken_-".repeat(10)[..68].to_owned()
}

fn webhook(query: &str) -> DiscordWebhook {
    let token = token();
    DiscordWebhook::parse(&format!(
        "https://discord.com/api/webhooks/{ID}/{token}{query}"
    ))
    .unwrap()
}

fn discord(server: &Server) -> Discord {
    let base = format!("http://127.0.0.1:{}", server.port).parse().unwrap();
    Discord::new(base, LONG).unwrap()
}

fn message() -> Message {
    Message::new(vec![Embed::builder("title").field("a", "b", true).build()])
}

/// What a post that is answered so means.
async fn verdict(act: Act) -> Verdict {
    let server = Server::start([act]).await;
    let answer = discord(&server).post(&webhook(""), &message()).await;
    assert!(!format!("{answer:?}").contains(&token()));
    answer.verdict
}

fn coded(status: u16, code: u32) -> Act {
    let body = json!({"message": "no", "code": code}).to_string();
    say(status, &[("Content-Type", "application/json")], &body)
}

#[tokio::test]
async fn a_message_is_posted_and_its_id_told() {
    let said = json!({"id": THREAD, "content": "", "token": token()}).to_string();
    let headers = [
        ("X-RateLimit-Limit", "5"),
        ("X-RateLimit-Remaining", "4"),
        ("X-RateLimit-Reset-After", "0.4"),
    ];
    let server = Server::start([say(200, &headers, &said)]).await;
    let answer = discord(&server).post(&webhook(""), &message()).await;
    assert_eq!(answer.verdict, Verdict::Delivered);
    assert_eq!(answer.message_id.as_deref(), Some(THREAD));
    let rate = answer.rate.unwrap();
    assert_eq!((rate.limit, rate.remaining), (5, 4));
    assert_eq!(rate.reset_after, Duration::from_millis(400));
    assert!(!format!("{answer:?}").contains(&token()));
    let asked = server.asked().remove(0);
    let line = format!("POST /api/v10/webhooks/{ID}/{}?wait=true HTTP/1.1", token());
    assert_eq!(asked.line, line);
    assert_eq!(asked.header("content-type"), "application/json");
    assert!(
        asked
            .header("user-agent")
            .starts_with("DiscordBot (https://")
    );
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body["username"], "NodeByte");
    assert_eq!(body["allowed_mentions"], json!({"parse": []}));
    assert_eq!(body["embeds"][0]["title"], "title");
}

#[tokio::test]
async fn a_thread_is_named_and_a_message_edited() {
    let said = json!({"id": "1"}).to_string();
    let server = Server::start([say(200, &[], &said), say(200, &[], &said)]).await;
    let webhook = webhook(&format!("?thread_id={THREAD}"));
    let client = discord(&server);
    client.post(&webhook, &message()).await;
    let answer = client.edit(&webhook, "42", &message()).await;
    assert_eq!(answer.verdict, Verdict::Delivered);
    let [posted, edited] = <[_; 2]>::try_from(server.asked()).unwrap();
    assert!(
        posted
            .line
            .ends_with(&format!("?wait=true&thread_id={THREAD} HTTP/1.1"))
    );
    assert!(edited.line.starts_with("PATCH /api/v10/webhooks/"));
    assert!(
        edited
            .line
            .ends_with(&format!("/messages/42?thread_id={THREAD} HTTP/1.1"))
    );
}

#[tokio::test]
async fn a_webhook_is_checked_without_a_message() {
    let info = |kind: u8| {
        json!({"id": ID, "type": kind, "name": "Ops", "channel_id": "7", "guild_id": "8",
               "avatar": null, "token": token()})
        .to_string()
    };
    let acts = [
        say(200, &[], &info(1)),
        say(200, &[], &info(3)),
        say(200, &[], "<html>"),
        coded(404, 10_015),
    ];
    let server = Server::start(acts).await;
    let client = discord(&server);
    let webhook = webhook("");
    let found = client.check(&webhook).await.unwrap();
    assert_eq!(found.name.as_deref(), Some("Ops"));
    assert_eq!(found.channel_id.as_deref(), Some("7"));
    assert_eq!(found.guild_id.as_deref(), Some("8"));
    for expected in [
        Verdict::Misconfigured("WRONG_WEBHOOK_TYPE"),
        Verdict::Failed { retry_after: None },
        Verdict::Gone("UNKNOWN_WEBHOOK"),
    ] {
        let answer = client.check(&webhook).await.unwrap_err();
        assert_eq!(answer.verdict, expected);
        assert!(!format!("{answer:?}").contains(&token()));
    }
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.line.starts_with("GET "))
    );
}

#[tokio::test]
async fn codes_are_told_apart() {
    let permanent = Verdict::Refused {
        permanent: true,
        retry_after: None,
    };
    for (status, code, expected) in [
        (400, 50_035, permanent),
        (400, 220_001, Verdict::Misconfigured("THREAD_REQUIRED")),
        (401, 50_027, Verdict::Gone("INVALID_WEBHOOK_TOKEN")),
        (403, 50_013, Verdict::Misconfigured("MISSING_PERMISSIONS")),
        (404, 10_015, Verdict::Gone("UNKNOWN_WEBHOOK")),
        (404, 10_003, Verdict::Gone("UNKNOWN_CHANNEL")),
        (413, 40_005, permanent),
        (500, 0, Verdict::Failed { retry_after: None }),
    ] {
        assert_eq!(
            verdict(coded(status, code)).await,
            expected,
            "{status}/{code}"
        );
    }
}

#[tokio::test]
async fn limits_and_blocks_are_told_apart() {
    let limited = |ms, scope| Verdict::Limited {
        wait: Duration::from_millis(ms),
        scope,
    };
    let body = |global| json!({"retry_after": 1.25, "global": global}).to_string();
    assert_eq!(
        verdict(say(429, &[], &body(false))).await,
        limited(1_250, LimitScope::Endpoint)
    );
    assert_eq!(
        verdict(say(429, &[("Retry-After", "2")], &body(true))).await,
        limited(2_000, LimitScope::Provider)
    );
    for status in [403, 429] {
        let page = say(
            status,
            &[("Content-Type", "text/html")],
            "<html>1015</html>",
        );
        let wait = Duration::from_secs(900);
        assert_eq!(verdict(page).await, Verdict::ProviderBlocked { wait });
    }
}

#[tokio::test]
async fn a_redirect_of_discords_is_not_followed() {
    let elsewhere = Server::start([say(200, &[], "{}")]).await;
    let location = format!("http://127.0.0.1:{}/", elsewhere.port);
    let refused = Verdict::Refused {
        permanent: false,
        retry_after: None,
    };
    assert_eq!(
        verdict(say(302, &[("Location", &location)], "")).await,
        refused
    );
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_lost_answer_of_discords_is_unknown() {
    assert_eq!(verdict(Act::HangUp).await, Verdict::Unknown);
}

#[tokio::test]
async fn a_base_that_holds_a_secret_is_refused() {
    let base = "https://u:p@discord.com".parse().unwrap();
    assert!(Discord::new(base, LONG).is_err());
}
