//! Deliveries: once, in order, and never lost between those who add, send and recover.

use crate::stage::Stage;
use common::types::caller::Actor;
use common::types::id::{MessageId, WebhookId, WorkerId};
use common::types::webhook::{WebhookKind, WebhookScope, WebhookType};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use store::{
    Attempt, DeliveryFilter, HealthNote, HeldLane, LaneClaim, LaneOutcome, NewDelivery,
    NewDeliveryEvent, NewWebhook, NextStep, Settled, Store, lane,
};

pub fn operator() -> Actor {
    Actor::Operator("test".to_owned())
}

pub async fn webhook(store: &Store, kind: WebhookKind) -> WebhookId {
    let id = WebhookId::new();
    let new = NewWebhook {
        id,
        name: "w".to_owned(),
        kind,
        about: WebhookType::System,
        scope: WebhookScope::Admin,
        description: String::new(),
        address: "sealed".to_owned(),
        address_shown: "https://…".to_owned(),
        channel_id: None,
        secret: (kind == WebhookKind::Signed).then(|| "sealed".to_owned()),
        events: Vec::new(),
        conditions: json!([]),
    };
    store.webhook_create(new, &operator()).await.unwrap();
    id
}

/// Tells a webhook of events about these subjects, in this order.
async fn tell(store: &Store, webhook: WebhookId, subjects: &[&str]) -> Vec<MessageId> {
    let ids: Vec<MessageId> = subjects.iter().map(|_| MessageId::new()).collect();
    add(store, webhook, WebhookKind::Signed, subjects, &ids).await;
    ids
}

async fn add(
    store: &Store,
    webhook: WebhookId,
    kind: WebhookKind,
    subjects: &[&str],
    ids: &[MessageId],
) -> u64 {
    let events = subjects
        .iter()
        .zip(ids)
        .map(|(subject, id)| NewDeliveryEvent {
            id: *id,
            event_type: "sync.completed".to_owned(),
            subject: (*subject).to_owned(),
            body: format!("{{\"id\":\"{id}\"}}"),
        });
    let deliveries = subjects.iter().zip(ids).map(|(subject, id)| NewDelivery {
        webhook,
        event: *id,
        lane: lane(kind, subject),
    });
    store
        .deliveries_add(events.collect(), deliveries.collect())
        .await
        .unwrap()
}

fn claim_of(holder: WorkerId, lanes: u32) -> LaneClaim {
    LaneClaim {
        holder,
        lanes,
        per_webhook: lanes,
        except: Vec::new(),
        hold: Duration::from_secs(30),
        merge: 10,
    }
}

async fn take(store: &Store, lanes: u32) -> Vec<HeldLane> {
    store
        .deliveries_turn(&[], &claim_of(WorkerId::new(), lanes))
        .await
        .unwrap()
}

async fn settle(store: &Store, outcomes: &[LaneOutcome]) {
    store
        .deliveries_turn(outcomes, &claim_of(WorkerId::new(), 0))
        .await
        .unwrap();
}

fn outcome(
    held: &HeldLane,
    word: &'static str,
    next: &NextStep,
    health: HealthNote,
) -> LaneOutcome {
    LaneOutcome {
        webhook: held.webhook,
        lane: held.lane.clone(),
        fence: held.fence,
        settled: held
            .heads
            .iter()
            .map(|head| Settled {
                delivery: head.delivery,
                attempt: Some(Attempt {
                    number: head.attempt,
                    outcome: word,
                    counted: word == "failed",
                    status: Some(200),
                    answer: String::new(),
                    took: Duration::from_millis(1),
                }),
                next: next.clone(),
            })
            .collect(),
        health,
        pause: Duration::ZERO,
        provider_pause: Duration::ZERO,
    }
}

fn delivered(held: &HeldLane) -> LaneOutcome {
    let next = NextStep::Delivered { message_id: None };
    outcome(
        held,
        "delivered",
        &next,
        HealthNote::Works { took_it: true },
    )
}

fn again(held: &HeldLane, park: bool, health: HealthNote) -> LaneOutcome {
    let wait = Duration::ZERO;
    outcome(held, "failed", &NextStep::Again { wait, park }, health)
}

fn fails(held: &HeldLane) -> HealthNote {
    HealthNote::Fails {
        began: Duration::from_millis(1),
        is_probe: held.is_probe,
    }
}

fn first(held: &[HeldLane]) -> MessageId {
    held.first().expect("a lane").heads[0].event
}

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
    assert_eq!(stage.store.deliveries_recover().await.unwrap(), 1);

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
async fn while_a_circuit_is_open_one_key_after_another_is_probed() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a", "b"]).await;
    let held = take(&stage.store, 1).await;
    assert_eq!(first(&held), ids[0]);
    settle(&stage.store, &[again(&held[0], false, fails(&held[0]))]).await;
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
    settle(&stage.store, &[again(&probe[0], false, fails(&probe[0]))]).await;

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
    let health = HealthNote::Fails {
        began,
        is_probe: false,
    };
    settle(&stage.store, &[again(&held[1], false, health)]).await;
    assert!(!take(&stage.store, 5).await.is_empty());
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_disabled_and_what_waits_for_it_is_kept() {
    let stage = Stage::new().await;
    let webhook = webhook(&stage.store, WebhookKind::Signed).await;
    let ids = tell(&stage.store, webhook, &["a"]).await;
    let held = take(&stage.store, 1).await;
    let gone = HealthNote::Disable { reason: "GONE" };
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
