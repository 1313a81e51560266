//! Tasks that get no answer: they let others go first, and are given up.

use crate::stage::{LEASE, Stage};
use crate::tasks::{planned, task};
use common::types::sync::Target;
use std::time::Duration;
use store::{Progress, TaskLease};

async fn silent(stage: &Stage, lease: &TaskLease) {
    let ended = stage.store.task_silent(lease, "no answer", LEASE);
    ended.await.unwrap();
}

#[tokio::test]
async fn a_task_that_steps_back_lets_other_kinds_go_first_and_then_its_own() {
    let stage = Stage::new().await;
    let plan = stage.lease(Target::Full).await;
    let tasks = [
        task("users", 1, 0),
        task("users", 1, 1),
        task("users", 1, 2),
        task("nodes", 1, 3),
    ];
    let store = &stage.store;
    store.task_plan(&plan, &tasks, 1).await.unwrap();
    let first = stage.claim().await.unwrap();
    assert!(store.task_step_back(&first, Duration::ZERO).await.unwrap());
    let late = store.task_done(&first).await;
    assert!(late.is_err(), "its fence is raised");

    let nodes = stage.claim().await.unwrap();
    assert_eq!(nodes.kind, "nodes");
    let second = stage.claim().await.unwrap();
    let third = stage.claim().await.unwrap();
    assert!(second.task_id != first.task_id && third.task_id != first.task_id);
    let again = stage.claim().await.expect("its time has come");
    assert_eq!(again.task_id, first.task_id);
    let tasks = store.tasks(again.run_id).await.unwrap();
    assert!(tasks.iter().all(|task| task.lost_leases == 0));
}

#[tokio::test]
async fn a_task_that_stepped_back_is_claimed_after_its_pause() {
    let stage = Stage::new().await;
    planned(&stage, 2).await;
    let first = stage.claim().await.unwrap();
    assert!(stage.store.task_step_back(&first, LEASE).await.unwrap());
    let second = stage.claim().await.unwrap();
    assert!(stage.claim().await.is_none(), "the first has to wait");
    stage
        .execute("UPDATE sync_tasks SET not_before = now() WHERE state = 'open'")
        .await;
    let again = stage.claim().await.expect("its pause is over");
    assert_eq!(again.task_id, first.task_id);
    // Those that cannot get on do not take turns for ever.
    for lease in [&second, &again] {
        assert!(!stage.store.task_step_back(lease, LEASE).await.unwrap());
    }
}

#[tokio::test]
async fn of_a_kind_one_steps_back_for_its_own_and_all_for_others() {
    let stage = Stage::new().await;
    let plan = stage.lease(Target::Full).await;
    let mut tasks: Vec<_> = (0..4).map(|number| task("users", 1, number)).collect();
    let store = &stage.store;
    store.task_plan(&plan, &tasks, 1).await.unwrap();
    let first = stage.claim().await.unwrap();
    let second = stage.claim().await.unwrap();
    assert!(store.task_step_back(&first, LEASE).await.unwrap());
    let stepped = store.task_step_back(&second, LEASE).await.unwrap();
    assert!(!stepped, "users wait, who would fare no better");
    tasks = vec![task("nodes", 1, 9)];
    store.task_plan(&second, &tasks, 1).await.unwrap();
    let third = stage.claim().await.unwrap();
    assert_eq!(third.kind, "nodes", "before the others of that kind");
    let fourth = stage.claim().await.unwrap();
    let stepped = store.task_step_back(&fourth, LEASE).await.unwrap();
    assert!(!stepped, "nobody else waits");
}

#[tokio::test]
async fn after_three_silent_tasks_of_a_kind_the_others_of_it_are_not_begun() {
    let stage = Stage::new().await;
    planned(&stage, 6).await;
    let store = &stage.store;
    let mut leases = Vec::new();
    for _ in 0..4 {
        leases.push(stage.claim().await.unwrap());
    }
    for lease in &leases[..3] {
        silent(&stage, lease).await;
    }
    assert!(stage.claim().await.is_none(), "one is still worked on");
    store.task_done(&leases[3]).await.unwrap();
    assert_eq!(stage.claim().await.unwrap().kind, "reconcile");
    let tasks = store.tasks(leases[0].run_id).await.unwrap();
    let failed = tasks.iter().filter(|task| task.state == "failed");
    let reasons: Vec<_> = failed.map(|task| task.error.clone()).collect();
    assert_eq!(reasons, vec![Some("no answer".to_owned()); 5]);
}

#[tokio::test]
async fn silent_tasks_cost_no_others_of_a_kind_of_which_one_is_read_meanwhile() {
    for is_done in [true, false] {
        let stage = Stage::new().await;
        planned(&stage, 6).await;
        let mut leases = Vec::new();
        for _ in 0..4 {
            leases.push(stage.claim().await.unwrap());
        }
        let read = leases.pop().unwrap();
        if is_done {
            stage.store.task_done(&read).await.unwrap();
        } else {
            let task = read.task_id;
            let page = format!("UPDATE sync_tasks SET items_synced = 5 WHERE id = '{task}'");
            stage.execute(&page).await;
        }
        for lease in &leases {
            silent(&stage, lease).await;
        }
        assert_eq!(stage.claim().await.unwrap().kind, "users");
    }
}

#[tokio::test]
async fn a_task_that_was_begun_since_the_first_silent_one_is_waited_for() {
    let stage = Stage::new().await;
    planned(&stage, 6).await;
    let first = stage.claim().await.unwrap();
    let second = stage.claim().await.unwrap();
    let third = stage.claim().await.unwrap();
    silent(&stage, &first).await;
    let late = stage.claim().await.unwrap();
    for lease in [&second, &third] {
        silent(&stage, lease).await;
    }
    let waits = stage.claim().await.unwrap();
    assert_eq!(waits.kind, "users");
    silent(&stage, &waits).await;
    silent(&stage, &late).await;
    assert_eq!(stage.claim().await.unwrap().kind, "reconcile");
}

#[tokio::test]
async fn tasks_that_the_panel_refused_are_not_silent_ones() {
    let stage = Stage::new().await;
    planned(&stage, 4).await;
    for is_silent in [false, false, true] {
        let lease = stage.claim().await.unwrap();
        if is_silent {
            silent(&stage, &lease).await;
        } else {
            stage.store.task_failed(&lease, "refused").await.unwrap();
        }
    }
    assert_eq!(stage.claim().await.unwrap().kind, "users");
}

#[tokio::test]
async fn a_run_that_stalls_names_what_a_task_that_stepped_back_waits_for() {
    let stage = Stage::new().await;
    planned(&stage, 2).await;
    let lease = stage.claim().await.unwrap();
    stage.store.task_waits(&lease, "users: it").await.unwrap();
    assert!(stage.store.task_step_back(&lease, LEASE).await.unwrap());
    let ended = stage
        .store
        .run_end_stuck(Some(Duration::ZERO))
        .await
        .unwrap();
    let error = ended[0].error.as_deref().unwrap();
    assert!(error.contains("users: it"), "{error}");
    assert_eq!(ended[0].failed_step.as_deref(), Some("users"));
}

#[tokio::test]
async fn a_run_that_stalls_before_anything_is_said_names_what_is_worked_on() {
    let stage = Stage::new().await;
    planned(&stage, 1).await;
    let lease = stage.claim().await.unwrap();
    let step = Progress {
        step: "servers".to_owned(),
        message: "servers: all".to_owned(),
    };
    let noted = stage.store.run_progress(&lease, &step, Duration::ZERO);
    noted.await.unwrap();
    let limit = Some(Duration::ZERO);
    let ended = stage.store.run_end_stuck(limit).await.unwrap();
    assert_eq!(ended[0].failed_step.as_deref(), Some("users"));
}
