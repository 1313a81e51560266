//! What leaves when, and that nothing is lost.

use super::*;

#[tokio::test]
async fn an_event_is_on_its_way_to_a_webhook_once_however_often_it_comes() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = [MessageId::new()];
    let add = || add(&stage.store, webhook, WebhookKind::Signed, &["a"], &ids);
    assert_eq!(add().await, 1);
    assert_eq!(add().await, 0);
    let held = take(&stage.store, 5).await;
    settle(&stage.store, &[delivered(&held[0])]).await;
    assert_eq!(add().await, 0);
    assert!(take(&stage.store, 5).await.is_empty());
}

#[tokio::test]
async fn what_is_about_one_key_leaves_in_order_and_the_rest_beside_it() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "a", "b"]).await;
    let held = take(&stage.store, 5).await;
    let events: Vec<_> = held.iter().map(|it| it.heads[0].event).collect();
    assert_eq!(events.len(), 2, "a's second waits for its first");
    assert!(events.contains(&ids[0]) && events.contains(&ids[2]));
    assert!(
        take(&stage.store, 5).await.is_empty(),
        "both lanes are held"
    );

    let done: Vec<_> = held.iter().map(delivered).collect();
    settle(&stage.store, &done).await;
    assert_eq!(first(&take(&stage.store, 5).await), ids[1]);
}

#[tokio::test]
async fn what_comes_while_a_lane_is_emptied_waits_in_it() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a"]).await;
    let held = take(&stage.store, 1).await;
    let second = tell(&stage.store, webhook, &["a"]).await;
    settle(&stage.store, &[delivered(&held[0])]).await;
    assert_eq!(first(&take(&stage.store, 1).await), second[0]);
}

#[tokio::test]
async fn what_its_dead_sender_sent_is_unknown_and_sent_again_and_a_late_sender_changes_nothing() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "a"]).await;
    let mut claim = claim_of(WorkerId::new(), 1);
    claim.hold = Duration::ZERO;
    let dead = stage.store.deliveries_turn(&[], &claim).await.unwrap();
    assert_eq!(stage.store.deliveries_recover(10).await.unwrap(), 1);

    let held = take(&stage.store, 1).await;
    assert_eq!(first(&held), ids[0], "order is kept");
    assert_eq!(
        (held[0].heads[0].attempt, held[0].heads[0].failures),
        (2, 1)
    );
    settle(&stage.store, &[delivered(&dead[0])]).await;
    assert!(
        take(&stage.store, 1).await.is_empty(),
        "the lane is still held"
    );

    let attempts = stage.store.delivery_attempts(held[0].heads[0].delivery);
    let outcomes: Vec<_> = attempts
        .await
        .unwrap()
        .into_iter()
        .map(|it| it.outcome)
        .collect();
    assert_eq!(outcomes, ["unknown", "sending"]);
}

#[tokio::test]
async fn what_every_sender_is_lost_over_is_dead_in_the_end_and_lets_the_rest_proceed() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "a"]).await;
    let mut claim = claim_of(WorkerId::new(), 1);
    claim.hold = Duration::ZERO;
    for attempt in 1..=2 {
        let lost = stage.store.deliveries_turn(&[], &claim).await.unwrap();
        assert_eq!((first(&lost), lost[0].heads[0].attempt), (ids[0], attempt));
        assert_eq!(stage.store.deliveries_recover(1).await.unwrap(), 1);
    }
    assert_eq!(first(&take(&stage.store, 1).await), ids[1]);
    let dead = DeliveryFilter {
        state: Some("dead".to_owned()),
        ..DeliveryFilter::default()
    };
    let rows = stage.store.deliveries(&dead, None, 10).await.unwrap();
    let told: Vec<_> = rows.iter().map(|it| (it.event_id, it.attempts)).collect();
    assert_eq!(told, [(ids[0].0, 2)]);
    let said = "SELECT count(*) FROM outbox WHERE key = 'delivery.dead'";
    assert_eq!(stage.number(said).await, 1);
}

#[tokio::test]
async fn what_three_senders_are_lost_over_is_set_aside_and_the_rest_of_its_key_proceeds() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "a"]).await;
    let mut claim = claim_of(WorkerId::new(), 1);
    claim.hold = Duration::ZERO;
    for attempt in 1..=3 {
        let lost = stage.store.deliveries_turn(&[], &claim).await.unwrap();
        assert_eq!((first(&lost), lost[0].heads[0].attempt), (ids[0], attempt));
        assert_eq!(stage.store.deliveries_recover(10).await.unwrap(), 1);
    }
    let held = take(&stage.store, 5).await;
    assert_eq!(first(&held), ids[1]);
    settle(&stage.store, &[delivered(&held[0])]).await;
    let parked = DeliveryFilter {
        state: Some("parked".to_owned()),
        ..DeliveryFilter::default()
    };
    let rows = stage.store.deliveries(&parked, None, 10).await.unwrap();
    let told: Vec<_> = rows.iter().map(|it| (it.event_id, it.attempts)).collect();
    assert_eq!(told, [(ids[0].0, 3)]);

    // It waits for its turn, and is lost once more in the lane of its own.
    assert!(take(&stage.store, 5).await.is_empty());
    stage
        .execute("UPDATE deliveries SET due_at = now(); UPDATE delivery_lanes SET due_at = now()")
        .await;
    let lost = stage.store.deliveries_turn(&[], &claim).await.unwrap();
    assert_eq!(first(&lost), ids[0]);
    assert_eq!(stage.store.deliveries_recover(10).await.unwrap(), 1);
    let waits = "SELECT count(*) FROM delivery_lanes l JOIN deliveries d USING (webhook_id, lane, due_at) \
                 WHERE l.holder IS NULL AND d.failures = 4 AND d.due_at > now() + interval '50 seconds'";
    assert_eq!(stage.number(waits).await, 1);
}

#[tokio::test]
async fn a_parked_delivery_goes_on_aside_and_the_rest_of_its_key_proceeds() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "a"]).await;
    let held = take(&stage.store, 1).await;
    settle(&stage.store, &[again(&held[0], true, HealthNote::Nothing)]).await;
    let held = take(&stage.store, 5).await;
    let mut events: Vec<_> = held.iter().map(|it| it.heads[0].event).collect();
    events.sort();
    assert_eq!(events, ids, "both may leave now");
    let parked = DeliveryFilter {
        state: Some("parked".to_owned()),
        ..DeliveryFilter::default()
    };
    let rows = stage.store.deliveries(&parked, None, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].event_id, ids[0].0);
}

#[tokio::test]
async fn discord_is_told_one_thing_at_a_time_and_several_in_one_message() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Discord).await;
    let ids: Vec<MessageId> = (0..12).map(|_| MessageId::new()).collect();
    let subjects: Vec<String> = (0..12).map(|it| it.to_string()).collect();
    let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
    add(&stage.store, webhook, WebhookKind::Discord, &subjects, &ids).await;
    let held = take(&stage.store, 5).await;
    assert_eq!(held.len(), 1);
    let events: Vec<_> = held[0].heads.iter().map(|it| it.event).collect();
    assert_eq!(events, ids[..10]);
    stage.store.deliveries_begin(&held[0]).await.unwrap();
    settle(&stage.store, &[delivered(&held[0])]).await;
    assert_eq!(take(&stage.store, 5).await[0].heads.len(), 2);
}

#[tokio::test]
async fn what_spoilt_a_message_to_discord_is_known_after_a_limit_too() {
    let stage = Stage::new().await;
    let again = NextStep::Again {
        wait: Duration::ZERO,
        park: false,
    };
    for (word, status) in [("failed", Some(404)), ("unknown", None)] {
        let webhook = webhook(&stage.store, WebhookKind::Discord).await;
        let ids = [MessageId::new()];
        add(&stage.store, webhook, WebhookKind::Discord, &["a"], &ids).await;
        let message = async |word, status, counted| {
            let held = take(&stage.store, 1).await.remove(0);
            stage.store.deliveries_begin(&held).await.unwrap();
            let mut said = outcome(&held, word, &again, HealthNote::Nothing);
            let attempt = said.settled[0].attempt.as_mut().unwrap();
            (attempt.status, attempt.counted) = (status, counted);
            settle(&stage.store, &[said]).await;
        };
        message(word, status, true).await;
        message("limited", Some(429), false).await;
        let held = take(&stage.store, 1).await.remove(0);
        let head = &held.heads[0];
        assert_eq!(
            (head.was_refused, head.was_lost),
            (word == "failed", word == "unknown")
        );
        stage.store.deliveries_begin(&held).await.unwrap();
        settle(&stage.store, &[delivered(&held)]).await;
    }
}

#[tokio::test]
async fn nothing_is_lost_or_reordered_between_one_who_adds_and_many_who_send() {
    const EVENTS: usize = 600;
    const KEYS: usize = 20;
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let sent: Mutex<BTreeMap<String, Vec<MessageId>>> = Mutex::default();
    let told = async {
        let mut told: BTreeMap<String, Vec<MessageId>> = BTreeMap::new();
        for round in 0..EVENTS / KEYS {
            let subjects: Vec<String> = (0..KEYS)
                .map(|key| format!("{}", (key + round) % KEYS))
                .collect();
            let names: Vec<&str> = subjects.iter().map(String::as_str).collect();
            let ids = tell(&stage.store, webhook, &names).await;
            for (subject, id) in subjects.into_iter().zip(ids) {
                told.entry(format!("key:{subject}")).or_default().push(id);
            }
        }
        told
    };
    let send = || async {
        let me = WorkerId::new();
        let mut outcomes = Vec::new();
        while sent.lock().unwrap().values().map(Vec::len).sum::<usize>() < EVENTS {
            let held = stage
                .store
                .deliveries_turn(&outcomes, &claim_of(me, 4))
                .await
                .unwrap();
            for lane in &held {
                let mut sent = sent.lock().unwrap();
                sent.entry(lane.lane.clone())
                    .or_default()
                    .push(lane.heads[0].event);
            }
            outcomes = held.iter().map(delivered).collect();
        }
        settle(&stage.store, &outcomes).await;
    };
    let all = async { tokio::join!(told, send(), send(), send()).0 };
    let told = tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .expect("all are sent");
    assert_eq!(*sent.lock().unwrap(), told);
}
