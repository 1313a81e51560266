//! Messages taken in their order.

use crate::{PATIENCE, WORK, command, commands, start};
use async_trait::async_trait;
use broker::{Broker, Consumers, Delivery, InOrder, QueueSpec, Sequence};
use std::sync::{Arc, Mutex};
use testkit::{TestVhost, wait_for};
use tokio_util::sync::CancellationToken;

const ORDERED: QueueSpec = QueueSpec {
    prefetch: 100,
    consumers: Consumers::OneInOrder,
    ..commands(WORK, &[])
};

/// Notes what it is handed, as long as a test lets it.
#[derive(Default)]
struct Notes {
    seen: Mutex<Vec<String>>,
    refusing: Mutex<bool>,
    asked: Mutex<usize>,
}

impl Notes {
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    fn refuse(&self, refusing: bool) {
        *self.refusing.lock().unwrap() = refusing;
    }

    async fn wait(&self, count: usize) -> Vec<String> {
        wait_for("messages", PATIENCE, async || {
            let seen = self.seen();
            if seen.len() >= count {
                Ok(seen)
            } else {
                Err(format!("{seen:?}"))
            }
        })
        .await
    }
}

#[async_trait]
impl Sequence for Notes {
    async fn handle(&self, deliveries: &[Delivery]) -> InOrder {
        *self.asked.lock().unwrap() += 1;
        if *self.refusing.lock().unwrap() {
            return InOrder::Later("not now".to_owned());
        }
        let texts = deliveries
            .iter()
            .map(|it| String::from_utf8_lossy(&it.body).into_owned());
        let mut dead = Vec::new();
        for (place, text) in texts.enumerate() {
            if text == "poison" {
                dead.push((place, "cannot be read".to_owned()));
            } else {
                self.seen.lock().unwrap().push(text);
            }
        }
        InOrder::Done { dead }
    }
}

async fn publish(broker: &Broker, texts: &[String]) {
    let messages: Vec<_> = texts.iter().map(|text| command(WORK, text)).collect();
    for result in broker.publish_window(&messages).await {
        result.unwrap();
    }
}

/// Processes that consume the same queue.
async fn two(vhost: &TestVhost) -> (Broker, Broker) {
    (
        start(vhost, &[ORDERED]).await,
        start(vhost, &[ORDERED]).await,
    )
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|it| it.to_string()).collect()
}

#[tokio::test]
async fn what_cannot_be_handled_now_keeps_its_place_and_what_is_behind_it_waits() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[ORDERED]).await;
    let notes = Arc::new(Notes::default());
    notes.refuse(true);
    broker.consume_in_order(WORK, notes.clone(), CancellationToken::new());
    publish(&broker, &numbers(50)).await;
    wait_for("two refusals", PATIENCE, async || {
        let asked = *notes.asked.lock().unwrap();
        if asked >= 2 {
            Ok(())
        } else {
            Err(asked.to_string())
        }
    })
    .await;
    assert!(notes.seen().is_empty());
    notes.refuse(false);
    assert_eq!(notes.wait(50).await, numbers(50));
}

#[tokio::test]
async fn one_process_at_a_time_receives_and_another_goes_on_where_it_ended() {
    let vhost = TestVhost::new().await;
    let (first, second) = two(&vhost).await;
    let (ones, twos) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
    let stop = CancellationToken::new();
    let consuming = first.consume_in_order(WORK, ones.clone(), stop.clone());
    assert!(first.wait_connected(PATIENCE).await);
    second.consume_in_order(WORK, twos.clone(), CancellationToken::new());
    assert!(second.wait_connected(PATIENCE).await);
    publish(&first, &numbers(10)).await;
    assert_eq!(ones.wait(10).await, numbers(10));
    assert!(twos.seen().is_empty());
    stop.cancel();
    consuming.await.unwrap();
    publish(&first, &numbers(5)).await;
    assert_eq!(twos.wait(5).await, numbers(5));
    assert_eq!(ones.seen().len(), 10);
}

#[tokio::test]
async fn what_its_receiver_had_in_hand_is_handed_to_the_next_in_the_same_order() {
    let vhost = TestVhost::new().await;
    let (first, second) = two(&vhost).await;
    let (ones, twos) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
    ones.refuse(true);
    first.consume_in_order(WORK, ones.clone(), CancellationToken::new());
    assert!(first.wait_connected(PATIENCE).await);
    publish(&first, &numbers(30)).await;
    wait_for("the first to hold them", PATIENCE, async || {
        let asked = *ones.asked.lock().unwrap();
        if asked >= 1 {
            Ok(())
        } else {
            Err(String::new())
        }
    })
    .await;
    second.consume_in_order(WORK, twos.clone(), CancellationToken::new());
    first.close().await;
    assert_eq!(twos.wait(30).await, numbers(30));
}

/// RabbitMQ goes on sending to a receiver until it has heard that it stops, so the moment
/// must be met; each round has a chance.
#[tokio::test]
async fn a_receiver_that_stops_while_messages_come_hands_them_on_in_the_same_order() {
    for round in 0..20 {
        let vhost = TestVhost::new().await;
        let (first, second) = two(&vhost).await;
        let (ones, twos) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
        ones.refuse(true);
        let stop = CancellationToken::new();
        let consuming = first.consume_in_order(WORK, ones.clone(), stop.clone());
        assert!(first.wait_connected(PATIENCE).await);
        let publishing = async {
            for window in numbers(60).chunks(4) {
                publish(&second, window).await;
            }
        };
        let stopping = async {
            wait_for("the first to hold some", PATIENCE, async || {
                (*ones.asked.lock().unwrap() >= 1).then_some(())
            })
            .await;
            stop.cancel();
            consuming.await.unwrap();
        };
        tokio::join!(publishing, stopping);
        second.consume_in_order(WORK, twos.clone(), CancellationToken::new());
        assert_eq!(twos.wait(60).await, numbers(60), "round {round}");
        first.close().await;
        second.close().await;
    }
}

#[tokio::test]
async fn what_can_never_be_handled_is_put_aside_and_the_rest_is_not_held_up() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[ORDERED]).await;
    let notes = Arc::new(Notes::default());
    publish(&broker, &["a", "poison", "b"].map(str::to_owned)).await;
    broker.consume_in_order(WORK, notes.clone(), CancellationToken::new());
    assert_eq!(notes.wait(2).await, ["a", "b"]);
    // It goes to the dead letters once its neighbours' effect is committed.
    let dead = wait_for("the dead letter", PATIENCE, async || {
        let dead = broker.dead_letters(WORK, 10).await.unwrap();
        (!dead.is_empty()).then_some(dead)
    })
    .await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].reason, "cannot be read");
}
