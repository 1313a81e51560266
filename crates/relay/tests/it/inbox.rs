use crate::stage::Stage;
use async_trait::async_trait;
use broker::{Delivery, Handler, Outcome};
use common::types::id::MessageId;
use relay::{Effect, Guarded};
use std::collections::BTreeMap;
use store::{InboxEntry, Receipt, Store};
use testkit::test_logger;

/// Starts the runs that wait.
struct Wakes(Store);

#[async_trait]
impl Effect for Wakes {
    async fn apply(&self, _: &Delivery, entry: Option<InboxEntry>) -> Result<Receipt, Outcome> {
        Ok(self.0.run_wake(entry).await.unwrap())
    }
}

struct Fails(Outcome);

#[async_trait]
impl Effect for Fails {
    async fn apply(&self, _: &Delivery, _: Option<InboxEntry>) -> Result<Receipt, Outcome> {
        Err(self.0.clone())
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
    let guarded = Guarded::new("test", Wakes(stage.store.clone()), test_logger());
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
        let guarded = Guarded::new("test", Fails(outcome.clone()), test_logger());
        assert_eq!(
            guarded.handle(&delivery(Some(MessageId::new()))).await,
            outcome
        );
    }
    let guarded = Guarded::new("test", Wakes(stage.store.clone()), test_logger());
    assert_eq!(guarded.handle(&delivery(None)).await, Outcome::Done);
    assert_eq!(recorded(&stage).await, 0);
}
