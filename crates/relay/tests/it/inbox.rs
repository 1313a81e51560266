use crate::stage::Stage;
use async_trait::async_trait;
use broker::{Delivery, Handler, Outcome};
use common::types::id::MessageId;
use relay::Guarded;
use std::collections::BTreeMap;
use testkit::test_logger;

struct Says(Outcome);

#[async_trait]
impl Handler for Says {
    async fn handle(&self, _: &Delivery) -> Outcome {
        self.0.clone()
    }
}

fn delivery(id: Option<MessageId>) -> Delivery {
    Delivery {
        id,
        route: "test".to_owned(),
        body: Vec::new(),
        headers: BTreeMap::new(),
        attempt: 1,
        redelivered: false,
    }
}

async fn recorded(stage: &Stage) -> i64 {
    stage
        .sql
        .query_one("SELECT count(*) FROM inbox WHERE consumer = 'test'", &[])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test]
async fn a_handled_message_is_recorded_once_and_a_repeat_is_harmless() {
    let stage = Stage::new().await;
    let guarded = Guarded::new(
        stage.store.clone(),
        "test",
        Says(Outcome::Done),
        test_logger(),
    );
    let delivery = delivery(Some(MessageId::new()));
    for _ in 0..2 {
        assert_eq!(guarded.handle(&delivery).await, Outcome::Done);
        assert_eq!(recorded(&stage).await, 1);
    }
}

#[tokio::test]
async fn only_a_success_is_recorded() {
    let stage = Stage::new().await;
    for outcome in [
        Outcome::Retry("later".to_owned()),
        Outcome::Dead("never".to_owned()),
    ] {
        let guarded = Guarded::new(
            stage.store.clone(),
            "test",
            Says(outcome.clone()),
            test_logger(),
        );
        assert_eq!(
            guarded.handle(&delivery(Some(MessageId::new()))).await,
            outcome
        );
    }
    let guarded = Guarded::new(
        stage.store.clone(),
        "test",
        Says(Outcome::Done),
        test_logger(),
    );
    assert_eq!(guarded.handle(&delivery(None)).await, Outcome::Done);
    assert_eq!(recorded(&stage).await, 0);
}
