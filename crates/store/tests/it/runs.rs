//! Runs start once, end once, and take turns.

use crate::stage::{Stage, locations};
use common::types::sync::{Kind, Target};
use futures_util::future::join_all;
use std::time::Duration;
use store::{CancelOutcome, ConfirmOutcome, Ending, Progress};

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
async fn of_many_who_find_a_run_due_one_asks_for_it() {
    let stage = Stage::new().await;
    let new = stage.new_run(Target::Full);
    let hour = Duration::from_secs(3600);
    let due = || stage.store.run_trigger_due(&new, hour);
    let asked = join_all((0..6).map(|_| due())).await;
    let mut asked: Vec<_> = asked.into_iter().filter_map(|it| it.unwrap()).collect();
    assert_eq!(asked.len(), 1);

    let first = asked.remove(0).run_id();
    stage
        .execute("UPDATE sync_runs SET created_at = now() - interval '2 hours'")
        .await;
    assert_eq!(due().await.unwrap(), None, "it has not ended");
    stage.store.run_cancel(first).await.unwrap();
    assert!(due().await.unwrap().is_some());
    // Whoever asked: no other is due for an hour.
    stage
        .execute("UPDATE sync_runs SET status = 'CANCELLED', requested_by = 'somebody'")
        .await;
    assert_eq!(due().await.unwrap(), None);
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
    stage
        .store
        .run_end_stuck(Some(Duration::ZERO))
        .await
        .unwrap();
    let run = stage.store.run(lease.run_id).await.unwrap().unwrap();
    assert_eq!((run.status.as_str(), run.percentage), ("COMPLETED", 100));
    let said = "SELECT count(*) FROM outbox WHERE key LIKE 'sync.%' AND route = 'event'";
    assert_eq!(stage.number(said).await, 2, "started and completed");
}

#[tokio::test]
async fn a_run_that_completes_while_it_is_taken_for_stuck_stays_completed() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let worker = stage.database.connect().await;
    let begin = "BEGIN; SELECT id FROM sync_tasks FOR UPDATE";
    worker.batch_execute(begin).await.unwrap();
    let store = stage.store.clone();
    let ended = tokio::spawn(async move { store.run_end_stuck(Some(Duration::ZERO)).await });
    stage.somebody_waits().await;
    let complete = "UPDATE sync_tasks SET state = 'done'; \
        UPDATE sync_runs SET status = 'COMPLETED', completed_at = now(); COMMIT";
    worker.batch_execute(complete).await.unwrap();
    assert!(ended.await.unwrap().unwrap().is_empty());
    let run = stage.store.run(lease.run_id).await.unwrap().unwrap();
    assert_eq!(run.status, "COMPLETED");
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
    other.panel = stage.other_panel().await;
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
            .run_progress(&lease, &progress, Duration::ZERO)
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
    assert!(
        stage
            .store
            .run_end_stuck(Some(limit))
            .await
            .unwrap()
            .is_empty()
    );
    stage
        .execute("UPDATE panels SET application_blocked_until = NULL")
        .await;
    let ended = stage.store.run_end_stuck(Some(limit)).await.unwrap();
    assert_eq!(ended[0].status, "FAILED");
    assert!(
        ended[0]
            .error
            .as_ref()
            .unwrap()
            .contains("an offline panel")
    );
}

#[tokio::test]
async fn progress_is_written_no_oftener_than_the_pace_says_by_whomever() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let progress = Progress {
        step: "locations".to_owned(),
        message: "reading".to_owned(),
    };
    let tell = async |pace| {
        let row = stage.store.run_progress(&lease, &progress, pace).await;
        row.unwrap().map(|run| run.revision)
    };
    let first = tell(Duration::ZERO).await.expect("the first word");
    assert_eq!(tell(Duration::from_secs(3600)).await, None);
    stage
        .execute("UPDATE sync_runs SET updated_at = now() - interval '2 hours'")
        .await;
    assert_eq!(tell(Duration::from_secs(3600)).await, Some(first + 1));
}

/// Whatever decides which runs there are waits for whoever else decides it.
#[tokio::test]
async fn asking_starting_confirming_and_cancelling_take_turns_on_the_panels_row() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::One(Kind::Users)).await;
    let held = Some(serde_json::json!({ "users": {} }));
    let ending = Ending::Completed { held };
    let ended = stage.store.run_finish(&lease, &ending, 0).await.unwrap();
    let id = ended.run_id();
    let new = stage.new_run(Target::Full);
    let mut db = stage.database.connect().await;
    for what in ["trigger", "start", "confirm", "cancel"] {
        if what == "start" {
            stage.store.run_trigger(&new).await.unwrap();
        }
        let turn = db.transaction().await.unwrap();
        turn.batch_execute("SELECT 1 FROM panels FOR UPDATE")
            .await
            .unwrap();
        let (store, new) = (stage.store.clone(), new.clone());
        let asked = tokio::spawn(async move {
            match what {
                "trigger" => store.run_trigger(&new).await.map(drop),
                "start" => store.run_start_waiting().await.map(drop),
                "confirm" => store.run_confirm(id, "anna", None).await.map(drop),
                _ => store.run_cancel(id).await.map(drop),
            }
        });
        stage.somebody_waits().await;
        assert!(!asked.is_finished(), "{what}");
        turn.commit().await.unwrap();
        asked.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_waiting_run_keeps_its_place_before_later_ones_that_share_a_kind() {
    let stage = Stage::new().await;
    // What a run of the locations held back can be confirmed …
    let lease = stage.lease(Target::One(Kind::Locations)).await;
    let held = Some(serde_json::json!({ "locations": {} }));
    let ending = Ending::Completed { held };
    let held = stage.store.run_finish(&lease, &ending, 0).await.unwrap();
    // … but a full run waits already, for one of the users.
    let users = stage.running(Target::One(Kind::Users)).await;
    let full = stage.running(Target::Full).await;
    let outcome = stage
        .store
        .run_confirm(held.run_id(), "anna", None)
        .await
        .unwrap();
    assert!(matches!(outcome, ConfirmOutcome::Started(_)), "{outcome:?}");
    assert!(stage.store.run_start_waiting().await.unwrap().is_empty());
    stage.store.run_cancel(users).await.unwrap();
    let started = stage.store.run_start_waiting().await.unwrap();
    assert_eq!(started.len(), 1);
    assert_eq!(started[0].run_id(), full);
}

#[tokio::test]
async fn a_run_that_was_asked_for_first_and_recorded_late_waits_for_the_one_that_runs() {
    let stage = Stage::new().await;
    stage.lease(Target::One(Kind::Nodes)).await;
    let full = stage.running(Target::Full).await;
    // Its transaction had begun before, and had to wait for the panel's row.
    stage
        .execute(&format!(
            "UPDATE sync_runs SET created_at = created_at - interval '1 hour' WHERE id = '{full}'"
        ))
        .await;
    assert!(stage.store.run_start_waiting().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_that_leaves_users_out_does_not_answer_for_one_with_them() {
    let stage = Stage::new().await;
    let mut without = stage.new_run(Target::Full);
    without.skip_users = true;
    let first = stage.store.run_trigger(&without).await.unwrap();
    assert!(!first.run.kinds.contains(&"users".to_owned()));
    let full = stage.new_run(Target::Full);
    assert!(stage.store.run_trigger(&full).await.unwrap().new);
    let again = stage.store.run_trigger(&without).await.unwrap();
    assert_eq!((again.new, again.run.id), (false, first.run.id));
}

#[tokio::test]
async fn a_run_whose_last_task_failed_ends_with_that_tasks_reason_and_says_so() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let fail = stage.store.task_failed(&lease, "the key is refused");
    fail.await.unwrap();
    let hour = Duration::from_secs(3600);
    let ended = stage.store.run_end_stuck(Some(hour)).await.unwrap();
    assert_eq!(ended[0].run_id(), lease.run_id);
    assert_eq!(ended[0].failed_step.as_deref(), Some("plan"));
    assert_eq!(ended[0].error.as_deref(), Some("the key is refused"));
    let data = "SELECT (body->'data')::text FROM outbox WHERE key = 'sync.failed'";
    let data: serde_json::Value = stage.text(data).await.parse().unwrap();
    assert_eq!(data["failed_step"], "plan");
    assert_eq!(data["error"], "the key is refused");
    let subject = "SELECT subject FROM outbox WHERE key = 'sync.failed'";
    assert_eq!(stage.text(subject).await, lease.run_id.to_string());
}
