//! Messages that come twice, and messages that are none.

use crate::world::{PATIENCE, World};
use broker::{Broker, Publication, Route};
use common::types::id::{MessageId, RunId};
use common::types::message::{Command, SYNC_QUEUE};
use simulators::panel::State;
use std::collections::{BTreeMap, BTreeSet};
use testkit::{test_logger, wait_for};

fn command(id: MessageId, body: impl Into<Vec<u8>>) -> Publication {
    Publication {
        id,
        route: Route::Command {
            queue: SYNC_QUEUE.to_owned(),
        },
        body: body.into(),
        headers: BTreeMap::new(),
        content_type: "application/json",
    }
}

fn wake(run: RunId) -> Vec<u8> {
    serde_json::to_vec(&Command::SyncRunV1 { run_id: run }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_commands_change_nothing_and_garbage_ends_among_the_dead_letters() {
    let world = World::new(State::small()).await;
    world.slow_down(0.1);
    let settings = broker::Settings::new(world.vhost().url().to_owned().into(), "e2e");
    let broker = Broker::start(settings, relay::queues::all(), &test_logger());
    assert!(broker.wait_connected(PATIENCE).await, "no RabbitMQ");
    let run = world.trigger().await;
    let worker = world.worker().await;

    let repeated = MessageId::new();
    let garbage: [&[u8]; 5] = [
        b"",
        b"not JSON",
        b"{}",
        br#"{"type":"sync.run.v999","run_id":"0196f5a4-7c1e-7b52-9d3a-5f0a5e2c8b11"}"#,
        b"\xff\x00\xfe",
    ];
    let mut messages = vec![
        command(repeated, wake(run)),
        command(repeated, wake(run)),
        command(MessageId::new(), wake(run)),
        // A run that nobody knows.
        command(MessageId::new(), wake(RunId::new())),
    ];
    messages.extend(garbage.map(|body| command(MessageId::new(), body)));
    for published in broker.publish_window(&messages).await {
        published.unwrap();
    }
    world.completed(run).await;
    world.assert_mirrored().await;

    let dead = wait_for("the dead letters", PATIENCE, async || {
        let letters = broker.dead_letters(SYNC_QUEUE, 100).await.unwrap();
        let again = letters.iter().find(|letter| letter.attempts > 1);
        assert_eq!(again, None, "what nobody understands is not tried again");
        let bodies: BTreeSet<Vec<u8>> = letters.into_iter().map(|letter| letter.body).collect();
        (bodies.len() >= garbage.len())
            .then_some(bodies.clone())
            .ok_or_else(|| format!("{bodies:?}"))
    })
    .await;
    assert_eq!(dead, garbage.map(<[u8]>::to_vec).into());

    let before = world.fingerprint().await;
    broker.publish(command(repeated, wake(run))).await.unwrap();
    wait_for("the repeats to be noticed", PATIENCE, async || {
        let metrics = worker.metrics().await;
        metrics
            .lines()
            .find(|line| line.starts_with("nodebyte_inbox_repeated_total"))
            .is_some_and(|line| line.ends_with(" 2"))
            .then_some(())
    })
    .await;
    assert_eq!(world.fingerprint().await, before);
    assert_eq!(world.number("SELECT count(*) FROM sync_runs").await, 1);
    let twice = world
        .number("SELECT count(*) FROM sync_tasks WHERE fence <> 1 OR state <> 'done'")
        .await;
    assert_eq!(twice, 0, "a task was begun twice");
}
