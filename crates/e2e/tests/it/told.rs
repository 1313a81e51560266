//! Webhooks that are told, whatever dies meanwhile.

use crate::listeners::{Admin, Listeners};
use crate::world::{PATIENCE, World};
use common::types::event::{Event, EventType};
use devstack::{Durability, Options, Stack};
use serde_json::json;
use simulators::panel::State;
use simulators::receiver::{Answer, Rule};
use std::collections::BTreeMap;
use testkit::wait_for;

/// Subjects, each with an order of its own.
const SUBJECTS: usize = 8;
/// Events that are said at a time.
pub const AT_ONCE: usize = 64;

/// Says, as transactions do, what happened next to each subject.
pub async fn say(world: &World, said: &mut BTreeMap<String, Vec<String>>) {
    let mut client = world.connect().await;
    let transaction = client.transaction().await.unwrap();
    for place in 0..AT_ONCE {
        let subject = format!("subject-{}", place % SUBJECTS);
        let data = json!({ "kind": "users", "seconds": 1.0 });
        let event = Event::new(EventType::SyncCompleted, &subject, chrono::Utc::now(), data);
        let body = serde_json::to_value(&event).unwrap();
        let sql =
            "INSERT INTO outbox (id, route, key, subject, body) VALUES ($1, 'event', $2, $3, $4)";
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&event.id.0, &event.event_type, &subject, &body];
        transaction.execute(sql, &row).await.unwrap();
        said.entry(subject).or_default().push(event.id.to_string());
    }
    let wake = "NOTIFY nodebyte_outbox";
    transaction.batch_execute(wake).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Waits until so many events have arrived, each counted once.
pub async fn arrived(listeners: &Listeners, count: usize) {
    wait_for("events at the webhook", PATIENCE, async || {
        let first = listeners.receiver.first_arrivals().len();
        (first >= count).then_some(()).ok_or(first)
    })
    .await;
}

/// In the order in which they arrived first.
pub fn by_subject(listeners: &Listeners) -> BTreeMap<String, Vec<String>> {
    let mut arrived: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in listeners.receiver.first_arrivals() {
        let event = entry.json();
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        arrived.entry(text("subject")).or_default().push(text("id"));
    }
    arrived
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_in_order_though_servers_restart_and_notifiers_are_killed() {
    let stack = Stack::start(&Options {
        durability: Durability::Default,
        ..Options::private()
    })
    .unwrap();
    let mut world = World::on(&stack, State::small()).await;
    let listeners = Listeners::start(&mut world).await;
    let gateway = world.gateway().await;
    let admin = Admin::new(&world, &gateway);
    let secret = admin.webhook(&listeners.url("/told")).await;
    // So that something is always under way.
    let slow = Answer::Late {
        status: 200,
        milliseconds: 20,
    };
    listeners.receiver.rule(Rule::new([slow]).on("/told"));

    let (mut first, mut second) = tokio::join!(world.notifier(), world.notifier());
    let mut said = BTreeMap::new();
    let mut count = 0;
    let mut say_some = async || {
        say(&world, &mut said).await;
        arrived(&listeners, count + AT_ONCE / 4).await;
        count += AT_ONCE;
        count
    };
    say_some().await;
    first.kill();
    first = world.notifier().await;
    say_some().await;
    stack.postgres().kill_9().unwrap();
    stack.postgres().start().unwrap();
    say_some().await;
    stack.redis().kill_9().unwrap();
    stack.redis().start().unwrap();
    say_some().await;
    stack.rabbitmq().kill_9().unwrap();
    stack.rabbitmq().start().unwrap();
    say_some().await;
    second.kill();
    second = world.notifier().await;
    let all = say_some().await;

    arrived(&listeners, all).await;
    wait_for("the end of all deliveries", PATIENCE, async || {
        let open = "SELECT count(*) FROM deliveries WHERE state <> 'delivered'";
        let open = world.number(open).await;
        (open == 0).then_some(()).ok_or(open)
    })
    .await;
    first.stop();
    second.stop();
    assert_eq!(by_subject(&listeners), said, "lost, or out of order");
    for entry in listeners.receiver.journal() {
        entry.verify(&secret).unwrap();
    }
    let twice = listeners.receiver.duplicates();
    let again: usize = twice.values().map(|times| times - 1).sum();
    // What a notifier was sending when it died, or could not write the end of.
    let unknown = "SELECT count(*) FROM delivery_attempts WHERE outcome = 'unknown'";
    let unknown = usize::try_from(world.number(unknown).await).unwrap();
    assert!(again <= unknown, "{again} twice, {unknown} unknown");
    let parked = "SELECT count(*) FROM deliveries WHERE parked_at IS NOT NULL";
    assert_eq!(world.number(parked).await, 0);
}
