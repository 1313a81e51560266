//! To whom signing secrets are answered, and how they are replaced.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::stage::{Stage, WEBHOOKS, id};
use crate::gateway::error_code;

fn secret(answer: &Value) -> String {
    answer["signingSecret"].as_str().unwrap().to_owned()
}

fn rotation(made: &Value) -> String {
    format!("{WEBHOOKS}/{}/rotate-secret", id(made))
}

/// Replaces a secret, which must succeed.
async fn rotated(stage: &Stage, made: &Value, overlap: i64) -> String {
    let body = json!({"overlapHours": overlap});
    let (status, answer) = stage.send(Method::POST, &rotation(made), &body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    secret(&answer)
}

/// Who signs what is sent now, of these secrets.
async fn signing(stage: &Stage, made: &Value, secrets: &[&str]) -> Vec<bool> {
    let press = json!({"id": id(made)});
    let (status, _) = stage.send(Method::PATCH, WEBHOOKS, &press).await;
    assert_eq!(status, StatusCode::OK);
    let journal = stage.receiver.journal_of("/hook");
    let last = journal.last().unwrap();
    secrets.iter().map(|it| last.verify(it).is_ok()).collect()
}

/// Lets the trail's lines, and with them what they tell, be two minutes older.
async fn two_minutes_pass(stage: &Stage) {
    let database = stage.gateway.gateway.database.connect().await;
    let older = "ALTER TABLE admin_audit DISABLE TRIGGER USER; \
         UPDATE admin_audit SET created_at = created_at - interval '2 minutes'; \
         UPDATE webhooks SET created_at = created_at - interval '2 minutes', \
           previous_secret_until = previous_secret_until - interval '2 minutes'";
    database.batch_execute(older).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_answered_again_only_to_who_made_the_webhook() {
    let stage = Stage::new().await;
    let colleague = stage.colleague().await;
    let first = stage.signed().await;
    let (status, other) = stage.send_as(&colleague, WEBHOOKS, &stage.partner()).await;
    assert_eq!(status, StatusCode::OK, "{other}");
    assert_ne!(id(&other), id(&first));
    assert_ne!(secret(&other), secret(&first));
    assert_eq!(stage.signed().await, first);
    assert_eq!(stage.listed().await.len(), 2);
}

#[tokio::test]
async fn a_secret_that_somebody_replaced_is_not_answered_to_who_made_the_webhook() {
    let stage = Stage::new().await;
    let colleague = stage.colleague().await;
    let first = stage.signed().await;
    let (_, replaced) = stage
        .send_as(&colleague, &rotation(&first), &json!({}))
        .await;
    let again = stage.signed().await;
    assert_ne!(id(&again), id(&first));
    assert_ne!(secret(&again), secret(&replaced));
}

#[tokio::test]
async fn a_secret_is_not_answered_again_after_a_minute() {
    let stage = Stage::new().await;
    let first = stage.signed().await;
    let replaced = rotated(&stage, &first, 0).await;
    two_minutes_pass(&stage).await;
    assert_ne!(id(&stage.signed().await), id(&first));
    assert_ne!(rotated(&stage, &first, 0).await, replaced);
}

#[tokio::test]
async fn a_secret_whose_overlap_runs_is_kept_unless_both_are_replaced_at_once() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let old = secret(&made);
    // Misspelt, it would leave a secret that leaked in use.
    for body in [
        json!({"overlap_hours": 0}),
        json!({"overlapHour": 0}),
        json!({"overlap_hours": ""}),
        json!({"overlap_hours": null}),
    ] {
        let (status, answer) = stage.send(Method::POST, &rotation(&made), &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        let (name, _) = body.as_object().unwrap().iter().next().unwrap();
        assert!(answer["error"].as_str().unwrap().contains(name), "{answer}");
    }
    for query in [
        "overlap_hours=",
        "overlap_hours=0",
        "overlapHours=0.5",
        "overlapHours=24&overlapHours=0",
        "overlapHours=",
        "overlapHours",
    ] {
        let path = format!("{}?{query}", rotation(&made));
        let (status, answer) = stage.send(Method::POST, &path, &json!({})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {answer}");
    }
    assert_eq!(signing(&stage, &made, &[&old]).await, [true]);
    let new = rotated(&stage, &made, 24).await;
    for body in [json!({"overlapHours": 48}), json!({"overlapHours": 1})] {
        let (status, answer) = stage.send(Method::POST, &rotation(&made), &body).await;
        assert_eq!(status, StatusCode::CONFLICT, "{answer}");
        assert_eq!(error_code(status, &answer), "ROTATION_IN_PROGRESS");
        let until = answer["details"]["until"].as_str().unwrap();
        let sentence = answer["error"].as_str().unwrap();
        assert!(sentence.contains(until) && sentence.contains("`overlapHours: 0`"));
        let until: DateTime<Utc> = until.parse().unwrap();
        let left = until - Utc::now();
        assert!(left > TimeDelta::hours(23) && left <= TimeDelta::hours(24));
    }
    assert_eq!(signing(&stage, &made, &[&old, &new]).await, [true, true]);

    let path = format!("{}?overlapHours=0", rotation(&made));
    let (status, answer) = stage.bare(Method::POST, &path).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let at_once = answer["signingSecret"].as_str().unwrap().to_owned();
    let all = [&*old, &new, &at_once];
    assert_eq!(signing(&stage, &made, &all).await, [false, false, true]);
    // Nothing overlaps any more.
    let next = rotated(&stage, &made, 24).await;
    let all = [&*at_once, &next];
    assert_eq!(signing(&stage, &made, &all).await, [true, true]);
}

#[tokio::test]
async fn a_rotation_whose_answer_was_lost_is_answered_again_to_who_asked_for_it() {
    let stage = Stage::new().await;
    let colleague = stage.colleague().await;
    let made = stage.signed().await;
    let new = rotated(&stage, &made, 24).await;
    assert_eq!(rotated(&stage, &made, 24).await, new);
    let (status, body) = stage
        .send_as(&colleague, &rotation(&made), &json!({}))
        .await;
    assert_eq!(error_code(status, &body), "ROTATION_IN_PROGRESS");
    assert!(!body.to_string().contains("whsec_"), "{body}");
    two_minutes_pass(&stage).await;
    let (status, body) = stage.bare(Method::POST, &rotation(&made)).await;
    assert_eq!(error_code(status, &body), "ROTATION_IN_PROGRESS");

    let at_once = rotated(&stage, &made, 0).await;
    assert_eq!(rotated(&stage, &made, 0).await, at_once);
    let at_once_too = json!({"overlapHours": 0});
    let (_, body) = stage
        .send_as(&colleague, &rotation(&made), &at_once_too)
        .await;
    assert_ne!(secret(&body), at_once);
    assert_ne!(rotated(&stage, &made, 0).await, secret(&body));
}

#[tokio::test]
async fn rotations_that_come_at_once_replace_the_secret_once() {
    let stage = Stage::new().await;
    let made = stage.signed().await;
    let all = join_all((0..4).map(|_| rotated(&stage, &made, 24))).await;
    assert!(all.iter().all(|it| *it == all[0]), "{all:?}");
    let both = [&*secret(&made), &all[0]];
    assert_eq!(signing(&stage, &made, &both).await, [true, true]);
}
