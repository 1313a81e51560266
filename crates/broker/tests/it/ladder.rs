use crate::management::Management;
use crate::scripted::Consumer;
use crate::{PATIENCE, WORK, command, commands, start};
use broker::{Broker, DeadLetter, Outcome};
use std::time::Duration;
use testkit::{TestVhost, wait_for};

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(8);

/// Waits for the first dead letter.
async fn dead_letter(broker: &Broker) -> DeadLetter {
    wait_for("a dead letter", PATIENCE, async || {
        broker.dead_letters(WORK, 10).await.unwrap().pop()
    })
    .await
}

#[tokio::test]
async fn a_failing_message_climbs_the_ladder_and_is_dead_after_its_last_step() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[SHORT, SHORT, SHORT])]).await;
    let mut consumer = Consumer::start(&broker, WORK, |delivery| {
        Outcome::Retry(format!("failure {}", delivery.attempt))
    })
    .await;
    let sent = command(WORK, r#"{"some":"work"}"#);
    broker.publish(sent.clone()).await.unwrap();
    for attempt in 1..=4 {
        let delivery = consumer.next().await;
        assert_eq!(delivery.attempt, attempt);
        assert_eq!((delivery.id, &delivery.body), (Some(sent.id), &sent.body));
        assert_eq!(
            (delivery.headers, delivery.route.as_str()),
            (sent.headers.clone(), WORK)
        );
    }

    let letter = dead_letter(&broker).await;
    let expected = DeadLetter {
        id: Some(sent.id),
        route: WORK.to_owned(),
        reason: "failure 4".to_owned(),
        attempts: 4,
        headers: sent.headers,
        body: sent.body,
    };
    assert_eq!(letter, expected);
}

#[tokio::test]
async fn a_short_step_does_not_wait_behind_a_long_one() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[SHORT, LONG])]).await;
    let mut consumer = Consumer::start(&broker, WORK, |delivery| {
        let fails = if delivery.body == b"slow" { 2 } else { 1 };
        if delivery.attempt > fails {
            Outcome::Done
        } else {
            Outcome::Retry("not yet".to_owned())
        }
    })
    .await;
    broker.publish(command(WORK, "slow")).await.unwrap();
    assert_eq!(consumer.next().await.attempt, 1);
    assert_eq!(consumer.next().await.attempt, 2);
    // It waits on the long step now; this one goes the short one.
    broker.publish(command(WORK, "quick")).await.unwrap();
    for (body, attempt) in [("quick", 1), ("quick", 2), ("slow", 3)] {
        let delivery = consumer.next().await;
        assert_eq!(
            (delivery.body.as_slice(), delivery.attempt),
            (body.as_bytes(), attempt)
        );
    }
}

#[tokio::test]
async fn what_can_never_succeed_is_dead_at_once() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[LONG])]).await;
    let mut consumer = Consumer::start(&broker, WORK, |_| {
        Outcome::Dead("cannot be parsed".to_owned())
    })
    .await;
    broker
        .publish(command(WORK, "\u{0}not json"))
        .await
        .unwrap();
    assert_eq!(consumer.next().await.attempt, 1);
    let letter = dead_letter(&broker).await;
    assert_eq!(
        (letter.reason.as_str(), letter.attempts),
        ("cannot be parsed", 1)
    );
    assert_eq!(letter.body, b"\0not json");
}

#[tokio::test]
async fn a_reason_of_any_length_is_kept_in_short() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let mut consumer = Consumer::start(&broker, WORK, |_| Outcome::Dead("ä".repeat(200_000))).await;
    broker.publish(command(WORK, "{}")).await.unwrap();
    consumer.next().await;
    assert_eq!(dead_letter(&broker).await.reason, "ä".repeat(500));
}

#[tokio::test]
async fn a_message_that_kills_its_consumers_ends_among_the_dead() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[SHORT])]).await;
    let sent = command(WORK, "poison");
    broker.publish(sent.clone()).await.unwrap();
    let management = Management::of(&vhost);
    let letter = wait_for("a dead letter", PATIENCE, async || {
        management.take_and_give_back("p.test.work.v1").await;
        broker.dead_letters(WORK, 1).await.unwrap().pop()
    })
    .await;
    assert_eq!(letter.id, Some(sent.id));
    assert_eq!(letter.body, sent.body);
    assert_eq!(letter.attempts, 0);
    assert!(letter.reason.contains("too often"), "{}", letter.reason);
}

#[tokio::test]
async fn the_queues_are_declared_so_that_nothing_is_lost() {
    let vhost = TestVhost::new().await;
    let _broker = start(&vhost, &[commands(WORK, &[SHORT])]).await;
    let management = Management::of(&vhost);
    let dead = management.arguments("p.test.work.v1.dead").await;
    assert_eq!(dead["x-queue-type"], "quorum");
    for trims in [
        "x-max-length",
        "x-max-length-bytes",
        "x-message-ttl",
        "x-expires",
    ] {
        assert!(
            dead.get(trims).is_none(),
            "dead letters are trimmed: {dead}"
        );
    }
    for moves in ["p.test.work.v1", "p.test.work.v1.retry.50ms"] {
        let arguments = management.arguments(moves).await;
        assert_eq!(arguments["x-queue-type"], "quorum", "{moves}");
        assert_eq!(
            arguments["x-dead-letter-strategy"], "at-least-once",
            "{moves}"
        );
        assert_eq!(arguments["x-overflow"], "reject-publish", "{moves}");
    }
}
