//! A worker that lost its lease, or whose run was cancelled, writes nothing.

use crate::stage::{Stage, locations};
use common::types::sync::{Kind, Target};
use serde_json::json;
use std::time::Duration;
use store::{Ending, NewTask, Progress, Resource, StoreError, TaskLease, Why};
use uuid::Uuid;

fn lost<T>(function: &str, outcome: Result<T, StoreError>) {
    assert!(
        matches!(outcome, Err(StoreError::FenceLost)),
        "{function} wrote without a lease"
    );
}

/// Every function that writes on behalf of a task.
async fn nothing_is_written(stage: &Stage, lease: &TaskLease) {
    let store = &stage.store;
    let task = NewTask {
        kind: "late".to_owned(),
        stage: 1,
        ordinal: 0,
        work: json!({}),
        items_total: 0,
    };
    let row = [Uuid::now_v7()];
    let ending = Ending::Completed { held: None };
    lost(
        "commit_page",
        store.commit_page(lease, &locations([9])).await,
    );
    lost("task_plan", store.task_plan(lease, &[task], 1).await);
    lost("task_done", store.task_done(lease).await);
    lost("task_failed", store.task_failed(lease, "late").await);
    lost("task_release", store.task_release(lease).await);
    let back = store.task_step_back(lease, Duration::ZERO).await;
    lost("task_step_back", back);
    lost(
        "remove",
        store
            .remove(lease, Resource::Location, &row, Why::Gone)
            .await,
    );
    lost("hold", store.hold(lease, Resource::Location, &row).await);
    lost("link", store.link(lease).await);
    lost("link_accounts", store.link_accounts(lease).await);
    lost(
        "kind_listed",
        store.kind_listed(lease, Kind::Locations, true).await,
    );
    lost("alone_settled", store.alone_settled(lease).await);
    lost("run_finish", store.run_finish(lease, &ending, 1).await);
    lost("run_log", store.run_log(lease, "info", "late").await);
    store.task_waits(lease, "nothing").await.unwrap();
    let written = "SELECT (SELECT count(*) FROM locations) + (SELECT count(*) FROM sync_seen) \
        + (SELECT count(*) FROM sync_held) + (SELECT count(*) FROM panel_kinds) \
        + (SELECT count(*) FROM sync_tasks WHERE kind = 'late' OR waits_for IS NOT NULL) \
        + (SELECT count(*) FROM sync_logs WHERE message = 'late') \
        + (SELECT count(*) FROM sync_runs WHERE step = 'late')";
    assert_eq!(stage.number(written).await, 0);
}

async fn tells_progress(stage: &Stage, lease: &TaskLease) -> bool {
    let progress = Progress {
        step: "late".to_owned(),
        message: "late".to_owned(),
    };
    let store = &stage.store;
    let told = store.run_progress(lease, &progress, Duration::ZERO).await;
    told.unwrap().is_some()
}

#[tokio::test]
async fn a_lease_that_another_worker_took_over_writes_nothing() {
    let stage = Stage::new().await;
    let late = stage.lease(Target::Full).await;
    stage.expire().await;
    let heir = stage.claim().await.expect("the expired task");
    assert_eq!(heir.task_id, late.task_id);
    assert!(heir.fence > late.fence);
    nothing_is_written(&stage, &late).await;
    assert!(!tells_progress(&stage, &late).await);
    stage
        .store
        .commit_page(&heir, &locations([1]))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_cancelled_run_is_written_to_no_more() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage.store.run_cancel(lease.run_id).await.unwrap();
    nothing_is_written(&stage, &lease).await;
    assert!(!tells_progress(&stage, &lease).await);
    assert!(stage.claim().await.is_none());
}

#[tokio::test]
async fn a_task_that_is_done_and_one_of_a_run_that_has_ended_is_written_to_no_more() {
    for (ended, tells) in [
        // Its last note may have had to wait.
        ("UPDATE sync_tasks SET state = 'done'", true),
        (
            "UPDATE sync_runs SET status = 'COMPLETED', completed_at = now()",
            false,
        ),
    ] {
        let stage = Stage::new().await;
        let lease = stage.lease(Target::Full).await;
        stage.execute(ended).await;
        nothing_is_written(&stage, &lease).await;
        assert_eq!(tells_progress(&stage, &lease).await, tells);
    }
}

#[tokio::test]
async fn a_task_that_was_given_back_is_no_longer_the_givers() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage.store.task_release(&lease).await.unwrap();
    nothing_is_written(&stage, &lease).await;
    assert!(!tells_progress(&stage, &lease).await);
    let next = stage.claim().await.expect("the open task");
    assert_eq!(next.task_id, lease.task_id);
    assert_eq!(
        stage.store.tasks(next.run_id).await.unwrap()[0].lost_leases,
        0
    );
}
