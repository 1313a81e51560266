//! When what failed is tried again, and what waits for it.

use chrono::Utc;
use common::types::caller::Actor;
use common::types::event::{Event, EventType};
use common::types::id::DeliveryId;
use common::types::webhook::WebhookType;
use serde_json::json;
use simulators::receiver::{Answer, Rule};
use store::DeliveryFilter;
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
        (stage.set_aside().await == 1).then_some(())
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

#[tokio::test(flavor = "multi_thread")]
async fn what_was_claimed_too_long_ago_does_not_leave_and_is_claimed_anew() {
    let patience = ("NOTIFICATIONS_REQUEST_TIMEOUT_SECONDS", "1");
    let mut stage = Stage::without_notifier(&[patience]).await;
    stage.signed("/a").await;
    let there = stage.discord.add_webhook("100");
    stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    stage.start();
    stage.completed(&["x"]).await;
    stage.wait_state("delivered", 2).await;
    stage.stop().await;
    // Both go once more, by a notifier that has opened neither address. It cannot without the
    // data keys, and so stands still between claim and request.
    let busy = stage.database.connect().await;
    let lock = "BEGIN; LOCK TABLE data_keys IN ACCESS EXCLUSIVE MODE";
    busy.batch_execute(lock).await.unwrap();
    let actor = Actor::Operator("test".to_owned());
    let all = DeliveryFilter::default();
    let replay = stage.store.deliveries_replay(&all, 10, 1000.0, &actor);
    assert_eq!(replay.await.unwrap().replayed, 2);
    stage.start();
    let looking = stage.database.connect().await;
    // A claim lasts for 7 s, in the first of which the request has to leave.
    wait_for("both claims to grow old", PATIENCE, async || {
        let old = "SELECT count(*) FROM delivery_lanes \
                   WHERE held_until < clock_timestamp() + interval '5.5 seconds'";
        let old: i64 = looking.query_one(old, &[]).await.unwrap().get(0);
        (old == 2).then_some(()).ok_or(old)
    })
    .await;
    busy.batch_execute("COMMIT").await.unwrap();
    for row in stage.wait_state("delivered", 2).await {
        let attempts = stage.store.delivery_attempts(DeliveryId(row.id)).await;
        let attempts = attempts.unwrap();
        // A slow machine may lose another claim before it sends.
        let unsent: Vec<_> = attempts.iter().filter(|it| it.status.is_none()).collect();
        assert_eq!(attempts.len(), unsent.len() + 2, "{attempts:#?}");
        assert!(!unsent.is_empty(), "{attempts:#?}");
        let said = unsent[0].answer.as_deref().unwrap_or_default();
        assert!(
            said.contains("claim") && !unsent[0].counted,
            "{attempts:#?}"
        );
    }
    assert_eq!(stage.receiver.journal_of("/a").len(), 2);
    assert_eq!(stage.discord.messages("100").len(), 2);
}
