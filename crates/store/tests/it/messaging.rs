//! Outbox, inbox and named leases.

use crate::stage::Stage;
use common::types::id::{MessageId, WorkerId};
use common::types::sync::{Kind, Target};
use std::time::Duration;
use store::{OutgoingRoute, Receipt};

#[tokio::test]
async fn messages_wait_in_the_order_in_which_they_were_said() {
    let stage = Stage::new().await;
    let id = stage.running(Target::One(Kind::Users)).await;
    stage.store.run_cancel(id).await.unwrap();
    let waiting = stage.store.outbox_unpublished(10).await.unwrap();
    let keys: Vec<_> = waiting.iter().map(|message| message.key.as_str()).collect();
    assert_eq!(keys[1..], ["sync.started", "sync.cancelled"]);
    assert_eq!(waiting[0].route, OutgoingRoute::Command);
    assert!(waiting.is_sorted_by_key(|message| message.seq));
    assert!(
        waiting
            .iter()
            .all(|message| message.subject == id.to_string())
    );
    stage
        .store
        .outbox_published(&[waiting[1].seq])
        .await
        .unwrap();
    let left = stage.store.outbox_unpublished(10).await.unwrap();
    assert_eq!((left[0].id, left[1].id), (waiting[0].id, waiting[2].id));
    let (count, oldest) = stage.store.outbox_lag().await.unwrap();
    assert!(count == 2 && oldest.is_some());
}

#[tokio::test]
async fn a_message_is_new_once_for_each_consumer() {
    let stage = Stage::new().await;
    let id = MessageId::new();
    let record = async |consumer| stage.store.inbox_record(consumer, id).await.unwrap();
    assert_eq!(record("one").await, Receipt::New);
    assert_eq!(record("one").await, Receipt::Repeated);
    assert_eq!(record("other").await, Receipt::New);
}

#[tokio::test]
async fn a_lease_has_one_holder_and_a_fence_that_grows_with_each() {
    let stage = Stage::new().await;
    let (one, other) = (WorkerId::new(), WorkerId::new());
    let minute = Duration::from_secs(60);
    let take = async |holder| {
        stage
            .store
            .lease_take("relay", holder, minute)
            .await
            .unwrap()
    };
    assert_eq!(take(one).await.unwrap().fence, 1);
    assert_eq!(take(one).await.unwrap().fence, 1, "renewed");
    assert!(take(other).await.is_none());
    stage.store.lease_release("relay", other).await.unwrap();
    assert!(take(other).await.is_none(), "only the holder gives it back");
    stage.store.lease_release("relay", one).await.unwrap();
    assert_eq!(take(other).await.unwrap().fence, 2);
}

#[tokio::test]
async fn work_that_is_done_once_an_interval_is_refused_to_its_holder_too() {
    let stage = Stage::new().await;
    let holder = WorkerId::new();
    let attempt = async || {
        let hour = Duration::from_secs(3600);
        stage
            .store
            .lease_try("cleanup", holder, hour)
            .await
            .unwrap()
    };
    assert!(attempt().await);
    assert!(!attempt().await);
    stage
        .execute("UPDATE leases SET until = now() - interval '1 second'")
        .await;
    assert!(attempt().await);
}
