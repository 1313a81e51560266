//! Runs start once, end once, and take turns.

use crate::stage::{Stage, locations};
use common::types::sync::{Kind, Target};
use std::time::Duration;
use store::{CancelOutcome, Ending, Progress};

#[tokio::test]
async fn a_cancel_and_a_start_at_once_leave_a_final_run() {
    let stage = Stage::new().await;
    for _ in 0..10 {
        let new = stage.new_run(Target::Full);
        let id = stage.store.run_trigger(&new).await.unwrap().run.run_id();
        let (store, other) = (stage.store.clone(), stage.store.clone());
        let start = tokio::spawn(async move { store.run_start_waiting().await.unwrap() });
        let cancel = tokio::spawn(async move { other.run_cancel(id).await.unwrap() });
        start.await.unwrap();
        assert!(matches!(cancel.await.unwrap(), CancelOutcome::Cancelled(_)));
        let run = stage.store.run(id).await.unwrap().unwrap();
        assert_eq!(run.status, "CANCELLED");
        let tasks = stage.store.tasks(id).await.unwrap();
        assert!(tasks.iter().all(|task| task.state == "cancelled"));
    }
}

#[tokio::test]
async fn a_run_that_ended_ends_in_no_other_way() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let ending = Ending::Completed { held: None };
    stage.store.run_finish(&lease, &ending, 0).await.unwrap();
    assert!(matches!(
        stage.store.run_cancel(lease.run_id).await.unwrap(),
        CancelOutcome::Finished(_)
    ));
    stage.store.run_end_stuck(Duration::ZERO).await.unwrap();
    let run = stage.store.run(lease.run_id).await.unwrap().unwrap();
    assert_eq!((run.status.as_str(), run.percentage), ("COMPLETED", 100));
    let said = "SELECT count(*) FROM outbox WHERE key LIKE 'sync.%' AND route = 'event'";
    assert_eq!(stage.number(said).await, 2, "started and completed");
}

#[tokio::test]
async fn runs_that_share_no_kind_run_at_once_and_panels_do_not_wait_for_each_other() {
    let stage = Stage::new().await;
    stage.running(Target::One(Kind::Users)).await;
    stage.running(Target::One(Kind::Nests)).await;
    let full = stage.running(Target::Full).await;
    assert_eq!(
        stage.store.run(full).await.unwrap().unwrap().status,
        "PENDING"
    );
    let mut other = stage.new_run(Target::Full);
    other.panel = common::types::id::PanelId::new();
    let panel = store::NewPanel {
        id: other.panel,
        name: "other".to_owned(),
        url: "http://other.test".to_owned(),
        application_key: None,
        client_key: None,
    };
    stage.store.panel_save(&panel).await.unwrap();
    let id = stage.store.run_trigger(&other).await.unwrap().run.run_id();
    stage.store.run_start_waiting().await.unwrap();
    assert_eq!(
        stage.store.run(id).await.unwrap().unwrap().status,
        "RUNNING"
    );
}

#[tokio::test]
async fn progress_does_not_fall_when_the_panel_turns_out_larger() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::One(Kind::Locations)).await;
    let progress = Progress {
        step: "locations".to_owned(),
        message: "reading".to_owned(),
    };
    let mut page = locations(1..=8);
    page.items_total = 10;
    let mut seen = Vec::new();
    for total in [10, 100] {
        page.items_total = total;
        stage.store.commit_page(&lease, &page).await.unwrap();
        let run = stage
            .store
            .run_progress(lease.run_id, &progress, Duration::ZERO)
            .await
            .unwrap();
        seen.push(run.unwrap().percentage);
    }
    assert_eq!(seen, [80, 80]);
}

#[tokio::test]
async fn a_run_that_waits_for_nothing_it_was_told_to_wait_for_ends_with_the_reason() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage
        .store
        .task_waits(&lease, "an offline panel")
        .await
        .unwrap();
    stage
        .execute("UPDATE sync_runs SET progressed_at = now() - interval '1 hour'")
        .await;
    // The panel itself ordered the wait: that does not count.
    stage
        .execute("UPDATE panels SET application_blocked_until = now() + interval '1 minute'")
        .await;
    let limit = Duration::from_secs(600);
    assert!(stage.store.run_end_stuck(limit).await.unwrap().is_empty());
    stage
        .execute("UPDATE panels SET application_blocked_until = NULL")
        .await;
    let ended = stage.store.run_end_stuck(limit).await.unwrap();
    assert_eq!(ended[0].status, "FAILED");
    assert!(
        ended[0]
            .error
            .as_ref()
            .unwrap()
            .contains("an offline panel")
    );
}
