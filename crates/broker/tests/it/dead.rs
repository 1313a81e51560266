use crate::scripted::Consumer;
use crate::{PATIENCE, WORK, command, commands, start};
use broker::{Broker, DeadLetterError, Outcome, Publication, Replay};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::{TestVhost, wait_for};

/// Three commands that are dead, with a consumer that would take them now.
async fn three_dead(broker: &Broker) -> (Vec<Publication>, Consumer) {
    let healed = Arc::new(AtomicBool::new(false));
    let mut consumer = Consumer::start(broker, WORK, {
        let healed = Arc::clone(&healed);
        move |_| {
            if healed.load(Ordering::SeqCst) {
                Outcome::Done
            } else {
                Outcome::Dead("broken".to_owned())
            }
        }
    })
    .await;
    let mut sent = Vec::new();
    for body in ["one", "two", "three"] {
        let publication = command(WORK, body);
        broker.publish(publication.clone()).await.unwrap();
        consumer.next().await;
        sent.push(publication);
        wait_for("the dead letter", PATIENCE, async || {
            (broker.dead_letters(WORK, 10).await.unwrap().len() == sent.len()).then_some(())
        })
        .await;
    }
    healed.store(true, Ordering::SeqCst);
    (sent, consumer)
}

async fn dead_bodies(broker: &Broker, limit: u32) -> Vec<String> {
    let letters = broker.dead_letters(WORK, limit).await.unwrap();
    letters
        .into_iter()
        .map(|letter| String::from_utf8(letter.body).unwrap())
        .collect()
}

#[tokio::test]
async fn looking_at_dead_letters_leaves_them_in_their_place() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let _kept = three_dead(&broker).await;
    for _ in 0..30 {
        assert_eq!(dead_bodies(&broker, 10).await, ["one", "two", "three"]);
    }
    assert_eq!(dead_bodies(&broker, 2).await, ["one", "two"]);
}

#[tokio::test]
async fn replayed_dead_letters_are_worked_on_as_if_new() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let (sent, mut consumer) = three_dead(&broker).await;

    assert_eq!(
        broker.replay_dead(WORK, Replay::Oldest(2)).await.unwrap(),
        2
    );
    for publication in &sent[..2] {
        let delivery = consumer.next().await;
        assert_eq!(delivery.id, Some(publication.id));
        assert_eq!(delivery.attempt, 1);
        assert_eq!(delivery.headers, publication.headers);
    }
    assert_eq!(dead_bodies(&broker, 10).await, ["three"]);

    assert_eq!(
        broker.replay_dead(WORK, Replay::Oldest(100)).await.unwrap(),
        1
    );
    assert_eq!(consumer.next_text().await, "three");
    assert_eq!(
        broker.replay_dead(WORK, Replay::Oldest(100)).await.unwrap(),
        0
    );
}

#[tokio::test]
async fn one_dead_letter_can_be_replayed_by_its_id() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let (sent, mut consumer) = three_dead(&broker).await;
    assert_eq!(
        broker
            .replay_dead(WORK, Replay::One(sent[1].id))
            .await
            .unwrap(),
        1
    );
    assert_eq!(consumer.next_text().await, "two");
    assert_eq!(dead_bodies(&broker, 10).await, ["one", "three"]);
    assert_eq!(
        broker
            .replay_dead(WORK, Replay::One(sent[1].id))
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn what_dies_again_during_a_replay_is_not_replayed_for_ever() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let mut consumer =
        Consumer::start(&broker, WORK, |_| Outcome::Dead("for good".to_owned())).await;
    broker.publish(command(WORK, "stubborn")).await.unwrap();
    consumer.next().await;
    for _ in 0..3 {
        wait_for("the dead letter", PATIENCE, async || {
            broker.dead_letters(WORK, 1).await.unwrap().pop()
        })
        .await;
        assert_eq!(
            broker.replay_dead(WORK, Replay::Oldest(100)).await.unwrap(),
            1
        );
        consumer.next().await;
    }
}

#[tokio::test]
async fn an_unknown_queue_is_named() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let error = broker.dead_letters("nobody", 1).await.unwrap_err();
    assert!(matches!(error, DeadLetterError::UnknownQueue { .. }));
    assert_eq!(
        error.to_string(),
        "there is no queue `nobody`; there are: test.work"
    );
}
