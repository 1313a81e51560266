//! What arrives at signed endpoints, in which order, and what does not.

use std::time::Duration;

use chrono::Utc;
use common::types::event::{Event, EventType};
use common::types::webhook::WebhookType;
use serde_json::json;
use simulators::receiver::{Answer, Rule};
use store::WebhookChange;
use testkit::wait_for;

use crate::stage::{PATIENCE, Stage, texts};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_signed_under_its_own_id() {
    let stage = Stage::new().await;
    let hook = stage.signed("/a").await;
    let ids = stage.completed(&["run"]).await;
    let rows = stage.wait_state("delivered", 1).await;
    let journal = stage.receiver.journal_of("/a");
    assert_eq!(journal.len(), 1);
    journal[0].verify(&hook.secret).unwrap();
    assert_eq!(journal[0].webhook_id, Some(ids[0].to_string()));
    let body = journal[0].json();
    assert_eq!(
        (&body["type"], &body["subject"]),
        (&json!("sync.completed"), &json!("run"))
    );
    assert_eq!(
        journal[0].headers["content-type"],
        "application/cloudevents+json"
    );
    let attempts = stage
        .store
        .delivery_attempts(common::types::id::DeliveryId(rows[0].id));
    let attempts = attempts.await.unwrap();
    assert_eq!((attempts.len(), attempts[0].status), (1, Some(200)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_what_it_asked_for_and_nothing_else() {
    let stage = Stage::new().await;
    let to = |path: &str| format!("{}{path}", stage.receiver.url());
    let none = json!([]);
    stage
        .hook(&to("/server"), WebhookType::GameServer, &[], none.clone())
        .await;
    stage
        .hook(
            &to("/failed"),
            WebhookType::System,
            &["sync.failed"],
            none.clone(),
        )
        .await;
    stage
        .hook(&to("/sync"), WebhookType::System, &["sync.*"], none.clone())
        .await;
    let users = json!([{"field": "data.kind", "equals": "users"}]);
    stage
        .hook(&to("/users"), WebhookType::System, &[], users)
        .await;
    stage.completed(&["a"]).await;
    let event = |it: EventType, data| Event::new(it, "s", Utc::now(), data);
    stage
        .say(&[
            event(EventType::SyncCancelled, json!({"kind": "users"})),
            event(EventType::ServerCreated, json!({})),
        ])
        .await;
    stage.wait_state("delivered", 4).await;
    let types = |path: &str| -> Vec<String> {
        let entries = stage.receiver.journal_of(path);
        let types = entries
            .iter()
            .map(|it| it.json()["type"].as_str().unwrap().to_owned());
        let mut types: Vec<String> = types.collect();
        // They are about two subjects, and may arrive in any order.
        types.sort();
        types
    };
    assert_eq!(types("/server"), ["panel.server.created"]);
    assert_eq!(types("/failed"), [""; 0]);
    assert_eq!(types("/sync"), ["sync.cancelled", "sync.completed"]);
    assert_eq!(types("/users"), ["sync.cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_published_twice_is_delivered_once() {
    let stage = Stage::new().await;
    stage.signed("/a").await;
    stage.completed(&["run"]).await;
    stage.wait_state("delivered", 1).await;
    let client = stage.database.connect().await;
    let again = "UPDATE outbox SET published_at = NULL; NOTIFY nodebyte_outbox";
    client.batch_execute(again).await.unwrap();
    let ids = stage.completed(&["next"]).await;
    stage.wait_state("delivered", 2).await;
    assert_eq!(stage.receiver.journal_of("/a").len(), 2);
    assert!(stage.arrived("/a").contains(&ids[0].to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_no_order_and_no_attempt() {
    let stage = Stage::new().await;
    stage.signed("/a").await;
    let down = Rule::new([
        Answer::status(503),
        Answer::status(502),
        Answer::ResetBeforeReading,
        Answer::status(200),
    ]);
    stage.receiver.rule(down.on("/a"));
    let ids = stage.completed(&["x", "x", "y", "x"]).await;
    let rows = stage.wait_state("delivered", 4).await;
    assert!(rows.iter().all(|it| it.failures == 0), "{rows:#?}");
    let arrived = stage.arrived("/a");
    let of_x: Vec<_> = arrived
        .iter()
        .filter(|it| **it != ids[2].to_string())
        .collect();
    assert_eq!(
        of_x,
        texts(&[ids[0], ids[1], ids[3]]).iter().collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_refused_again_and_again_is_set_aside_and_the_rest_proceeds() {
    let stage = Stage::new().await;
    stage.signed("/a").await;
    let poison = Rule::new([Answer::status(422)]);
    stage
        .receiver
        .rule(poison.on("/a").when_field("/data/kind", "poison"));
    let event = |kind: &str| {
        Event::new(
            EventType::SyncStarted,
            "x",
            Utc::now(),
            json!({"kind": kind}),
        )
    };
    let ids = stage
        .say(&[event("poison"), event("good"), event("good")])
        .await;
    stage.wait_state("delivered", 2).await;
    assert_eq!(stage.arrived("/a"), texts(&ids[1..]));
    assert_eq!(stage.set_aside().await, 1);
    let rows = stage.wait_state("dead", 1).await;
    let dead = rows.iter().find(|it| it.state == "dead").unwrap();
    assert_eq!(
        (dead.event_id, dead.attempts, dead.failures),
        (ids[0].0, 4, 4)
    );
    assert!(dead.reason.as_deref().unwrap().contains("422"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_disabled_at_once_and_gets_what_was_kept_when_it_is_back() {
    let stage = Stage::new().await;
    let hook = stage.signed("/a").await;
    let other = stage.signed("/other").await;
    stage
        .receiver
        .rule(Rule::new([Answer::status(410)]).on("/a"));
    let mut ids = stage.completed(&["x"]).await;
    let row = stage.wait_disabled(&hook).await;
    assert_eq!(row.disabled_because.as_deref(), Some("GONE"));
    ids.extend(stage.completed(&["x"]).await);
    wait_for("the other to hear of it", PATIENCE, async || {
        let said: Vec<_> = stage
            .receiver
            .journal_of("/other")
            .iter()
            .map(|it| it.json()["type"].clone())
            .collect();
        if said.len() == 3 {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    })
    .await;
    assert_eq!(stage.receiver.journal_of("/a").len(), 1, "asked once");
    let told = stage.receiver.journal_of("/other");
    assert!(
        told.iter()
            .any(|it| it.json()["type"] == "webhook.disabled")
    );
    told[0].verify(&other.secret).unwrap();

    stage.receiver.clear_rules();
    let enabled = WebhookChange {
        enabled: Some(true),
        ..Default::default()
    };
    let actor = common::types::caller::Actor::Operator("test".to_owned());
    stage
        .store
        .webhook_change(hook.id, enabled, &actor)
        .await
        .unwrap();
    wait_for("what was kept", PATIENCE, async || {
        let arrived = stage.arrived("/a");
        if arrived == texts(&ids) {
            Ok(())
        } else {
            Err(format!("{arrived:?}"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_pause_gets_it_and_no_failure_is_counted() {
    let stage = Stage::new().await;
    stage.signed("/a").await;
    stage
        .receiver
        .rule(Rule::new([Answer::retry_after(429, 2), Answer::status(200)]).on("/a"));
    stage.completed(&["x"]).await;
    let client = stage.database.connect().await;
    wait_for("the pause", PATIENCE, async || {
        let select = "SELECT count(paused_until) FROM webhook_health";
        let pauses: i64 = client.query_one(select, &[]).await.unwrap().get(0);
        (pauses == 1).then_some(())
    })
    .await;
    stage.completed(&["y"]).await;
    let rows = stage.wait_state("delivered", 2).await;
    assert!(rows.iter().all(|it| it.failures == 0));
    let journal = stage.receiver.journal_of("/a");
    let (limited, later) = journal.split_first().unwrap();
    assert_eq!(limited.status, Some(429));
    assert_eq!(later.len(), 2);
    assert!(
        later
            .iter()
            .all(|it| it.at >= limited.at + Duration::from_millis(1900)),
        "{later:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_an_endless_answer_is_cut() {
    let stage = Stage::new().await;
    stage.signed("/a").await;
    stage.signed("/b").await;
    let location = format!("{}/elsewhere", stage.receiver.url());
    let moved = Answer::Redirect {
        status: 307,
        location,
    };
    stage.receiver.rule(Rule::new([moved]).on("/a"));
    let huge = Answer::Huge {
        status: 200,
        bytes: 50_000_000,
    };
    stage.receiver.rule(Rule::new([huge]).on("/b"));
    stage.completed(&["x"]).await;
    let rows = stage.wait_state("delivered", 1).await;
    assert_eq!(rows.len(), 2);
    assert!(stage.receiver.journal_of("/elsewhere").is_empty());
    assert!(stage.receiver.bytes_sent() < 10_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notifier_that_stops_ends_what_it_has_in_hand_and_another_goes_on() {
    let mut stage = Stage::new().await;
    stage.signed("/a").await;
    let slow = Answer::Late {
        status: 200,
        milliseconds: 500,
    };
    stage.receiver.rule(Rule::new([slow]).on("/a"));
    let ids = stage.completed(&["x", "x"]).await;
    wait_for("the first request", PATIENCE, async || {
        if stage.receiver.journal().is_empty() {
            Err(String::new())
        } else {
            Ok(())
        }
    })
    .await;
    stage.stop().await;
    let first = &stage.deliveries().await[0];
    assert_eq!((first.state.as_str(), first.attempts), ("delivered", 1));
    stage.start();
    stage.wait_state("delivered", 2).await;
    assert_eq!(stage.arrived("/a"), texts(&ids));
    assert_eq!(stage.receiver.journal_of("/a").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_webhook_that_fails_for_days_the_others_hear_until_it_is_disabled() {
    let mut stage = Stage::without_notifier(&[("NOTIFICATIONS_DISABLE_DAYS", "10")]).await;
    let half = stage.signed("/half").await;
    let over = stage.signed("/over").await;
    stage.signed("/other").await;
    let down = || Rule::new([Answer::status(503)]);
    stage.receiver.rule(down().on("/half"));
    stage.receiver.rule(down().on("/over"));
    let client = stage.database.connect().await;
    let fails = "UPDATE webhook_health SET last_failure_at = now(), alerted = $2, \
                 failing_since = now() - make_interval(days => $3) WHERE webhook_id = $1";
    for (hook, alerted, days) in [(&half, 0, 6), (&over, 90, 12)] {
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&hook.id.0, &alerted, &days];
        client.execute(fails, &row).await.unwrap();
    }
    stage.start();
    let said = |of: &crate::stage::Hook| {
        let entries = stage.receiver.journal_of("/other");
        let about = entries.iter().map(|it| it.json());
        let about = about.filter(|it| it["subject"] == json!(of.id.to_string()));
        about
            .map(|it| (it["type"].clone(), it["data"]["percent"].clone()))
            .collect::<Vec<_>>()
    };
    let failing = |percent| (json!("webhook.failing"), json!(percent));
    let disabled = (json!("webhook.disabled"), json!(null));
    wait_for("what is told of them", PATIENCE, async || {
        let (half, over) = (said(&half), said(&over));
        if half == [failing(50)] && over == [failing(100), disabled.clone()] {
            Ok(())
        } else {
            Err(format!("{half:?} {over:?}"))
        }
    })
    .await;
    let row = stage.store.webhook(over.id).await.unwrap();
    assert_eq!(row.disabled_because.as_deref(), Some("FAILING"));
    assert!(stage.store.webhook(half.id).await.unwrap().enabled);
    let own = stage.deliveries().await;
    let own = own
        .iter()
        .filter(|it| it.subject == it.webhook_id.to_string());
    assert_eq!(own.count(), 0, "none is told of itself");
}
