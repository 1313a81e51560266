//! Who may work on what.

use crate::stage::{CLAIMS, LEASE, Stage, locations};
use common::types::id::WorkerId;
use common::types::sync::{Kind, Target};
use serde_json::json;
use store::{ClaimSettings, NewTask, TaskLease};

pub fn task(kind: &str, stage: i32, ordinal: i32) -> NewTask {
    NewTask {
        kind: kind.to_owned(),
        stage,
        ordinal,
        work: json!({ "do": "list" }),
        items_total: 0,
    }
}

/// A planned run: `count` tasks to list with, then the last one.
pub async fn planned(stage: &Stage, count: i32) {
    let plan = stage.lease(Target::Full).await;
    let mut tasks: Vec<NewTask> = (0..count).map(|number| task("users", 1, number)).collect();
    tasks.push(task("reconcile", 2, 0));
    stage.store.task_plan(&plan, &tasks, 1).await.unwrap();
}

#[tokio::test]
async fn tasks_are_claimed_in_order_and_a_stage_waits_for_the_one_before() {
    let stage = Stage::new().await;
    planned(&stage, 2).await;
    let first = stage.claim().await.unwrap();
    let second = stage.claim().await.unwrap();
    assert_eq!(
        (first.kind.as_str(), second.kind.as_str()),
        ("users", "users")
    );
    assert!(stage.claim().await.is_none(), "the stage has not ended");
    stage.store.task_done(&first).await.unwrap();
    assert!(stage.claim().await.is_none(), "one task is still worked on");
    stage.store.task_failed(&second, "no use").await.unwrap();
    assert_eq!(stage.claim().await.unwrap().kind, "reconcile");
}

#[tokio::test]
async fn leased_tasks_are_the_panels_concurrency_however_many_claim_at_once() {
    let stage = Stage::new().await;
    planned(&stage, 12).await;
    let claims: Vec<_> = (0..12)
        .map(|_| {
            let store = stage.store.clone();
            tokio::spawn(async move { store.task_claim(WorkerId::new(), CLAIMS).await.unwrap() })
        })
        .collect();
    let mut leases: Vec<TaskLease> = Vec::new();
    for claim in claims {
        leases.extend(claim.await.unwrap());
    }
    assert_eq!(leases.len(), 4);
    leases.sort_by_key(|lease| lease.task_id);
    leases.dedup_by_key(|lease| lease.task_id);
    assert_eq!(leases.len(), 4, "a task was claimed twice");
}

#[tokio::test]
async fn a_task_that_cost_three_workers_counts_as_failed() {
    let stage = Stage::new().await;
    planned(&stage, 1).await;
    for _ in 0..3 {
        assert_eq!(stage.claim().await.expect("another chance").kind, "users");
        stage.expire().await;
    }
    let last = stage.claim().await.expect("the run goes on without it");
    assert_eq!(last.kind, "reconcile");
    let tasks = stage.store.tasks(last.run_id).await.unwrap();
    assert_eq!(tasks[1].state, "failed");
    assert!(tasks[1].error.as_ref().unwrap().contains('3'));
}

#[tokio::test]
async fn a_claim_goes_on_where_the_worker_before_stopped() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::One(Kind::Locations)).await;
    stage
        .store
        .commit_page(&lease, &locations([1]))
        .await
        .unwrap();
    stage.expire().await;
    let next = stage.claim().await.unwrap();
    assert_eq!(next.checkpoint, Some(json!({ "next": 2 })));
}

#[tokio::test]
async fn a_worker_that_was_paused_in_a_transaction_does_not_keep_others_from_claiming() {
    let stage = Stage::new().await;
    planned(&stage, 2).await;
    let paused = stage.claim().await.unwrap();
    stage.expire().await;
    let db = stage.database.connect().await;
    let lock = format!(
        "BEGIN; SELECT 1 FROM sync_tasks WHERE id = '{}' FOR UPDATE",
        paused.task_id
    );
    db.batch_execute(&lock).await.unwrap();
    let other = stage.claim().await.expect("the other task");
    assert_ne!(other.task_id, paused.task_id);
    db.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(stage.claim().await.unwrap().task_id, paused.task_id);
}

#[tokio::test]
async fn a_heartbeat_renews_what_is_worked_on_and_names_what_is_lost() {
    let stage = Stage::new().await;
    planned(&stage, 2).await;
    let worker = WorkerId::new();
    let claim = async || {
        stage
            .store
            .task_claim(worker, CLAIMS)
            .await
            .unwrap()
            .unwrap()
    };
    let (kept, forgotten) = (claim().await, claim().await);
    stage.expire().await;
    let held = [(kept.task_id, kept.fence)];
    let renewed = stage.store.task_heartbeat(&held, LEASE).await.unwrap();
    assert_eq!(renewed, held);
    // The one that nobody works on any more is claimed by another worker.
    assert_eq!(stage.claim().await.unwrap().task_id, forgotten.task_id);
    assert_eq!(stage.store.task_held(worker).await.unwrap(), held);
    stage.store.run_cancel(kept.run_id).await.unwrap();
    let renewed = stage.store.task_heartbeat(&held, LEASE).await.unwrap();
    assert!(renewed.is_empty());
}

/// The moment that a claim looks at the tasks again for: it has read them, and
/// has not yet locked the one it chose, when its late worker ends that one.
#[tokio::test]
async fn a_task_that_its_late_worker_ends_while_it_is_claimed_is_not_done_twice() {
    let stage = Stage::new().await;
    planned(&stage, 2).await;
    let (spent, late) = (stage.claim().await.unwrap(), stage.claim().await.unwrap());
    stage.expire().await;
    // Giving a task up comes before choosing one; here it takes until we say so.
    stage
        .execute(&format!(
            "UPDATE sync_tasks SET lost_leases = 2 WHERE id = '{}'; \
             CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS \
               $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$; \
             CREATE TRIGGER pause BEFORE UPDATE ON sync_tasks FOR EACH ROW \
               WHEN (NEW.state = 'failed') EXECUTE FUNCTION pause()",
            spent.task_id
        ))
        .await;
    let pause = stage.database.connect().await;
    pause
        .batch_execute("SELECT pg_advisory_lock(1)")
        .await
        .unwrap();
    let store = stage.store.clone();
    let claim =
        tokio::spawn(async move { store.task_claim(WorkerId::new(), CLAIMS).await.unwrap() });
    stage.somebody_waits().await;
    stage.store.task_done(&late).await.unwrap();
    pause
        .batch_execute("SELECT pg_advisory_unlock(1)")
        .await
        .unwrap();
    let claimed = claim.await.unwrap();
    assert!(claimed.is_none(), "{claimed:?} was claimed again");
    let tasks = stage.store.tasks(late.run_id).await.unwrap();
    let states: Vec<_> = tasks.iter().map(|task| task.state.as_str()).collect();
    assert_eq!(states, ["done", "failed", "done", "open"]);
    assert_eq!(stage.claim().await.unwrap().kind, "reconcile");
}

#[tokio::test]
async fn a_heartbeat_passes_by_a_task_in_the_middle_of_a_transaction_and_renews_the_others() {
    let stage = Stage::new().await;
    planned(&stage, 2).await;
    let (busy, idle) = (stage.claim().await.unwrap(), stage.claim().await.unwrap());
    stage.expire().await;
    let mut db = stage.database.connect().await;
    let page = db.transaction().await.unwrap();
    let locked = format!(
        "SELECT 1 FROM sync_tasks WHERE id = '{}' FOR UPDATE",
        busy.task_id
    );
    page.batch_execute(&locked).await.unwrap();
    let held = [&busy, &idle].map(|lease| (lease.task_id, lease.fence));
    let mut standing = stage.store.task_heartbeat(&held, LEASE).await.unwrap();
    standing.sort_unstable();
    let mut both = held.to_vec();
    both.sort_unstable();
    assert_eq!(standing, both, "neither is lost");
    let renewed = "SELECT count(*) FROM sync_tasks WHERE state = 'leased' AND lease_until > now()";
    assert_eq!(stage.number(renewed).await, 1);
    page.commit().await.unwrap();
    stage.store.task_heartbeat(&held, LEASE).await.unwrap();
    assert_eq!(stage.number(renewed).await, 2);
}

#[tokio::test]
async fn a_page_that_outlasts_its_lease_renews_it_when_it_commits() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage.expire().await;
    stage
        .store
        .commit_page(&lease, &locations([1]))
        .await
        .unwrap();
    assert!(
        stage.claim().await.is_none(),
        "its worker has just shown that it lives"
    );
}

#[tokio::test]
async fn a_worker_with_its_share_of_one_panel_goes_on_with_another() {
    let stage = Stage::new().await;
    planned(&stage, 4).await;
    let worker = WorkerId::new();
    let claims = ClaimSettings { share: 2, ..CLAIMS };
    let claim = async || stage.store.task_claim(worker, claims).await.unwrap();
    for _ in 0..2 {
        assert_eq!(claim().await.expect("its share").panel_id, stage.panel);
    }
    assert!(claim().await.is_none(), "the rest is for other workers");
    let other = stage.other_panel().await;
    let mut new = stage.new_run(Target::Full);
    new.panel = other;
    stage.store.run_trigger(&new).await.unwrap();
    stage.store.run_start_waiting().await.unwrap();
    assert_eq!(claim().await.expect("another panel's").panel_id, other);
    let another = stage.claim().await.expect("within the concurrency");
    assert_eq!(another.panel_id, stage.panel);
}

#[tokio::test]
async fn a_task_says_that_the_panel_wants_to_be_left_alone() {
    let stage = Stage::new().await;
    let run = stage.running(Target::Full).await;
    let lease = stage.claim().await.unwrap();
    stage.store.task_waits(&lease, "an answer").await.unwrap();
    let waits = async || stage.store.tasks(run).await.unwrap().remove(0).waits_for;
    assert_eq!(waits().await.as_deref(), Some("an answer"));
    stage
        .execute("UPDATE panels SET application_blocked_until = '2999-01-02 03:04:05+00'")
        .await;
    let said = waits().await.unwrap();
    assert_eq!(said, "the panel's rate limit, until 2999-01-02T03:04:05Z");
}

#[tokio::test]
async fn the_concurrency_is_each_panels_own() {
    let stage = Stage::new().await;
    planned(&stage, 4).await;
    for _ in 0..4 {
        stage.claim().await.expect("within the concurrency");
    }
    assert!(stage.claim().await.is_none());
    let other = stage.other_panel().await;
    let mut new = stage.new_run(Target::Full);
    new.panel = other;
    stage.store.run_trigger(&new).await.unwrap();
    stage.store.run_start_waiting().await.unwrap();
    assert_eq!(
        stage.claim().await.expect("another panel's").panel_id,
        other
    );
}
