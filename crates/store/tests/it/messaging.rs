//! Outbox, inbox and named leases.

use crate::stage::{PATIENCE, Stage, location, locations, page};
use common::types::id::{MessageId, WorkerId};
use common::types::sync::{Kind, Target};
use std::time::Duration;
use store::{Ending, InboxEntry, OutgoingRoute, PageRows, Receipt, Resource, Why};

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
    let record = async |consumer| {
        let entry = InboxEntry {
            consumer,
            message: id,
        };
        stage.store.run_wake(Some(entry)).await.unwrap()
    };
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

#[tokio::test]
async fn a_message_is_recorded_with_its_effect_or_not_at_all() {
    let stage = Stage::new().await;
    let new = stage.new_run(Target::Full);
    let id = stage.store.run_trigger(&new).await.unwrap().run.run_id();
    let entry = InboxEntry {
        consumer: "test",
        message: MessageId::new(),
    };
    let standing = async || {
        (
            stage.store.run(id).await.unwrap().unwrap().status,
            stage.number("SELECT count(*) FROM inbox").await,
        )
    };
    stage.refuse("sync_tasks").await;
    stage.store.run_wake(Some(entry)).await.unwrap_err();
    assert_eq!(standing().await, ("PENDING".to_owned(), 0));
    stage.allow("sync_tasks").await;
    let receipt = stage.store.run_wake(Some(entry)).await.unwrap();
    assert_eq!(receipt, Receipt::New);
    assert_eq!(standing().await, ("RUNNING".to_owned(), 1));

    // A repeat has no effect, whatever waits by then.
    stage.store.run_cancel(id).await.unwrap();
    let next = stage.store.run_trigger(&new).await.unwrap().run.run_id();
    let receipt = stage.store.run_wake(Some(entry)).await.unwrap();
    assert_eq!(receipt, Receipt::Repeated);
    let next = stage.store.run(next).await.unwrap().unwrap();
    assert_eq!(next.status, "PENDING");
}

#[tokio::test]
async fn what_cannot_be_said_does_not_happen() {
    let stage = Stage::new().await;
    let lease = stage.told(Kind::Locations).await;
    let store = &stage.store;
    store.commit_page(&lease, &locations([1, 2])).await.unwrap();
    let row = stage
        .text("SELECT id::text FROM locations WHERE remote_id = 2")
        .await
        .parse()
        .unwrap();
    stage.refuse("outbox").await;
    let renamed = page(
        Kind::Locations,
        PageRows::Locations(vec![location(1, "there")]),
    );
    store.commit_page(&lease, &renamed).await.unwrap_err();
    store
        .remove(&lease, Resource::Location, &[row], Why::Gone)
        .await
        .unwrap_err();
    store.run_cancel(lease.run_id).await.unwrap_err();
    let ending = Ending::Completed { held: None };
    store.run_finish(&lease, &ending, 0).await.unwrap_err();
    let other = stage.new_run(Target::One(Kind::Users));
    store.run_trigger(&other).await.unwrap_err();
    let as_before = "SELECT (SELECT count(*) FROM locations WHERE short = 'here' AND removed_at IS NULL) \
        + 10 * (SELECT count(*) FROM sync_runs WHERE status = 'RUNNING') + 100 * (SELECT count(*) FROM sync_runs)";
    assert_eq!(stage.number(as_before).await, 112);
    stage.allow("outbox").await;
    store.commit_page(&lease, &renamed).await.unwrap();
    store.run_finish(&lease, &ending, 0).await.unwrap();
}

#[tokio::test]
async fn whoever_listens_is_told_that_there_is_something_to_publish_or_to_claim() {
    let stage = Stage::new().await;
    for (channel, say) in [
        (store::OUTBOX_CHANNEL, Target::One(Kind::Users)),
        (store::TASKS_CHANNEL, Target::One(Kind::Nests)),
    ] {
        let log = testkit::test_logger();
        let wakeups = store::Wakeups::listen(&stage.store, channel, log);
        // It looks for what was said before it listened.
        wakeups.wait(PATIENCE).await;
        let began = std::time::Instant::now();
        stage.running(say).await;
        wakeups.wait(PATIENCE).await;
        assert!(began.elapsed() < PATIENCE, "{channel}: nobody was woken");
    }
}

#[tokio::test]
async fn whoever_listens_is_told_that_a_task_was_given_back() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let log = testkit::test_logger();
    let wakeups = store::Wakeups::listen(&stage.store, store::TASKS_CHANNEL, log);
    wakeups.wait(PATIENCE).await;
    let began = std::time::Instant::now();
    stage.store.task_release(&lease).await.unwrap();
    wakeups.wait(PATIENCE).await;
    assert!(began.elapsed() < PATIENCE, "nobody was woken");
}
