use crate::scripted::Consumer;
use crate::{PATIENCE, WORK, command, commands, start};
use async_trait::async_trait;
use broker::{Delivery, Handler, Outcome, QueueSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::TestVhost;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const SHORT: Duration = Duration::from_millis(10);

/// Each delivery waits for the test's permission to end.
struct Gated {
    begun: Semaphore,
    may_end: Semaphore,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Gated {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Semaphore::new(0),
            may_end: Semaphore::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        })
    }

    /// Waits until `count` more deliveries have begun.
    async fn begun(&self, count: u32) {
        timeout(PATIENCE, self.begun.acquire_many(count))
            .await
            .expect("nothing begins")
            .unwrap()
            .forget();
    }
}

#[async_trait]
impl Handler for Gated {
    async fn handle(&self, _: &Delivery) -> Outcome {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        self.begun.add_permits(1);
        self.may_end.acquire().await.unwrap().forget();
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        Outcome::Done
    }
}

#[tokio::test]
async fn a_message_whose_consumer_dies_is_delivered_to_another() {
    let vhost = TestVhost::new().await;
    let doomed = start(&vhost, &[commands(WORK, &[])]).await;
    let gated = Gated::new();
    doomed.consume(WORK, gated.clone(), CancellationToken::new());
    let sent = command(WORK, "{}");
    doomed.publish(sent.clone()).await.unwrap();
    gated.begun(1).await;
    doomed.close().await;

    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let delivery = Consumer::start(&broker, WORK, |_| Outcome::Done)
        .await
        .next()
        .await;
    assert_eq!(delivery.id, Some(sent.id));
    assert!(delivery.redelivered);
    assert_eq!(delivery.attempt, 1);
}

#[tokio::test]
async fn stopping_finishes_what_was_begun_and_gives_back_the_rest() {
    let vhost = TestVhost::new().await;
    let queue = QueueSpec {
        prefetch: 1,
        ..commands(WORK, &[])
    };
    let broker = start(&vhost, &[queue]).await;
    let (gated, stop) = (Gated::new(), CancellationToken::new());
    let task = broker.consume(WORK, gated.clone(), stop.clone());
    broker.publish(command(WORK, "begun")).await.unwrap();
    broker.publish(command(WORK, "waiting")).await.unwrap();
    gated.begun(1).await;

    stop.cancel();
    gated.may_end.add_permits(1);
    timeout(PATIENCE, task)
        .await
        .expect("the consumer does not end")
        .unwrap();

    let mut consumer = Consumer::start(&broker, WORK, |_| Outcome::Done).await;
    assert_eq!(consumer.next_text().await, "waiting");
    broker.publish(command(WORK, "last")).await.unwrap();
    assert_eq!(consumer.next_text().await, "last");
}

#[tokio::test]
async fn as_many_are_handled_at_once_as_the_prefetch_says() {
    let vhost = TestVhost::new().await;
    let broker = start(
        &vhost,
        &[QueueSpec {
            prefetch: 3,
            ..commands(WORK, &[])
        }],
    )
    .await;
    let (gated, stop) = (Gated::new(), CancellationToken::new());
    let task = broker.consume(WORK, gated.clone(), stop.clone());
    for _ in 0..9 {
        broker.publish(command(WORK, "{}")).await.unwrap();
    }
    gated.begun(3).await;
    gated.may_end.add_permits(9);
    gated.begun(6).await;
    assert_eq!(gated.most_at_once.load(Ordering::SeqCst), 3);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_panicking_handler_is_tried_again() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[SHORT])]).await;
    let mut consumer = Consumer::start(&broker, WORK, |delivery| {
        assert!(delivery.attempt > 1, "the first attempt panics");
        Outcome::Done
    })
    .await;
    broker.publish(command(WORK, "{}")).await.unwrap();
    assert_eq!(consumer.next().await.attempt, 1);
    assert_eq!(consumer.next().await.attempt, 2);
    assert!(broker.is_connected());
}

#[tokio::test]
async fn a_message_sent_twice_arrives_twice_under_one_id() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let sent = command(WORK, "{}");
    let results = broker.publish_window(&[sent.clone(), sent.clone()]).await;
    assert!(results.iter().all(Result::is_ok));
    let mut consumer = Consumer::start(&broker, WORK, |_| Outcome::Done).await;
    assert_eq!(consumer.next().await.id, Some(sent.id));
    assert_eq!(consumer.next().await.id, Some(sent.id));
}

#[tokio::test]
async fn a_queue_that_nobody_declared_keeps_the_broker_unready() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[]).await;
    broker.consume("forgotten", Gated::new(), CancellationToken::new());
    assert!(!broker.is_connected());
}
