//! Webhooks that fail, and deliveries that end.

use super::*;

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
async fn what_was_kept_for_a_disabled_webhook_is_sent_at_a_rate_or_dropped_as_the_admin_says() {
    let stage = Stage::new().await;
    let enabled = |enabled, kept| store::WebhookChange {
        enabled: Some(enabled),
        kept,
        ..Default::default()
    };
    let actor = operator();
    let change = async |id, change| {
        let changed = stage.store.webhook_change(id, change, &actor);
        changed.await.unwrap();
    };
    let slow = webhook(&stage.store, WebhookKind::Signed).await;
    change(slow, enabled(false, None)).await;
    let ids = tell(&stage.store, slow, &["a", "b", "a"]).await;
    let per_second = 0.001;
    change(slow, enabled(true, Some(store::Kept::Send { per_second }))).await;
    let held = take(&stage.store, 5).await;
    assert_eq!(
        (held.len(), first(&held)),
        (1, ids[0]),
        "the next one is due in 1,000 s"
    );
    settle(&stage.store, &[delivered(&held[0])]).await;
    assert!(take(&stage.store, 5).await.is_empty());

    let other = webhook(&stage.store, WebhookKind::Signed).await;
    change(other, enabled(false, None)).await;
    tell(&stage.store, other, &["a", "b"]).await;
    change(other, enabled(true, Some(store::Kept::Drop))).await;
    let news = tell(&stage.store, other, &["a"]).await;
    let held = take(&stage.store, 5).await;
    assert_eq!((held.len(), first(&held)), (1, news[0]));
    let dropped = DeliveryFilter {
        state: Some("dropped".to_owned()),
        ..DeliveryFilter::default()
    };
    assert_eq!(
        stage
            .store
            .deliveries(&dropped, None, 10)
            .await
            .unwrap()
            .len(),
        2
    );
}
