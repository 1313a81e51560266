use crate::stage::{PATIENCE, Stage, broker_at};
use broker::{Binding, Broker, Consumers, QueueSpec};
use common::types::id::WorkerId;
use relay::{Relay, Round};
use std::collections::{BTreeMap, HashSet};
use testkit::Proxy;
use testkit::{test_logger, wait_for};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LATE: QueueSpec = QueueSpec {
    name: "test.late",
    retry_ladder: &[],
    binding: Binding::Commands,
    prefetch: 1,
    consumers: Consumers::Many,
};

/// A relay that its test stops, or kills by dropping.
struct Running {
    holder: WorkerId,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn start(stage: &Stage, broker: &Broker) -> Running {
    let (holder, stop) = (WorkerId::new(), CancellationToken::new());
    let task = Relay::start(
        stage.store.clone(),
        broker.clone(),
        holder,
        &test_logger(),
        stop.clone(),
    );
    Running { holder, stop, task }
}

async fn flush(stage: &Stage, broker: &Broker) -> Round {
    Relay::flush(
        stage.store.clone(),
        broker.clone(),
        WorkerId::new(),
        &test_logger(),
    )
    .await
    .unwrap()
}

async fn all_published(stage: &Stage) {
    wait_for("an empty outbox", PATIENCE, async || {
        match stage.unpublished().await {
            0 => Ok(()),
            left => Err(left),
        }
    })
    .await;
}

#[tokio::test]
async fn every_message_arrives_and_subjects_keep_their_order() {
    let stage = Stage::new().await;
    let mut listener = stage.listen().await;
    let broker = stage.broker(&[]).await;
    for subject in ["a", "b", "a", "c"] {
        stage.say(subject, 20).await;
    }
    let relay = start(&stage, &broker);
    let mut heard: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for _ in 0..80 {
        let (subject, n) = listener.next_event().await;
        heard.entry(subject).or_default().push(n);
    }
    let once: Vec<i64> = (0..20).collect();
    assert_eq!(heard["a"], [once.clone(), once.clone()].concat());
    assert_eq!(heard["b"], once);
    assert_eq!(heard["c"], once);
    all_published(&stage).await;
    relay.stop.cancel();
    relay.task.await.unwrap();
}

#[tokio::test]
async fn a_notification_wakes_the_relay() {
    let stage = Stage::new().await;
    let mut listener = stage.listen().await;
    let broker = stage.broker(&[]).await;
    let _relay = start(&stage, &broker);
    // A relay that only looks for itself would need a second for each.
    let told = async {
        for round in 0..75 {
            stage.say(&format!("subject-{round}"), 1).await;
            assert_eq!(listener.next_event().await.0, format!("subject-{round}"));
        }
    };
    tokio::time::timeout(PATIENCE, told)
        .await
        .expect("a relay that is woken");
}

/// First arrivals are in order whatever the connection does; repeats carry the id
/// of the message that they repeat.
#[tokio::test]
async fn nothing_is_lost_and_order_is_kept_while_the_connection_drops() {
    let stage = Stage::new().await;
    let mut listener = stage.listen().await;
    let proxy = Proxy::start(server_of(stage.vhost.url())).await;
    let broker = broker_at(&through(&proxy, stage.vhost.url()), &[]);
    let relay = start(&stage, &broker);

    let (mut seen, mut heard) = (HashSet::new(), Vec::new());
    for cut in 0..4 {
        stage.say("one", 50).await;
        // Somewhere in the middle of the fifty.
        while heard.len() < cut * 50 + 10 {
            let delivery = listener.next().await;
            if seen.insert(delivery.id) {
                heard.push(number(&delivery.body));
            }
        }
        proxy.cut();
        wait_for("the loss of the connection", PATIENCE, async || {
            (!broker.is_connected()).then_some(())
        })
        .await;
        proxy.mend();
    }
    while heard.len() < 200 {
        let delivery = listener.next().await;
        if seen.insert(delivery.id) {
            heard.push(number(&delivery.body));
        }
    }
    let fifty: Vec<i64> = (0..50).collect();
    assert_eq!(heard, fifty.repeat(4));
    all_published(&stage).await;
    relay.stop.cancel();
    relay.task.await.unwrap();
}

#[tokio::test]
async fn nothing_is_marked_without_a_confirm() {
    let stage = Stage::new().await;
    let proxy = Proxy::start(server_of(stage.vhost.url())).await;
    let broker = broker_at(&through(&proxy, stage.vhost.url()), &[]);
    assert!(broker.wait_connected(PATIENCE).await);
    proxy.cut();
    stage.say("one", 5).await;
    let round = flush(&stage, &broker).await;
    assert_eq!(round.published, 0);
    assert_eq!(stage.unpublished().await, 5);

    let mut listener = stage.listen().await;
    proxy.mend();
    assert!(broker.wait_connected(PATIENCE).await);
    assert_eq!(flush(&stage, &broker).await.published, 5);
    assert_eq!(stage.unpublished().await, 0);
    for n in 0..5 {
        assert_eq!(listener.next_event().await, ("one".to_owned(), n));
    }
}

#[tokio::test]
async fn an_unroutable_command_holds_back_only_its_own_subject() {
    let stage = Stage::new().await;
    let mut listener = stage.listen().await;
    let broker = stage.broker(&[]).await;
    stage.command(LATE.name, "stuck").await;
    stage.say("stuck", 1).await;
    stage.say("free", 2).await;

    let round = flush(&stage, &broker).await;
    assert_eq!((round.published, round.failed), (2, 1));
    assert_eq!(listener.next_event().await, ("free".to_owned(), 0));
    assert_eq!(listener.next_event().await, ("free".to_owned(), 1));
    assert_eq!(stage.unpublished().await, 2);

    let _declares = stage.broker(&[LATE]).await;
    let round = flush(&stage, &broker).await;
    assert_eq!((round.published, round.failed), (2, 0));
    assert_eq!(listener.next_event().await, ("stuck".to_owned(), 0));
}

#[tokio::test]
async fn more_stuck_messages_than_a_batch_block_nobody() {
    let stage = Stage::new().await;
    let mut listener = stage.listen().await;
    let broker = stage.broker(&[]).await;
    stage
        .sql
        .execute(
            "INSERT INTO outbox (id, route, key, subject, body) \
             SELECT gen_random_uuid(), 'command', 'test.late', n::text, '{}' FROM generate_series(1, 1100) AS n",
            &[],
        )
        .await
        .unwrap();
    stage.say("free", 1).await;
    let round = flush(&stage, &broker).await;
    assert_eq!((round.published, round.failed), (1, 1100));
    assert_eq!(listener.next_event().await, ("free".to_owned(), 0));
}

#[tokio::test]
async fn a_second_relay_waits_and_takes_over_from_a_killed_one() {
    let stage = Stage::new().await;
    let mut listener = stage.listen().await;
    let broker = stage.broker(&[]).await;
    let first = start(&stage, &broker);
    stage.say("before", 1).await;
    assert_eq!(listener.next_event().await.0, "before");
    all_published(&stage).await;
    // Killed: it does not give its lease back.
    first.task.abort();
    assert!(first.task.await.unwrap_err().is_cancelled());
    let holder: uuid::Uuid = stage
        .sql
        .query_one("SELECT holder FROM leases WHERE name = 'outbox-relay'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(holder, first.holder.0);

    stage
        .sql
        .execute("UPDATE leases SET until = now() + interval '1 day'", &[])
        .await
        .unwrap();
    stage.say("after", 1).await;
    assert_eq!(flush(&stage, &broker).await, Round::default());

    let second = start(&stage, &broker);
    stage
        .sql
        .execute("UPDATE leases SET until = now()", &[])
        .await
        .unwrap();
    assert_eq!(listener.next_event().await.0, "after");
    second.stop.cancel();
    second.task.await.unwrap();
}

#[tokio::test]
async fn a_relay_that_is_cut_off_makes_way_for_another() {
    let stage = Stage::new().await;
    let proxy = Proxy::start(server_of(stage.vhost.url())).await;
    let cut_off = broker_at(&through(&proxy, stage.vhost.url()), &[]);
    assert!(cut_off.wait_connected(PATIENCE).await);
    let _first = start(&stage, &cut_off);
    stage.say("one", 1).await;
    all_published(&stage).await;
    stage
        .sql
        .execute("UPDATE leases SET until = now() + interval '1 day'", &[])
        .await
        .unwrap();
    proxy.cut();
    stage.say("two", 1).await;
    let other = stage.broker(&[]).await;
    wait_for("the other relay's turn", PATIENCE, async || {
        (flush(&stage, &other).await.published == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stopped_relay_gives_its_lease_back() {
    let stage = Stage::new().await;
    let broker = stage.broker(&[]).await;
    let first = start(&stage, &broker);
    stage.say("one", 1).await;
    all_published(&stage).await;
    first.stop.cancel();
    first.task.await.unwrap();
    stage.say("two", 1).await;
    assert_eq!(flush(&stage, &broker).await.published, 1);
}

#[tokio::test]
async fn a_command_keeps_its_headers_and_id() {
    let stage = Stage::new().await;
    let broker = stage.broker(&[LATE]).await;
    let id = uuid::Uuid::new_v4();
    stage
        .sql
        .execute(
            "INSERT INTO outbox (id, route, key, subject, body, headers) \
             VALUES ($1, 'command', 'test.late', 's', '{\"a\": 1}', '{\"x-request-id\": \"r-1\"}')",
            &[&id],
        )
        .await
        .unwrap();
    assert_eq!(flush(&stage, &broker).await.published, 1);
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    broker.consume(
        LATE.name,
        std::sync::Arc::new(crate::stage::Ears(sender)),
        stop,
    );
    let delivery = tokio::time::timeout(PATIENCE, heard.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(delivery.id.unwrap().0, id);
    assert_eq!(delivery.headers["x-request-id"], "r-1");
    assert_eq!(delivery.body, br#"{"a":1}"#);
}

fn number(body: &[u8]) -> i64 {
    serde_json::from_slice::<serde_json::Value>(body).unwrap()["n"]
        .as_i64()
        .unwrap()
}

fn server_of(amqp: &str) -> String {
    let authority = amqp.split('/').nth(2).unwrap();
    authority.rsplit('@').next().unwrap().to_owned()
}

/// The same address, through the proxy.
fn through(proxy: &Proxy, amqp: &str) -> String {
    amqp.replace(&server_of(amqp), &proxy.address().to_string())
}
