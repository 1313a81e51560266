//! What tests lean on, tried itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::time::Duration;

use testkit::{TestDatabase, TestRedis, TestVhost, wait_for};

#[tokio::test]
async fn databases_are_separate_and_go_with_their_test() {
    let first = TestDatabase::new().await;
    let second = TestDatabase::new().await;
    first
        .connect()
        .await
        .batch_execute("CREATE TABLE only_here (id int)")
        .await
        .unwrap();
    assert!(
        second
            .connect()
            .await
            .query("SELECT * FROM only_here", &[])
            .await
            .is_err()
    );

    let name = first.name().to_owned();
    drop(first);
    let left = second
        .connect()
        .await
        .query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
        .await
        .unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn an_empty_database_has_no_tables() {
    let database = TestDatabase::empty().await;
    let tables = database
        .connect()
        .await
        .query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", &[])
        .await
        .unwrap();
    assert!(tables.is_empty());
}

#[tokio::test]
async fn virtual_hosts_are_separate() {
    let (first, second) = tokio::join!(TestVhost::new(), TestVhost::new());
    assert_ne!(first.url(), second.url());
    assert!(first.url().ends_with(first.name()));
    assert!(first.queue("missing").await.is_none());
}

#[test]
fn redis_prefixes_are_separate() {
    assert_ne!(TestRedis::new().prefix(), TestRedis::new().prefix());
}

#[tokio::test]
async fn waiting_ends_with_the_find() {
    let mut looks = 0;
    let found = wait_for("the third look", Duration::from_secs(5), async || {
        looks += 1;
        (looks == 3).then_some(looks)
    })
    .await;
    assert_eq!(found, 3);
}

#[tokio::test]
#[should_panic(expected = "waited 10ms in vain for a miracle; last seen: still water")]
async fn waiting_in_vain_says_what_was_seen() {
    wait_for("a miracle", Duration::from_millis(10), async || {
        Err::<(), _>("still water")
    })
    .await;
}
