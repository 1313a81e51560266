//! When what failed is tried again, and what waits for it.

use chrono::Utc;
use common::types::event::{Event, EventType};
use common::types::id::DeliveryId;
use common::types::webhook::WebhookType;
use serde_json::json;
use simulators::receiver::{Answer, Rule};
use testkit::wait_for;

use crate::stage::{PATIENCE, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_while_others_are_taken_is_set_aside_and_the_rest_proceeds() {
    let stage = Stage::new().await;
    let url = format!("{}/a", stage.receiver.url());
    stage
        .hook(&url, WebhookType::System, &["sync.*"], json!([]))
        .await;
    let poison = Rule::new([Answer::status(500)]);
    stage
        .receiver
        .rule(poison.on("/a").when_field("/data/kind", "poison"));
    let said = |kind: &str, subject: &str| {
        Event::new(
            EventType::SyncStarted,
            subject,
            Utc::now(),
            json!({"kind": kind}),
        )
    };
    stage.say(&[said("poison", "x"), said("good", "x")]).await;
    // Others keep coming, and are taken.
    let mut others = 0;
    wait_for("the event to be set aside", PATIENCE, async || {
        others += 1;
        stage.say(&[said("good", &others.to_string())]).await;
        let rows = stage.deliveries().await;
        if rows.iter().any(|it| it.state == "parked") {
            Ok(())
        } else {
            Err(format!("{rows:#?}"))
        }
    })
    .await;
    // What was behind it is taken now.
    stage.wait_state("delivered", others + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_says_when_it_began_and_how_long_it_took() {
    let stage = Stage::new().await;
    stage.signed("/a").await;
    let slow = Answer::Late {
        status: 200,
        milliseconds: 300,
    };
    stage.receiver.rule(Rule::new([slow]).on("/a"));
    let before = Utc::now();
    stage.completed(&["x"]).await;
    let row = stage.wait_state("delivered", 1).await.remove(0);
    let attempts = stage.store.delivery_attempts(DeliveryId(row.id)).await;
    let attempt = attempts.unwrap().remove(0);
    let took = attempt.milliseconds.unwrap();
    assert!((300..30_000).contains(&took), "{took}");
    let finished = row.finished_at.unwrap();
    assert!(before <= attempt.started_at && attempt.started_at < finished);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_failed_together_do_not_come_back_together() {
    let mut stage = Stage::without_notifier(&[("NOTIFICATIONS_RETRY_SECONDS", "1000")]).await;
    stage.signed("/a").await;
    stage
        .receiver
        .rule(Rule::new([Answer::status(422)]).on("/a"));
    stage
        .completed(&["a", "b", "c", "d", "e", "f", "g", "h"])
        .await;
    stage.start();
    let client = stage.database.connect().await;
    let pauses = wait_for("all to have failed", PATIENCE, async || {
        let pauses = "SELECT round(extract(epoch FROM due_at - last_attempt_at))::int \
                      FROM deliveries WHERE failures = 1 ORDER BY 1";
        let rows = client.query(pauses, &[]).await.unwrap();
        let pauses: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
        if pauses.len() == 8 {
            Ok(pauses)
        } else {
            Err(format!("{pauses:?}"))
        }
    })
    .await;
    assert!(pauses[0] >= 799 && pauses[7] <= 1201, "{pauses:?}");
    assert!(pauses[0] < pauses[7], "{pauses:?}");
}
