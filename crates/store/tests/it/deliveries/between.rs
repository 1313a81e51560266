//! What must not happen between two who work on the same at once.

use super::*;
use crate::stage::connect;
use futures_util::future::join_all;
use store::{DeliveryRetention, Kept, StoreError, WebhookChange};

fn enabled(enabled: bool, kept: Option<Kept>) -> WebhookChange {
    WebhookChange {
        enabled: Some(enabled),
        kept,
        ..WebhookChange::default()
    }
}

#[tokio::test]
async fn a_lane_that_went_and_came_again_is_not_its_former_holders() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a"]).await;
    let mut claim = claim_of(WorkerId::new(), 1);
    claim.hold = Duration::ZERO;
    let late = stage.store.deliveries_turn(&[], &claim).await.unwrap();
    stage.store.deliveries_recover(10).await.unwrap();
    let held = take(&stage.store, 1).await;
    settle(&stage.store, &[delivered(&held[0])]).await;

    let second = tell(&stage.store, webhook, &["a"]).await;
    let held = take(&stage.store, 1).await;
    settle(&stage.store, &[delivered(&late[0])]).await;
    assert!(take(&stage.store, 1).await.is_empty(), "it is still held");
    settle(&stage.store, &[again(&held[0], false, HealthNote::Nothing)]).await;
    assert_eq!(first(&take(&stage.store, 1).await), second[0]);
}

#[tokio::test]
async fn of_discord_one_lane_is_in_hand_at_a_time_whoever_has_it() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Discord).await;
    let ids = [MessageId::new(), MessageId::new(), MessageId::new()];
    let subjects = ["a", "b", "c"];
    add(&stage.store, webhook, WebhookKind::Discord, &subjects, &ids).await;
    let held = take(&stage.store, 5).await;
    let mut parked = again(&held[0], true, HealthNote::Nothing);
    parked.settled.truncate(1);
    settle(&stage.store, &[parked]).await;

    let both = [stage.store.clone(), stage.store.clone()];
    let claims = both.iter().map(|store| take(store, 5));
    let held: Vec<HeldLane> = join_all(claims).await.into_iter().flatten().collect();
    assert_eq!(held.len(), 1, "{held:#?}");
    assert!(take(&stage.store, 5).await.is_empty());
    settle(&stage.store, &[delivered(&held[0])]).await;
    let next = take(&stage.store, 5).await;
    assert_eq!(next.len(), 1);
    assert_ne!(next[0].lane, held[0].lane);
}

#[tokio::test]
async fn lanes_of_a_webhook_that_somebody_holds_keep_no_others_from_being_freed() {
    let stage = Stage::new().await;
    let mut webhooks = [
        webhook(&stage.store, WebhookKind::Signed).await,
        webhook(&stage.store, WebhookKind::Signed).await,
    ];
    webhooks.sort_by_key(|it| it.0);
    for webhook in webhooks {
        tell(&stage.store, webhook, &["a"]).await;
    }
    let mut claim = claim_of(WorkerId::new(), 2);
    claim.hold = Duration::ZERO;
    let lost = stage.store.deliveries_turn(&[], &claim).await.unwrap();
    assert_eq!(lost.len(), 2);
    let mut client = stage.database.connect().await;
    let held = client.transaction().await.unwrap();
    let hold = "SELECT 1 FROM webhooks WHERE id = $1 FOR UPDATE";
    held.execute(hold, &[&webhooks[1].0]).await.unwrap();
    assert_eq!(stage.store.deliveries_recover(10).await.unwrap(), 1);
    held.commit().await.unwrap();
    assert_eq!(stage.store.deliveries_recover(10).await.unwrap(), 1);
}

#[tokio::test]
async fn nothing_passes_what_is_put_off_before_it() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Discord).await;
    let ids = [MessageId::new(), MessageId::new()];
    add(
        &stage.store,
        webhook,
        WebhookKind::Discord,
        &["a", "b"],
        &ids,
    )
    .await;
    let held = take(&stage.store, 5).await;
    let mut outcome = again(&held[0], false, HealthNote::Nothing);
    outcome.settled.truncate(1);
    outcome.settled[0].next = NextStep::Again {
        wait: Duration::from_secs(60),
        park: false,
    };
    settle(&stage.store, &[outcome]).await;
    let client = stage.database.connect().await;
    let due = "UPDATE delivery_lanes SET due_at = now()";
    client.batch_execute(due).await.unwrap();
    assert!(take(&stage.store, 5).await.is_empty());
    client
        .batch_execute(
            "UPDATE deliveries SET due_at = now(); UPDATE delivery_lanes SET due_at = now()",
        )
        .await
        .unwrap();
    let events: Vec<_> = take(&stage.store, 5).await[0]
        .heads
        .iter()
        .map(|it| it.event)
        .collect();
    assert_eq!(events, ids);
}

#[tokio::test]
async fn what_waited_too_long_for_a_disabled_webhook_leaves_no_lane_behind() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a", "b"]).await;
    let (off, actor) = (enabled(false, None), operator());
    let changed = stage.store.webhook_change(webhook, off, &actor);
    changed.await.unwrap();
    let retention = DeliveryRetention {
        finished: Duration::from_secs(3600),
        while_disabled: Duration::ZERO,
        batch: 1,
    };
    let done = stage.store.deliveries_clean_up(retention).await.unwrap();
    assert_eq!(done, (2, 0));
    let client = stage.database.connect().await;
    let lanes = client.query("SELECT 1 FROM delivery_lanes", &[]).await;
    assert_eq!(lanes.unwrap().len(), 0);
}

#[tokio::test]
async fn a_late_refusal_of_an_address_that_was_replaced_disables_nothing() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a"]).await;
    let held = take(&stage.store, 1).await;
    let change = WebhookChange {
        address: Some(("other".to_owned(), "https://other".to_owned())),
        ..WebhookChange::default()
    };
    let actor = operator();
    let changed = stage.store.webhook_change(webhook, change, &actor);
    changed.await.unwrap();
    let gone = HealthNote::Disable {
        reason: "GONE",
        revision: held[0].revision,
    };
    settle(&stage.store, &[again(&held[0], false, gone)]).await;
    assert!(stage.store.webhook(webhook).await.unwrap().enabled);
}

#[tokio::test]
async fn a_failure_long_after_the_last_one_begins_anew() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    tell(&stage.store, webhook, &["a"]).await;
    let client = stage.database.connect().await;
    let fail = async |days: i32| {
        let long_ago = format!(
            "UPDATE webhook_health SET probe_at = NULL, failing_since = now() - interval '{days} days', \
             last_failure_at = now() - interval '{days} days', alerted = 50"
        );
        client.batch_execute(&long_ago).await.unwrap();
        let held = take(&stage.store, 1).await;
        settle(&stage.store, &[again(&held[0], false, fails())]).await;
        stage.store.webhooks_failing().await.unwrap().remove(0)
    };
    let once_more = fail(1).await;
    assert_eq!(once_more.alerted, 50);
    assert!(once_more.last_failure_at - once_more.failing_since > chrono::TimeDelta::hours(23));
    let anew = fail(4).await;
    assert_eq!(
        (anew.alerted, anew.failing_since),
        (0, anew.last_failure_at)
    );
}

#[tokio::test]
async fn a_replay_waits_for_no_other_replay() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "b", "c"]).await;
    let held = take(&stage.store, 5).await;
    let done: Vec<_> = held.iter().map(delivered).collect();
    settle(&stage.store, &done).await;
    let of = |event: MessageId| DeliveryFilter {
        event: Some(event.0),
        ..DeliveryFilter::default()
    };
    let actor = operator();
    let all = DeliveryFilter {
        state: Some("delivered".to_owned()),
        until: Some(chrono::Utc::now() + chrono::TimeDelta::days(1)),
        ..DeliveryFilter::default()
    };
    let slow = stage.store.deliveries_replay(&all, 2, 0.001, &actor);
    assert_eq!(slow.await.unwrap().replayed, 2);
    assert_eq!(first(&take(&stage.store, 5).await), ids[0]);
    let urgent = of(ids[2]);
    let urgent = stage.store.deliveries_replay(&urgent, 10, 10.0, &actor);
    assert_eq!(urgent.await.unwrap().replayed, 1);
    assert_eq!(first(&take(&stage.store, 5).await), ids[2]);
}

#[tokio::test]
async fn of_what_is_dropped_only_what_is_in_hand_is_sent() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Discord).await;
    let ids: Vec<MessageId> = (0..12).map(|_| MessageId::new()).collect();
    add(
        &stage.store,
        webhook,
        WebhookKind::Discord,
        &["a"; 12],
        &ids,
    )
    .await;
    let held = take(&stage.store, 5).await;
    let actor = operator();
    for change in [enabled(false, None), enabled(true, Some(Kept::Drop))] {
        let changed = stage.store.webhook_change(webhook, change, &actor);
        changed.await.unwrap();
    }
    settle(&stage.store, &[delivered(&held[0])]).await;
    assert!(take(&stage.store, 5).await.is_empty());
    let dropped = DeliveryFilter {
        state: Some("dropped".to_owned()),
        ..DeliveryFilter::default()
    };
    let rows = stage.store.deliveries(&dropped, None, 100).await.unwrap();
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn a_lane_that_flows_is_held_on_to_until_its_time_is_over() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "a", "a"]).await;
    let me = claim_of(WorkerId::new(), 1);
    let held = stage.store.deliveries_turn(&[], &me).await.unwrap();
    let mut outcome = delivered(&held[0]);
    outcome.stays = Some(held[0].since);
    let second = stage.store.deliveries_turn(&[outcome], &me).await.unwrap();
    assert_eq!((first(&second), second[0].fence), (ids[1], held[0].fence));
    assert!(take(&stage.store, 5).await.is_empty(), "it is held");

    let mut outcome = delivered(&second[0]);
    outcome.stays = Some(second[0].since);
    let over = LaneClaim {
        stay: Duration::ZERO,
        ..claim_of(WorkerId::new(), 1)
    };
    let third = stage
        .store
        .deliveries_turn(&[outcome], &over)
        .await
        .unwrap();
    assert_eq!(first(&third), ids[2]);
    assert_ne!(third[0].fence, second[0].fence, "it was given back");
}

/// Everybody who locks more than one row, at once and again and again.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_ever_for_another() {
    const ROUNDS: usize = 40;
    let stage = Stage::new().await;
    let store = &stage.store;
    let mut webhooks = Vec::new();
    for kind in [
        WebhookKind::Signed,
        WebhookKind::Signed,
        WebhookKind::Discord,
    ] {
        webhooks.push((webhook(store, kind).await, kind));
    }
    let webhooks = &webhooks;
    let told = async {
        for round in 0..ROUNDS {
            for (webhook, kind) in webhooks {
                let ids = [MessageId::new(), MessageId::new(), MessageId::new()];
                let subjects = [["a", "b", "c"], ["c", "b", "a"]][round % 2];
                add(store, *webhook, *kind, &subjects, &ids).await;
            }
        }
    };
    let send = async |turn: usize| {
        let store = connect(stage.database.url());
        let me = WorkerId::new();
        let mut outcomes: Vec<LaneOutcome> = Vec::new();
        for round in 0..ROUNDS * 4 {
            let held = store.deliveries_turn(&outcomes, &claim_of(me, 6)).await?;
            outcomes = held
                .iter()
                .rev()
                .enumerate()
                .map(|(index, lane)| match (index + round + turn) % 5 {
                    0 => again(lane, true, fails()),
                    1 => {
                        let revision = lane.revision;
                        let reason = "GONE";
                        again(lane, false, HealthNote::Disable { reason, revision })
                    }
                    2 => again(lane, true, HealthNote::Limited),
                    _ => delivered(lane),
                })
                .collect();
        }
        Ok::<_, StoreError>(())
    };
    let change = async || {
        let actor = operator();
        for round in 0..ROUNDS {
            let brief = webhook(store, WebhookKind::Signed).await;
            tell(store, brief, &["a", "b", "c", "d"]).await;
            for (webhook, _) in webhooks {
                let kept = match round % 3 {
                    0 => Kept::Drop,
                    _ => Kept::Send {
                        per_second: Some(1e6),
                    },
                };
                let off = enabled(false, None);
                store.webhook_change(*webhook, off, &actor).await?;
                let on = enabled(true, Some(kept));
                store.webhook_change(*webhook, on, &actor).await?;
            }
            store.webhook_delete(brief, &actor).await?;
        }
        for (webhook, _) in webhooks {
            store.webhook_delete(*webhook, &actor).await?;
        }
        Ok::<_, StoreError>(())
    };
    let keep = async || {
        let (everything, actor) = (DeliveryFilter::default(), operator());
        let retention = DeliveryRetention {
            finished: Duration::from_millis(20),
            while_disabled: Duration::ZERO,
            batch: 2,
        };
        for _ in 0..ROUNDS {
            let replay = store.deliveries_replay(&everything, 50, 1e6, &actor);
            replay.await?;
            store.deliveries_clean_up(retention).await?;
            store.deliveries_recover(10).await?;
        }
        Ok::<_, StoreError>(())
    };
    let all = async { tokio::join!(told, send(0), send(1), send(2), change(), keep()) };
    let all = tokio::time::timeout(Duration::from_secs(60), all).await;
    let (_, one, two, three, changed, kept) = all.expect("all end");
    for done in [one, two, three, changed, kept] {
        done.unwrap();
    }
}
