//! Webhooks that fail, and deliveries that end.

use super::*;
use chrono::{TimeDelta, Utc};
use store::{DeliveryRetention, WebhookAlert};

#[tokio::test]
async fn while_a_circuit_is_open_one_key_after_another_is_probed() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "b"]).await;
    let held = take(&stage.store, 1).await;
    assert_eq!(first(&held), ids[0]);
    settle(&stage.store, &[again(&held[0], false, fails())]).await;
    assert!(
        take(&stage.store, 5).await.is_empty(),
        "the circuit is open"
    );

    stage.probe_now(webhook).await;
    let probe = take(&stage.store, 5).await;
    assert_eq!((probe.len(), probe[0].is_probe), (1, true));
    assert_eq!(first(&probe), ids[1], "b has waited longer by now");
    assert!(
        take(&stage.store, 5).await.is_empty(),
        "one probe at a time"
    );
    settle(&stage.store, &[again(&probe[0], false, fails())]).await;

    stage.probe_now(webhook).await;
    let probe = take(&stage.store, 5).await;
    assert_eq!(first(&probe), ids[0]);
    settle(&stage.store, &[delivered(&probe[0])]).await;
    assert_eq!(
        first(&take(&stage.store, 5).await),
        ids[1],
        "the circuit is closed"
    );
}

#[tokio::test]
async fn each_probe_that_fails_doubles_the_time_to_the_next_up_to_five_minutes() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a"]).await;
    let mut seconds = Vec::new();
    for probe in 0..11 {
        if probe > 0 {
            stage.probe_now(webhook).await;
        }
        let held = take(&stage.store, 1).await;
        settle(&stage.store, &[again(&held[0], false, fails())]).await;
        let next =
            "SELECT extract(epoch FROM probe_at - last_failure_at)::bigint FROM webhook_health";
        seconds.push(stage.number(next).await);
    }
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
}

#[tokio::test]
async fn a_failure_that_began_before_the_last_success_opens_no_circuit() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a", "b", "c"]).await;
    let held = take(&stage.store, 2).await;
    settle(&stage.store, &[delivered(&held[0])]).await;
    let began = Duration::from_secs(5);
    let health = HealthNote::Fails { began };
    settle(&stage.store, &[again(&held[1], false, health)]).await;
    assert!(!take(&stage.store, 5).await.is_empty());
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_disabled_and_what_waits_for_it_is_kept() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a"]).await;
    let held = take(&stage.store, 1).await;
    let gone = HealthNote::Disable {
        reason: "GONE",
        revision: held[0].revision,
    };
    settle(&stage.store, &[again(&held[0], false, gone)]).await;
    let row = stage.store.webhook(webhook).await.unwrap();
    assert_eq!(
        (row.enabled, row.disabled_because.as_deref()),
        (false, Some("GONE"))
    );
    assert!(take(&stage.store, 5).await.is_empty());
    let said = stage.store.outbox_unpublished(10).await.unwrap();
    assert_eq!(said[0].key, "webhook.disabled");

    let change = store::WebhookChange {
        enabled: Some(true),
        ..Default::default()
    };
    stage
        .store
        .webhook_change(webhook, change, &operator())
        .await
        .unwrap();
    assert_eq!(first(&take(&stage.store, 5).await), ids[0]);
}

#[tokio::test]
async fn what_is_dead_is_told_of_and_can_be_replayed_under_its_id() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a"]).await;
    let held = take(&stage.store, 1).await;
    let dead = NextStep::Dead {
        reason: "refused".to_owned(),
    };
    settle(
        &stage.store,
        &[outcome(&held[0], "failed", &dead, HealthNote::Nothing)],
    )
    .await;
    assert_eq!(
        stage.store.outbox_unpublished(10).await.unwrap()[0].key,
        "delivery.dead"
    );

    let all = DeliveryFilter {
        state: Some("dead".to_owned()),
        ..DeliveryFilter::default()
    };
    assert_eq!(
        stage
            .store
            .deliveries_replayable(&all)
            .await
            .unwrap()
            .matched,
        1
    );
    assert!(
        take(&stage.store, 1).await.is_empty(),
        "a dry run changes nothing"
    );
    let report = stage
        .store
        .deliveries_replay(&all, 100, 10.0, &operator())
        .await
        .unwrap();
    assert_eq!((report.matched, report.replayed), (1, 1));
    let held = take(&stage.store, 1).await;
    assert_eq!(first(&held), ids[0]);
    assert_eq!(held[0].heads[0].delivery, held[0].heads[0].delivery);
    assert_eq!(held[0].heads[0].attempt, 2, "its attempts go on");
}

#[tokio::test]
async fn a_webhook_that_fails_for_days_is_told_of_once_a_share_and_disabled_at_the_last() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a"]).await;
    let held = take(&stage.store, 1).await;
    settle(&stage.store, &[again(&held[0], false, fails())]).await;
    let failing = stage.store.webhooks_failing().await.unwrap().remove(0);
    let alert = async |percent, failing_since| {
        let alert = WebhookAlert {
            webhook,
            name: failing.name.clone(),
            failing_since,
            percent,
            disabled_at: Utc::now(),
            disable: percent == 100,
        };
        stage.store.webhook_alert(&alert).await.unwrap();
    };
    let since = failing.failing_since;
    alert(100, since - TimeDelta::days(1)).await;
    assert!(
        stage.store.webhook(webhook).await.unwrap().enabled,
        "it has taken something since, and fails anew"
    );
    for percent in [50, 50, 90, 100, 100] {
        alert(percent, since).await;
    }
    let said = stage.store.outbox_unpublished(10).await.unwrap();
    let said: Vec<_> = said
        .iter()
        .map(|it| {
            let body: serde_json::Value = serde_json::from_str(&it.body).unwrap();
            (it.key.as_str(), body["data"]["percent"].as_i64())
        })
        .collect();
    assert_eq!(
        said,
        [
            ("webhook.failing", Some(50)),
            ("webhook.failing", Some(90)),
            ("webhook.failing", Some(100)),
            ("webhook.disabled", None),
        ]
    );
    let row = stage.store.webhook(webhook).await.unwrap();
    assert_eq!(
        (row.enabled, row.disabled_because.as_deref()),
        (false, Some("FAILING"))
    );
    assert_eq!(stage.store.webhooks_failing().await.unwrap(), []);
    // A form that is sent back whole says so too.
    enable(&stage.store, webhook, false).await;
    let row = stage.store.webhook(webhook).await.unwrap();
    assert_eq!(row.disabled_because.as_deref(), Some("FAILING"));
    enable(&stage.store, webhook, true).await;
    let row = stage.store.webhook(webhook).await.unwrap();
    assert_eq!((row.enabled, row.disabled_because), (true, None));
}

#[tokio::test]
async fn what_arrived_long_ago_is_deleted_and_what_is_dead_stays() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a", "b"]).await;
    let held = take(&stage.store, 2).await;
    tell(&stage.store, webhook, &["c"]).await;
    let dead = NextStep::Dead {
        reason: "refused".to_owned(),
    };
    let outcomes = [
        delivered(&held[0]),
        outcome(&held[1], "failed", &dead, HealthNote::Nothing),
    ];
    settle(&stage.store, &outcomes).await;
    let clean_up = async |finished| {
        let retention = DeliveryRetention {
            finished,
            while_disabled: Duration::ZERO,
            batch: 1,
        };
        stage.store.deliveries_clean_up(retention).await.unwrap()
    };
    assert_eq!(clean_up(Duration::from_secs(3600)).await, (0, 0));
    assert_eq!(clean_up(Duration::ZERO).await, (0, 1));
    let all = DeliveryFilter::default();
    let left = stage.store.deliveries(&all, None, 10).await.unwrap();
    let left: Vec<_> = left.iter().map(|it| it.state.as_str()).collect();
    assert_eq!(left, ["pending", "dead"]);
    let events = stage.number("SELECT count(*) FROM delivery_events").await;
    assert_eq!(events, 2, "those of what is left");
}

#[tokio::test]
async fn a_replay_is_narrowed_by_each_choice_and_keeps_to_its_rate() {
    let stage = Stage::new().await;
    let (one, other) = (
        webhook(&stage.store, WebhookKind::Signed).await,
        webhook(&stage.store, WebhookKind::Signed).await,
    );
    let ids = tell(&stage.store, one, &["a", "b", "b"]).await;
    tell(&stage.store, other, &["a"]).await;
    stage
        .execute(
            "UPDATE deliveries SET state = 'dead', finished_at = now(), \
               created_at = now() - make_interval(hours => seq::int); \
             UPDATE deliveries SET state = 'delivered' WHERE seq = (SELECT max(seq) FROM deliveries); \
             DELETE FROM delivery_lanes",
        )
        .await;
    let event = "UPDATE delivery_events SET event_type = 'sync.failed' WHERE id = (SELECT event_id FROM \
                 deliveries ORDER BY seq LIMIT 1)";
    stage.execute(event).await;
    let rows = stage
        .store
        .deliveries(&DeliveryFilter::default(), None, 10)
        .await
        .unwrap();
    let moment = Some(rows[2].created_at);
    let all = DeliveryFilter::default;
    let text = |it: &str| Some(it.to_owned());
    let choices = [
        (
            DeliveryFilter {
                id: Some(common::types::id::DeliveryId(rows[0].id)),
                ..all()
            },
            1,
        ),
        (
            DeliveryFilter {
                webhook: Some(one),
                ..all()
            },
            3,
        ),
        (
            DeliveryFilter {
                state: text("dead"),
                ..all()
            },
            3,
        ),
        (
            DeliveryFilter {
                event: Some(ids[1].0),
                ..all()
            },
            1,
        ),
        (
            DeliveryFilter {
                event_type: text("sync.failed"),
                ..all()
            },
            1,
        ),
        (
            DeliveryFilter {
                subject: text("b"),
                ..all()
            },
            2,
        ),
        (
            DeliveryFilter {
                since: moment,
                ..all()
            },
            2,
        ),
        (
            DeliveryFilter {
                until: moment,
                ..all()
            },
            2,
        ),
    ];
    for (choice, matched) in &choices {
        let report = stage.store.deliveries_replayable(choice).await.unwrap();
        assert_eq!(report.matched, *matched, "{choice:?}");
    }
    let (dead, _) = &choices[2];
    let actor = operator();
    let replay = stage.store.deliveries_replay(dead, 2, 0.001, &actor);
    let report = replay.await.unwrap();
    assert_eq!((report.matched, report.replayed), (3, 2), "two at most");
    let held = take(&stage.store, 5).await;
    assert_eq!((held.len(), first(&held)), (1, ids[0]), "the oldest first");
    settle(&stage.store, &[delivered(&held[0])]).await;
    assert!(
        take(&stage.store, 5).await.is_empty(),
        "the next one is due in 1,000 s"
    );
}
