//! Deliveries: once, in order, and never lost between those who add, send and recover.

mod between;
mod endings;
mod growth;
mod health;
mod kept;
mod order;

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
    NewDeliveryEvent, NewWebhook, NextStep, Settled, Store, WebhookChange, lane,
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
        enabled: true,
        address: "sealed".to_owned(),
        address_shown: "https://…".to_owned(),
        channel_id: None,
        secret: (kind == WebhookKind::Signed).then(|| "sealed".to_owned()),
        events: Vec::new(),
        conditions: json!([]),
    };
    let others = store.webhooks_just_made(&operator()).await.unwrap();
    let made = store.webhook_create(&new, &operator(), &others).await;
    assert!(made.unwrap().is_some());
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
        stay: Duration::from_secs(1),
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
        is_probe: held.is_probe,
        stays: None,
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

fn fails() -> HealthNote {
    HealthNote::Fails {
        began: Duration::from_millis(1),
    }
}

fn first(held: &[HeldLane]) -> MessageId {
    held.first().expect("a lane").heads[0].event
}

async fn enable(store: &Store, webhook: WebhookId, enabled: bool) {
    let change = WebhookChange {
        enabled: Some(enabled),
        ..WebhookChange::default()
    };
    let actor = operator();
    let changed = store.webhook_change(webhook, change, &actor);
    changed.await.unwrap();
}
