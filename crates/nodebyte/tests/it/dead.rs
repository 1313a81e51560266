use crate::cli::{Installation, PATIENCE};
use async_trait::async_trait;
use broker::{Broker, Delivery, Handler, Outcome};
use common::types::message::SYNC_QUEUE;
use std::sync::Arc;
use testkit::{test_logger, wait_for};
use tokio_util::sync::CancellationToken;

struct Refuses;

#[async_trait]
impl Handler for Refuses {
    async fn handle(&self, _: &Delivery) -> Outcome {
        Outcome::Dead("not today".to_owned())
    }
}

#[tokio::test]
async fn dead_letters_are_listed_and_replayed() {
    let installation = Installation::new().await;
    assert_eq!(
        installation.cli.json(&["dead", "list"]).await,
        serde_json::json!([])
    );

    let settings = broker::Settings::new(installation.vhost.url().to_owned().into(), "test");
    let broker = Broker::start(settings, relay::queues::all(), &test_logger());
    let stop = CancellationToken::new();
    let consumer = broker.consume(SYNC_QUEUE, Arc::new(Refuses), stop.clone());
    assert!(broker.wait_connected(PATIENCE).await);
    let run = installation.ask_for_run().await;
    let letters = wait_for("the dead letter", PATIENCE, async || {
        let letters = installation.cli.json(&["dead", "list", SYNC_QUEUE]).await;
        (letters.as_array().unwrap().len() == 1).then_some(letters)
    })
    .await;
    assert_eq!(letters[0]["reason"], "not today");
    assert_eq!(letters[0]["body"]["run_id"], run.as_str());
    stop.cancel();
    consumer.await.unwrap();

    let nobody = uuid::Uuid::now_v7().to_string();
    let unknown = ["dead", "replay", SYNC_QUEUE, "--id", &nobody];
    let answer = installation.cli.run(&unknown).await;
    assert_eq!(answer.code, 66, "{}", answer.stderr);

    let id = letters[0]["id"].as_str().unwrap();
    let replayed = installation
        .cli
        .json(&["dead", "replay", SYNC_QUEUE, "--id", id])
        .await;
    assert_eq!(replayed["replayed"], 1);
    assert_eq!(
        installation.cli.json(&["dead", "list"]).await,
        serde_json::json!([])
    );
}

#[tokio::test]
async fn an_unknown_queue_ends_with_66() {
    let installation = Installation::new().await;
    let answer = installation
        .cli
        .run(&["dead", "replay", "no.such.queue"])
        .await;
    assert_eq!(answer.code, 66);
    assert!(answer.stderr.contains(SYNC_QUEUE), "{}", answer.stderr);
}
