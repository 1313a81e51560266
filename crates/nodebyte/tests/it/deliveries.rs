use crate::cli::Installation;
use common::types::caller::Actor;
use common::types::id::{MessageId, WebhookId};
use common::types::webhook::{WebhookKind, WebhookScope, WebhookType};
use serde_json::{Value, json};
use store::{NewDelivery, NewDeliveryEvent, NewWebhook, lane};

/// A webhook, and deliveries to it of which the first is dead.
async fn told(installation: &Installation, subjects: &[&str]) -> (WebhookId, Vec<MessageId>) {
    let webhook = WebhookId::new();
    let new = NewWebhook {
        id: webhook,
        name: "partner".to_owned(),
        kind: WebhookKind::Signed,
        about: WebhookType::System,
        scope: WebhookScope::Admin,
        description: String::new(),
        enabled: true,
        address: "sealed".to_owned(),
        address_shown: "https://partner.example".to_owned(),
        channel_id: None,
        secret: Some("sealed".to_owned()),
        events: Vec::new(),
        conditions: json!([]),
    };
    let actor = Actor::Operator("test".to_owned());
    let store = &installation.store;
    let others = store.webhooks_just_made(&actor).await.unwrap();
    let made = store.webhook_create(&new, &actor, &others).await;
    assert!(made.unwrap().is_some());
    let events: Vec<NewDeliveryEvent> = subjects
        .iter()
        .map(|subject| NewDeliveryEvent {
            id: MessageId::new(),
            event_type: "sync.failed".to_owned(),
            subject: (*subject).to_owned(),
            body: "{}".to_owned(),
        })
        .collect();
    let ids = events.iter().map(|it| it.id).collect();
    let deliveries = events.iter().map(|it| NewDelivery {
        webhook,
        event: it.id,
        lane: lane(WebhookKind::Signed, &it.subject),
    });
    let deliveries = deliveries.collect();
    store.deliveries_add(events, deliveries).await.unwrap();
    installation
        .sql
        .batch_execute(
            "WITH dead AS (UPDATE deliveries SET state = 'dead', attempts = 1, failures = 1, \
               reason = 'refused', finished_at = now() WHERE seq = (SELECT min(seq) FROM deliveries) RETURNING id) \
             INSERT INTO delivery_attempts (delivery_id, number, outcome, counted, status, answer) \
               SELECT id, 1, 'failed', true, 422, 'go away' FROM dead; \
             DELETE FROM delivery_lanes l WHERE NOT EXISTS ( \
               SELECT 1 FROM deliveries d WHERE d.lane = l.lane AND d.state = 'pending')",
        )
        .await
        .unwrap();
    (webhook, ids)
}

fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

#[tokio::test]
async fn deliveries_are_listed_by_every_choice_and_shown_with_their_attempts() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    let (webhook, ids) = told(&installation, &["run-1", "run-2"]).await;
    let (webhook, event) = (webhook.to_string(), ids[0].to_string());
    for (option, value, found) in [
        ("--state", "dead", 1),
        ("--state", "pending", 1),
        ("--webhook", &*webhook, 2),
        ("--event", &*event, 1),
        ("--event-type", "sync.failed", 2),
        ("--event-type", "sync.completed", 0),
        ("--subject", "run-2", 1),
        ("--since", "2999-01-01T00:00:00Z", 0),
        ("--until", "2999-01-01T00:00:00Z", 2),
        ("--limit", "1", 1),
    ] {
        let list = cli.json(&["deliveries", "list", option, value]).await;
        assert_eq!(count(&list), found, "{option} {value}");
    }
    let dead = cli.json(&["deliveries", "list", "--state", "dead"]).await;
    let id = dead[0]["id"].as_str().unwrap();
    let shown = cli.json(&["deliveries", "show", id]).await;
    assert_eq!(shown["attempts"][0]["answer"], "go away");
    let people = cli.run(&["deliveries", "show", id]).await.stdout;
    assert!(
        people.contains("partner") && people.contains("dead (refused)"),
        "{people}"
    );
    let nobody = "018f0000-0000-7000-8000-000000000001";
    assert_eq!(cli.run(&["deliveries", "show", nobody]).await.code, 66);
}

#[tokio::test]
async fn deliveries_are_replayed_by_id_and_by_choice_after_a_dry_run() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    told(&installation, &["run-1", "run-2"]).await;
    let choice = ["deliveries", "replay", "--state", "dead"];
    let dry = cli.json(&[&choice[..], &["--dry-run"]].concat()).await;
    assert_eq!(dry, json!({ "matched": 1, "replayed": 0, "dry_run": true }));
    let done = cli.json(&[&choice[..], &["--rate", "5"]].concat()).await;
    assert_eq!(
        done,
        json!({ "matched": 1, "replayed": 1, "dry_run": false })
    );
    let dead = cli.json(&["deliveries", "list", "--state", "dead"]).await;
    assert_eq!(count(&dead), 0);

    let pending = ["deliveries", "replay", "--state", "pending"];
    assert_eq!(cli.run(&pending).await.code, 64);
    let everything = cli.run(&["deliveries", "replay"]).await;
    assert_eq!(everything.code, 64, "all at once is said, not meant");
    let nobody = "018f0000-0000-7000-8000-000000000001";
    assert_eq!(cli.run(&["deliveries", "replay", nobody]).await.code, 66);
    let trail = "SELECT event_type || ' ' || actor || ' ' || (details->>'state') || ' ' || (details->>'limit') \
                 FROM admin_audit WHERE event_type = 'DELIVERIES_REPLAYED'";
    let line = "DELIVERIES_REPLAYED cli:tester dead 10000";
    assert_eq!(installation.text(trail).await, line);
}

#[tokio::test]
async fn dead_deliveries_are_purged_after_a_dry_run() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    told(&installation, &["run-1", "run-2"]).await;
    let dead = cli.json(&["deliveries", "list", "--state", "dead"]).await;
    let id = dead[0]["id"].as_str().unwrap();
    let choice = ["deliveries", "purge", id];
    let dry = cli.json(&[&choice[..], &["--dry-run"]].concat()).await;
    assert_eq!(dry, json!({ "matched": 1, "purged": 0, "dry_run": true }));
    let people = cli.run(&choice).await.stdout;
    assert!(people.contains("1 of 1 deliveries are deleted"), "{people}");
    assert_eq!(cli.run(&["deliveries", "show", id]).await.code, 66);
    assert_eq!(cli.run(&choice).await.code, 66);
    assert_eq!(cli.run(&["deliveries", "purge"]).await.code, 64);
    for nothing in ["--subject=", "--event-type="] {
        assert_eq!(cli.run(&["deliveries", "purge", nothing]).await.code, 64);
    }
    let living = ["deliveries", "purge", "--state", "delivered"];
    assert_eq!(cli.run(&living).await.code, 64);
    let trail = "SELECT actor || ' ' || (details->>'purged') || ' ' || (details->>'delivery_id') \
                 FROM admin_audit WHERE event_type = 'DELIVERIES_PURGED'";
    assert_eq!(installation.text(trail).await, format!("cli:tester 1 {id}"));
}

#[tokio::test]
async fn a_replay_keeps_to_the_rate_and_the_number_that_are_asked_for() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    told(&installation, &["run-1", "run-2", "run-3"]).await;
    installation
        .sql
        .batch_execute("UPDATE deliveries SET state = 'dead', finished_at = now()")
        .await
        .unwrap();
    let slowly = [
        "deliveries",
        "replay",
        "--state",
        "dead",
        "--rate",
        "2",
        "--limit",
        "2",
    ];
    let done = cli.json(&slowly).await;
    assert_eq!(
        done,
        json!({ "matched": 3, "replayed": 2, "dry_run": false })
    );
    let between = "SELECT (extract(epoch FROM max(due_at) - min(due_at)) * 1000)::int::text \
                   FROM deliveries WHERE state = 'pending'";
    assert_eq!(installation.text(between).await, "500");
}
