//! Limits and bans.

use std::time::{Duration, Instant};

use serde_json::Value;
use simulators::discord::{Limits, Rate, Scope};

use super::support::{CHANNEL, as_bot, ask, limited, number, read, say, text};
use crate::support::client;

fn only(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::off();
    change(&mut limits);
    limits
}

#[actix_web::test]
async fn the_sixth_message_in_a_window_waits_for_its_webhook_alone() {
    // Longer windows, so that a slow machine does not leave them.
    let discord = limited(Limits::real().scaled(10.0)).await;
    let webhook = discord.add_webhook(CHANNEL);
    for left in [4.0, 3.0, 2.0, 1.0, 0.0] {
        let response = say(&webhook).await;
        assert_eq!(response.status(), 200);
        assert_eq!(number(&response, "X-RateLimit-Limit"), Some(5.0));
        assert_eq!(number(&response, "X-RateLimit-Remaining"), Some(left));
        assert!(number(&response, "X-RateLimit-Reset-After").unwrap() <= 20.0);
        assert!(number(&response, "X-RateLimit-Reset").unwrap() > 1.7e9);
        assert!(text(&response, "X-RateLimit-Bucket").is_some());
    }
    let refused = say(&webhook).await;
    assert_eq!(text(&refused, "X-RateLimit-Scope"), Some("user"));
    assert_eq!(text(&refused, "X-RateLimit-Global"), None);
    let header = number(&refused, "Retry-After").unwrap();
    let (status, body) = read(refused).await;
    let wait = body["retry_after"].as_f64().unwrap();
    assert_eq!((status, &body["global"]), (429, &Value::Bool(false)));
    assert!(0.0 < wait && wait <= header && header <= 21.0, "{wait}");
    let other = discord.add_webhook(CHANNEL);
    assert_eq!(say(&other).await.status(), 200);
    assert_eq!(discord.messages(CHANNEL).len(), 6);
}

#[actix_web::test]
async fn the_window_is_over_when_the_answer_said_so() {
    let discord = limited(only(|limits| limits.webhook = Some(Rate::new(1, 50)))).await;
    let webhook = discord.add_webhook(CHANNEL);
    let began = Instant::now();
    say(&webhook).await;
    while say(&webhook).await.status() == 429 {
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[actix_web::test]
async fn a_channel_is_limited_over_all_its_webhooks_and_no_header_tells() {
    let discord = limited(Limits {
        webhook: Some(Rate::new(40, 60_000)),
        ..Limits::real()
    })
    .await;
    let webhooks = [discord.add_webhook(CHANNEL), discord.add_webhook(CHANNEL)];
    for number in 0..30 {
        assert_eq!(say(&webhooks[number % 2]).await.status(), 200);
    }
    let refused = say(&webhooks[0]).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(number(&refused, "X-RateLimit-Remaining"), Some(24.0));
    assert!((30.0..=60.0).contains(&number(&refused, "Retry-After").unwrap()));
    let look = ask(client().get(&webhooks[0].url)).await;
    assert_eq!(look.0, 200, "only messages count");
    let elsewhere = discord.add_webhook("1250000000000000002");
    assert_eq!(say(&elsewhere).await.status(), 200);
}

#[actix_web::test]
async fn an_address_is_limited_over_everything() {
    let discord = limited(only(|limits| limits.global = Some(Rate::new(2, 60_000)))).await;
    let webhook = discord.add_webhook(CHANNEL);
    for _ in 0..2 {
        assert_eq!(say(&webhook).await.status(), 200);
    }
    let refused = say(&webhook).await;
    assert_eq!(text(&refused, "X-RateLimit-Global"), Some("true"));
    assert_eq!(text(&refused, "X-RateLimit-Scope"), Some("global"));
    let (status, body) = read(refused).await;
    assert_eq!((status, &body["global"]), (429, &Value::Bool(true)));
    assert_eq!(discord.journal()[2].scope, Some(Scope::Global));
    discord.set_limits(Limits::off());
    assert_eq!(say(&webhook).await.status(), 200);
}

#[actix_web::test]
async fn who_is_refused_too_often_is_shut_out() {
    let discord = limited(only(|limits| limits.invalid = Some(Rate::new(3, 60_000)))).await;
    let webhook = discord.add_webhook(CHANNEL);
    let wrong = webhook.url.replace(&webhook.token, "wrong");
    for _ in 0..3 {
        assert_eq!(ask(client().get(&wrong)).await.0, 401);
    }
    let request = as_bot(client().get(&webhook.url));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert!(response.text().await.unwrap().contains("error code: 1015"));
    assert_eq!(discord.invalid_requests(), 3);
}

#[actix_web::test]
async fn limits_can_be_scaled() {
    let scaled = Limits::real().scaled(0.1);
    assert_eq!(scaled.webhook, Some(Rate::new(5, 200)));
    assert_eq!(scaled.channel, Some(Rate::new(30, 6_000)));
    let discord = limited(scaled).await;
    let webhook = discord.add_webhook(CHANNEL);
    for _ in 0..5 {
        let response = say(&webhook).await;
        assert!(number(&response, "X-RateLimit-Reset-After").unwrap() <= 0.2);
    }
}
