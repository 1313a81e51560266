//! What waited for a webhook while it was disabled.

use super::*;
use store::Kept;

#[tokio::test]
async fn what_was_kept_for_a_disabled_webhook_is_sent_at_a_rate_or_dropped_as_the_admin_says() {
    let stage = Stage::new().await;
    let enabled = |enabled, kept| WebhookChange {
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
    let per_second = Some(0.001);
    change(slow, enabled(true, Some(Kept::Send { per_second }))).await;
    let held = take(&stage.store, 5).await;
    assert_eq!(
        (held.len(), first(&held)),
        (1, ids[0]),
        "the next one is due in 1,000 s"
    );
    settle(&stage.store, &[delivered(&held[0])]).await;
    assert!(take(&stage.store, 5).await.is_empty());
    // It was too slow: what is said last holds.
    let anew = async |per_second| {
        change(slow, enabled(false, None)).await;
        let kept = Kept::Send { per_second };
        change(slow, enabled(true, Some(kept))).await;
    };
    change(slow, enabled(false, None)).await;
    change(slow, enabled(true, None)).await;
    let held = take(&stage.store, 5).await;
    assert_eq!(held.len(), 2, "one of each key");
    settle(&stage.store, &[again(&held[0], false, HealthNote::Nothing)]).await;
    settle(&stage.store, &[again(&held[1], false, HealthNote::Nothing)]).await;
    anew(Some(0.001)).await;
    anew(Some(1e6)).await;
    assert_eq!(take(&stage.store, 5).await.len(), 2);

    let other = webhook(&stage.store, WebhookKind::Signed).await;
    change(other, enabled(false, None)).await;
    tell(&stage.store, other, &["a", "b"]).await;
    change(other, enabled(true, Some(Kept::Drop))).await;
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
