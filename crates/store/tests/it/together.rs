//! Transactions that meet: the order in which they take rows, deadlocks, purges.

use crate::cleanup::RETENTION;
use crate::stage::{Stage, location, locations, page, server, servers};
use common::types::panel::Allocation;
use common::types::sync::{Kind, Target};
use std::time::Duration;
use store::{PageCommit, PageReport, PageRows, StoreError, TaskLease};
use testkit::wait_for;
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(10);

/// Commits a page in a task of its own and waits until somebody keeps it waiting.
async fn held_up(
    stage: &Stage,
    lease: &TaskLease,
    page: PageCommit,
) -> JoinHandle<Result<PageReport, StoreError>> {
    let (store, lease) = (stage.store.clone(), lease.clone());
    let commit = tokio::spawn(async move { store.commit_page(&lease, &page).await });
    waits(stage).await;
    commit
}

/// Waits until a transaction of the test's database waits for another.
async fn waits(stage: &Stage) {
    let waiting = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_for("a transaction that waits", PATIENCE, async || {
        (stage.number(waiting).await > 0).then_some(())
    })
    .await;
}

fn there(ids: impl IntoIterator<Item = i64>) -> PageCommit {
    let rows = ids.into_iter().map(|id| location(id, "there")).collect();
    page(Kind::Locations, PageRows::Locations(rows))
}

#[tokio::test]
async fn a_deadlock_is_tried_again() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage
        .store
        .commit_page(&lease, &locations([1, 2]))
        .await
        .unwrap();
    // Ours is the transaction that PostgreSQL aborts: it is the one that waits longest.
    let mut db = stage.database.connect().await;
    db.batch_execute("SET deadlock_timeout = '60s'")
        .await
        .unwrap();
    let other = db.transaction().await.unwrap();
    other
        .batch_execute("SELECT 1 FROM locations WHERE remote_id = 2 FOR UPDATE")
        .await
        .unwrap();
    let commit = held_up(&stage, &lease, there([1, 2])).await;
    other
        .batch_execute("SELECT 1 FROM locations WHERE remote_id = 1 FOR UPDATE")
        .await
        .unwrap();
    other.commit().await.unwrap();
    assert_eq!(commit.await.unwrap().unwrap().synced, 2);
    assert_eq!(stage.number("SELECT count(*) FROM sync_errors").await, 0);
    assert_eq!(
        stage
            .number("SELECT count(*) FROM locations WHERE short = 'there'")
            .await,
        2
    );
}

#[tokio::test]
async fn two_deadlocks_in_a_row_do_not_make_a_good_row_a_bad_one() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let store = &stage.store;
    store.commit_page(&lease, &locations([1])).await.unwrap();
    let mut db = stage.database.connect().await;
    db.batch_execute("SET deadlock_timeout = '60s'")
        .await
        .unwrap();
    let mut other = db.transaction().await.unwrap();
    other
        .batch_execute("SELECT 1 FROM locations FOR UPDATE")
        .await
        .unwrap();
    let commit = held_up(&stage, &lease, there([1])).await;
    for _ in 0..2 {
        // The page holds its task and waits for the row; we hold the row and wait for the
        // tasks, as a table: its lock is handed on in turn, so that this is one deadlock.
        waits(&stage).await;
        let meanwhile = other.transaction().await.unwrap();
        meanwhile
            .batch_execute("LOCK TABLE sync_tasks IN EXCLUSIVE MODE")
            .await
            .unwrap();
        meanwhile.rollback().await.unwrap();
    }
    other.commit().await.unwrap();
    let report = commit.await.unwrap().unwrap();
    assert_eq!((report.synced, report.failed), (1, 0));
}

#[tokio::test]
async fn merges_take_rows_in_order_of_id_whatever_the_order_of_the_page() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let store = &stage.store;
    store.commit_page(&lease, &locations([2, 1])).await.unwrap();
    let mut db = stage.database.connect().await;
    let other = db.transaction().await.unwrap();
    other
        .batch_execute("SELECT 1 FROM locations WHERE remote_id = 1 FOR UPDATE")
        .await
        .unwrap();
    let commit = held_up(&stage, &lease, there([2, 1])).await;
    // It stands before the first and has not taken the second.
    other
        .batch_execute("SELECT 1 FROM locations WHERE remote_id = 2 FOR UPDATE NOWAIT")
        .await
        .unwrap();
    other.commit().await.unwrap();
    assert_eq!(commit.await.unwrap().unwrap().synced, 2);
}

#[tokio::test]
async fn links_of_allocations_are_taken_in_the_order_of_merges() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let store = &stage.store;
    let row = |id: i64| Allocation {
        id,
        ip: "10.0.0.1".to_owned(),
        port: i32::try_from(id).unwrap(),
        alias: None,
        notes: None,
        assigned: true,
    };
    // As the panel lists them: by address, not by id.
    let rows = PageRows::Allocations {
        node: 1,
        rows: vec![row(2), row(1)],
    };
    let listed = page(Kind::Allocations, rows);
    store.commit_page(&lease, &listed).await.unwrap();
    let mut db = stage.database.connect().await;
    let other = db.transaction().await.unwrap();
    other
        .batch_execute("SELECT 1 FROM allocations WHERE remote_id = 1 FOR UPDATE")
        .await
        .unwrap();
    let commit = held_up(&stage, &lease, servers(vec![server(1, &[1, 2])])).await;
    other
        .batch_execute("SELECT 1 FROM allocations WHERE remote_id = 2 FOR UPDATE NOWAIT")
        .await
        .unwrap();
    other.commit().await.unwrap();
    commit.await.unwrap().unwrap();
    let linked = "SELECT count(*) FROM allocations WHERE server_id IS NOT NULL";
    assert_eq!(stage.number(linked).await, 2);
}

#[tokio::test]
async fn a_row_that_is_restored_while_it_is_purged_stays() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let store = &stage.store;
    store.commit_page(&lease, &locations([1, 2])).await.unwrap();
    stage
        .execute("UPDATE locations SET removed_at = now() - interval '2 days'")
        .await;
    let mut db = stage.database.connect().await;
    let other = db.transaction().await.unwrap();
    other
        .batch_execute("UPDATE locations SET removed_at = NULL WHERE remote_id = 1")
        .await
        .unwrap();
    let purging = store.clone();
    let purge = tokio::spawn(async move { purging.clean_up(RETENTION).await });
    waits(&stage).await;
    other.commit().await.unwrap();
    assert_eq!(purge.await.unwrap().unwrap()["locations"], 1);
    let left = "SELECT remote_id FROM locations WHERE removed_at IS NULL";
    assert_eq!(stage.number(left).await, 1);
}
