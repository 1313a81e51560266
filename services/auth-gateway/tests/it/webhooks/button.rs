//! The test button, and signing secrets replaced.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::discord::{Effect, Fault, Scope};
use simulators::receiver::{Answer, Rule};
use std::time::Duration;
use testkit::wait_for;

use super::stage::{Stage, WEBHOOKS, id};
use crate::gateway::error_code;

async fn pressed(stage: &Stage, made: &Value) -> (StatusCode, Value) {
    stage
        .send(Method::PATCH, WEBHOOKS, &json!({"id": id(made)}))
        .await
}

#[tokio::test]
async fn a_test_is_a_real_delivery_that_is_noted() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let (status, body) = pressed(&stage, &made).await;
    assert_eq!((status, &body["success"]), (StatusCode::OK, &json!(true)));
    let journal = stage.receiver.journal_of("/hook");
    journal[0]
        .verify(made["signingSecret"].as_str().unwrap())
        .unwrap();
    assert_eq!(journal[0].json()["type"], "webhook.test");
    assert!(stage.listed().await[0]["testSuccessAt"].is_string());

    let there = stage.discord.add_webhook("100");
    let made = stage
        .made(json!({"name": "d", "webhookUrl": there.public_url}))
        .await;
    assert_eq!(pressed(&stage, &made).await.0, StatusCode::OK);
    let messages = stage.discord.messages("100");
    assert!(
        messages[0].body["embeds"][0]["title"]
            .as_str()
            .unwrap()
            .contains("Test")
    );
}

#[tokio::test]
async fn a_test_that_fails_is_never_2xx_and_says_why() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    stage.receiver.rule(Rule::new([
        Answer::status(500),
        Answer::status(404),
        Answer::ResetAfterReading,
    ]));
    for _ in 0..3 {
        let (status, body) = pressed(&stage, &made).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert_eq!(error_code(status, &body), "WEBHOOK_TEST_FAILED");
        assert!(!body.to_string().contains("planted-in-query"));
    }
    assert!(stage.listed().await[0]["testSuccessAt"].is_null());

    let there = stage.discord.add_webhook("100");
    let made = stage
        .made(json!({"name": "d", "webhookUrl": there.public_url}))
        .await;
    stage.discord.revoke(&there.id);
    let (status, body) = pressed(&stage, &made).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(
        body["error"].as_str().unwrap().contains("no such webhook"),
        "{body}"
    );
    let forum = stage.discord.add_forum_webhook("300").public_url;
    let made = stage.made(json!({"name": "f", "webhookUrl": forum})).await;
    let (_, body) = pressed(&stage, &made).await;
    let why = body["error"].as_str().unwrap();
    assert!(why.contains("thread_id"), "{why}");
    let unknown = json!({"id": uuid::Uuid::new_v4()});
    assert_eq!(
        stage.send(Method::PATCH, WEBHOOKS, &unknown).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_webhook_that_does_not_open_fails_its_test_and_only_the_log_says_more() {
    let stage = Stage::new().await;
    for column in ["address", "secret"] {
        let url = format!("{}/hook", stage.receiver.url());
        // The second wish is the first again, of which nobody can say any more what it was.
        let made = stage.made(json!({"name": "w", "webhookUrl": url})).await;
        let spoil = format!(
            "UPDATE webhooks SET {column} = overlay({column} placing \
               CASE WHEN substr({column}, 40, 1) = 'A' THEN 'B' ELSE 'A' END from 40 for 1) \
             WHERE id = '{}' RETURNING ''",
            id(&made)
        );
        stage.gateway.text(&spoil).await;
        let (status, body) = pressed(&stage, &made).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY, "{column}: {body}");
        assert_eq!(error_code(status, &body), "WEBHOOK_TEST_FAILED");
        assert_eq!(
            body["error"],
            "The test did not arrive: the webhook's address or secret cannot be opened"
        );
    }
    let cause = "a stored secret cannot be opened";
    assert!(stage.gateway.everything().await.contains(cause));
    assert!(stage.receiver.journal_of("/hook").is_empty());
}

#[tokio::test]
async fn tests_that_come_at_once_wait_for_their_turn() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    let made = stage
        .made(json!({"name": "d", "webhookUrl": there.public_url}))
        .await;
    let all = join_all((0..7).map(|_| pressed(&stage, &made))).await;
    assert!(all.iter().any(|(status, _)| *status == StatusCode::OK));
    let journal = stage.discord.journal();
    assert!(journal.iter().all(|it| it.status != 429));
}

#[tokio::test]
async fn while_a_secret_is_replaced_both_sign() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let path = format!("{WEBHOOKS}/{}/rotate-secret", id(&made));
    let (status, body) = stage.bare(Method::POST, &path).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (old, new) = (
        made["signingSecret"].as_str().unwrap(),
        body["signingSecret"].as_str().unwrap(),
    );
    assert_ne!(old, new);
    pressed(&stage, &made).await;
    let journal = stage.receiver.journal_of("/hook");
    journal[0].verify(old).unwrap();
    journal[0].verify(new).unwrap();

    let (status, body) = stage
        .send(Method::POST, &path, &json!({"overlapHours": 0}))
        .await;
    assert_eq!(status, StatusCode::OK);
    pressed(&stage, &made).await;
    let journal = stage.receiver.journal_of("/hook");
    assert!(journal[1].verify(new).is_err());
    journal[1]
        .verify(body["signingSecret"].as_str().unwrap())
        .unwrap();
    let (status, _) = stage
        .send(Method::POST, &path, &json!({"overlapHours": 1000}))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_former_secret_signs_no_longer_than_its_time() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let path = format!("{WEBHOOKS}/{}/rotate-secret", id(&made));
    let (status, body) = stage.bare(Method::POST, &path).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let secret = |of: &Value| of["signingSecret"].as_str().unwrap().to_owned();
    let (old, new) = (secret(&made), secret(&body));
    // So soon that the gateway has read both before.
    let soon = "UPDATE webhooks SET previous_secret_until = now() + interval '2 s', \
                revision = revision + 1 RETURNING name";
    stage.gateway.text(soon).await;
    wait_for(
        "the end of the overlap",
        Duration::from_secs(20),
        async || {
            pressed(&stage, &made).await;
            let last = stage.receiver.journal_of("/hook").pop().unwrap();
            last.verify(&new).unwrap();
            last.verify(&old).is_err().then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn while_discord_blocks_us_no_test_goes_there_and_nothing_else() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    let made = stage
        .made(json!({"name": "d", "webhookUrl": there.public_url}))
        .await;
    let block = Fault::new(Effect::Cloudflare {
        status: 403,
        code: 1015,
    });
    stage
        .discord
        .faults(|faults| faults.add(block.on(&there.id).times(1)));
    stage.discord.clear_journal();
    let (status, body) = pressed(&stage, &made).await;
    assert_eq!(error_code(status, &body), "WEBHOOK_TEST_FAILED");
    let pauses = "SELECT count(*)::text FROM provider_pauses \
                  WHERE kind = 'discord' AND until > now() + interval '30 s'";
    assert_eq!(stage.gateway.text(pauses).await, "1", "notifiers know too");
    let (status, body) = pressed(&stage, &made).await;
    assert_eq!(error_code(status, &body), "WEBHOOK_TEST_FAILED");
    assert!(body["details"]["seconds"].as_u64().unwrap() > 30, "{body}");
    let other = stage.discord.add_webhook("200").public_url;
    let other = json!({"name": "e", "webhookUrl": other});
    let (status, _) = stage.send(Method::POST, WEBHOOKS, &other).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stage.discord.journal().len(), 1, "it is asked no more");

    let signed = stage.signed().await;
    assert_eq!(pressed(&stage, &signed).await.0, StatusCode::OK);
    let over = "UPDATE provider_pauses SET until = now() RETURNING kind";
    stage.gateway.text(over).await;
    assert_eq!(pressed(&stage, &made).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_discord_limits_is_not_asked_again_until_the_time_is_over() {
    for scope in [Scope::User, Scope::Global] {
        let stage = Stage::new().await;
        let (there, other) = (
            stage.discord.add_webhook("100"),
            stage.discord.add_webhook("200"),
        );
        let mut made = Vec::new();
        for (name, webhook) in [("d", &there), ("e", &other)] {
            let form = json!({"name": name, "webhookUrl": webhook.public_url});
            made.push(stage.made(form).await);
        }
        let limited = Fault::new(Effect::TooManyRequests {
            scope,
            retry_after: 120.0,
        });
        stage
            .discord
            .faults(|faults| faults.add(limited.on(&there.id).times(1)));
        stage.discord.clear_journal();
        for _ in 0..2 {
            let (status, body) = pressed(&stage, &made[0]).await;
            assert_eq!(error_code(status, &body), "WEBHOOK_TEST_FAILED");
        }
        assert_eq!(stage.discord.journal().len(), 1, "{scope:?}");
        // The limit is the webhook's or everybody's, and notifiers know of both.
        let wait = if scope == Scope::User {
            let paused = "SELECT count(*)::text FROM webhook_health \
                          WHERE paused_until > now() + interval '100 seconds'";
            assert_eq!(stage.gateway.text(paused).await, "1");
            StatusCode::OK
        } else {
            StatusCode::BAD_GATEWAY
        };
        assert_eq!(pressed(&stage, &made[1]).await.0, wait, "{scope:?}");
        let over = "WITH w AS (UPDATE webhook_health SET paused_until = now()), \
                    p AS (UPDATE provider_pauses SET until = now()) SELECT ''";
        stage.gateway.text(over).await;
        assert_eq!(pressed(&stage, &made[0]).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn whoever_limits_us_is_left_alone_for_a_while_though_it_asks_for_none() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    let form = json!({"name": "d", "webhookUrl": there.public_url});
    let made = stage.made(form).await;
    for (scope, until) in [
        (Scope::User, "SELECT max(paused_until) FROM webhook_health"),
        (Scope::Global, "SELECT max(until) FROM provider_pauses"),
    ] {
        let limited = Fault::new(Effect::TooManyRequests {
            scope,
            retry_after: 0.0,
        });
        stage
            .discord
            .faults(|faults| faults.add(limited.on(&there.id).times(1)));
        let began = stage.gateway.text("SELECT now()::text").await;
        let (status, body) = pressed(&stage, &made).await;
        assert_eq!(error_code(status, &body), "WEBHOOK_TEST_FAILED");
        let lasts = format!("SELECT (({until}) >= '{began}'::timestamptz + interval '1 s')::text");
        assert_eq!(stage.gateway.text(&lasts).await, "true", "{scope:?}");
        let over = "WITH w AS (UPDATE webhook_health SET paused_until = now()), \
                    p AS (UPDATE provider_pauses SET until = now()) SELECT ''";
        stage.gateway.text(over).await;
    }
}

#[tokio::test]
async fn who_makes_a_webhook_that_discord_limits_is_told_when_to_come_again() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    let limited = Fault::new(Effect::TooManyRequests {
        scope: Scope::User,
        retry_after: 120.0,
    });
    stage
        .discord
        .faults(|faults| faults.add(limited.on(&there.id).times(1)));
    let form = json!({"name": "d", "webhookUrl": there.public_url});
    let request = stage.gateway.request(Method::POST, WEBHOOKS).json(&form);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let wait: u64 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((110..=130).contains(&wait), "{wait}");
}
