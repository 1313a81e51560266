//! Webhooks that fail, are disabled and come back; and what waits for them meanwhile.

use super::*;
use store::{DeliveryRetention, WebhookChange};

/// A webhook that has failed for days, and what waits for it.
async fn failing(stage: &Stage) -> WebhookId {
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a", "b"]).await;
    let held = take(&stage.store, 1).await;
    settle(&stage.store, &[again(&held[0], false, fails())]).await;
    stage
        .execute(
            "UPDATE webhook_health SET failing_since = now() - interval '3 days', alerted = 50",
        )
        .await;
    assert_eq!(stage.store.webhooks_failing().await.unwrap().len(), 1);
    webhook
}

#[tokio::test]
async fn a_webhook_that_takes_something_fails_no_longer() {
    let stage = Stage::new().await;
    let webhook = failing(&stage).await;
    stage.probe_now(webhook).await;
    let probe = take(&stage.store, 5).await;
    settle(&stage.store, &[delivered(&probe[0])]).await;
    assert_eq!(stage.store.webhooks_failing().await.unwrap(), []);

    // What it does next begins anew.
    let held = take(&stage.store, 5).await;
    settle(&stage.store, &[again(&held[0], false, fails())]).await;
    let anew = stage.store.webhooks_failing().await.unwrap().remove(0);
    assert_eq!(anew.alerted, 0);
    assert!(anew.last_failure_at - anew.failing_since < chrono::TimeDelta::hours(1));
}

#[tokio::test]
async fn a_webhook_that_is_enabled_again_begins_with_a_clean_slate() {
    let stage = Stage::new().await;
    let webhook = failing(&stage).await;
    enable(&stage.store, webhook, false).await;
    assert!(take(&stage.store, 5).await.is_empty());
    enable(&stage.store, webhook, true).await;
    assert_eq!(stage.store.webhooks_failing().await.unwrap(), []);
    assert_eq!(
        take(&stage.store, 5).await.len(),
        2,
        "its circuit is closed"
    );
}

#[tokio::test]
async fn a_webhook_that_moves_begins_with_a_clean_slate() {
    let stage = Stage::new().await;
    let webhook = failing(&stage).await;
    let moved = WebhookChange {
        address: Some(("other".to_owned(), "https://other".to_owned())),
        ..WebhookChange::default()
    };
    let actor = operator();
    let changed = stage.store.webhook_change(webhook, moved, &actor);
    changed.await.unwrap();
    assert_eq!(stage.store.webhooks_failing().await.unwrap(), []);
    assert_eq!(take(&stage.store, 5).await.len(), 2);
}

#[tokio::test]
async fn of_a_lane_that_is_held_on_to_nothing_leaves_once_its_webhook_is_disabled() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "a"]).await;
    let me = claim_of(WorkerId::new(), 1);
    let held = stage.store.deliveries_turn(&[], &me).await.unwrap();
    enable(&stage.store, webhook, false).await;
    let mut outcome = delivered(&held[0]);
    outcome.stays = Some(held[0].since);
    let next = stage.store.deliveries_turn(&[outcome], &me).await.unwrap();
    assert!(next.is_empty(), "{next:#?}");
    enable(&stage.store, webhook, true).await;
    assert_eq!(first(&take(&stage.store, 1).await), ids[1]);
}

#[tokio::test]
async fn what_waits_for_a_disabled_webhook_is_kept_for_its_time_dropped_and_then_deleted() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["old", "young"]).await;
    enable(&stage.store, webhook, false).await;
    stage
        .execute(
            "UPDATE deliveries SET due_at = now() - interval '31 days' WHERE lane = 'key:old'; \
             UPDATE deliveries SET due_at = now() - interval '29 days' WHERE lane = 'key:young'",
        )
        .await;
    let month = Duration::from_secs(30 * 24 * 3600);
    let retention = DeliveryRetention {
        finished: month,
        while_disabled: month,
        batch: 10,
    };
    let clean_up = async || stage.store.deliveries_clean_up(retention).await.unwrap();
    assert_eq!(clean_up().await, (1, 0));
    stage
        .execute(
            "UPDATE deliveries SET finished_at = now() - interval '31 days' WHERE state = 'dropped'",
        )
        .await;
    assert_eq!(clean_up().await, (0, 1));
    enable(&stage.store, webhook, true).await;
    let held = take(&stage.store, 5).await;
    assert_eq!((held.len(), held[0].lane.as_str()), (1, "key:young"));
}

/// How long until the next attempt of each delivery, in seconds, the oldest first.
async fn waits(stage: &Stage) -> Vec<Option<i64>> {
    let all = DeliveryFilter::default();
    let mut rows = stage.store.deliveries(&all, None, 10).await.unwrap();
    rows.reverse();
    let now = chrono::Utc::now();
    rows.iter()
        .map(|row| row.due_at.map(|at| (at - now).num_seconds()))
        .collect()
}

#[tokio::test]
async fn the_next_attempt_is_told_to_be_when_lane_webhook_and_provider_let_it_leave() {
    let stage = Stage::new().await;
    let hook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, hook, &["a", "a", "b"]).await;
    let now = |wait: &Option<i64>| wait.is_some_and(|it| it <= 0);
    assert!(waits(&stage).await.iter().all(now));

    // What is older in its lane goes first.
    let held = take(&stage.store, 5).await;
    let of_a = lane(WebhookKind::Signed, "a");
    let a = held.iter().find(|it| it.lane == of_a).unwrap();
    let wait = Duration::from_secs(1000);
    let next = NextStep::Again { wait, park: false };
    let works = HealthNote::Works { took_it: false };
    settle(&stage.store, &[outcome(a, "failed", &next, works)]).await;
    let told = waits(&stage).await;
    let later = |wait: &Option<i64>, least: i64| wait.is_some_and(|it| it >= least);
    assert!(later(&told[0], 900) && later(&told[1], 900), "{told:?}");
    assert_eq!(told[2], None, "it is under way");
    let of_b = lane(WebhookKind::Signed, "b");
    let b = held.iter().find(|it| it.lane == of_b).unwrap();
    let wait = Duration::ZERO;
    let next = NextStep::Again { wait, park: false };
    settle(&stage.store, &[outcome(b, "failed", &next, works)]).await;
    let told = waits(&stage).await;
    assert!(now(&told[2]), "{told:?}");

    let pause = |column: &str| {
        format!("UPDATE webhook_health SET {column} = now() + interval '3000 seconds'")
    };
    for column in ["paused_until", "probe_at"] {
        stage.execute(&pause(column)).await;
        let told = waits(&stage).await;
        assert!(told.iter().all(|it| later(it, 2900)), "{column}: {told:?}");
        let over = format!("UPDATE webhook_health SET {column} = NULL");
        stage.execute(&over).await;
    }
    let blocked = Duration::from_secs(5000);
    let kind = WebhookKind::Signed;
    stage.store.provider_pause(kind, blocked).await.unwrap();
    let told = waits(&stage).await;
    assert!(told.iter().all(|it| later(it, 4900)), "{told:?}");

    enable(&stage.store, hook, false).await;
    assert_eq!(waits(&stage).await, [None, None, None]);
}
