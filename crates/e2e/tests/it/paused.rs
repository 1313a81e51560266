//! Workers that are paused past their lease (SIGSTOP) and woken (SIGCONT).

use crate::world::{PATIENCE, World};
use common::types::id::RunId;
use simulators::panel::State;
use store::CancelOutcome;
use testkit::wait_for;
use uuid::Uuid;

/// How long the panel holds the page back that a worker is paused over: past the
/// answer's end and the lease's, the worker has its page and no right to write it.
const PAGE: f64 = 6.0;

/// Waits until the panel has answered whatever was asked.
async fn answered(world: &World) {
    wait_for("the panel's answer", PATIENCE, async || {
        let open = world.panel.open_requests();
        (open == 0).then_some(()).ok_or(open)
    })
    .await;
}

/// Who works on a task, and how far it is.
async fn standing(world: &World, task: Uuid) -> String {
    world
        .connect()
        .await
        .query_one(
            "SELECT jsonb_build_array(state, fence, worker_id, checkpoint, items_synced, requests)::text \
             FROM sync_tasks WHERE id = $1",
            &[&task],
        )
        .await
        .unwrap()
        .get(0)
}

async fn run_in_full(world: &World, run: RunId) -> String {
    world
        .connect()
        .await
        .query_one(
            "SELECT to_jsonb(r)::text FROM sync_runs r WHERE id = $1",
            &[&run.0],
        )
        .await
        .unwrap()
        .get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_paused_past_its_lease_writes_nothing_when_it_is_woken() {
    let world = World::new(State::small()).await;
    world.hold_users_back(PAGE, 1);
    // The second worker waits for the same page while the first is woken.
    world.hold_users_back(20.0, 1);
    let run = world.trigger().await;
    let mut sleeper = world.worker().await;
    let task = world.only_users_left(run).await;
    sleeper.pause();
    let lost = world.leases(run).await;
    answered(&world).await;

    let second = world.worker().await;
    world.taken_over(run, &lost).await;
    assert_eq!(world.only_users_left(run).await, task);
    let before = (world.fingerprint().await, standing(&world, task).await);
    sleeper.wake();
    sleeper.says_any(&["dropped"], PATIENCE).await;
    let after = (world.fingerprint().await, standing(&world, task).await);
    assert_eq!(after, before, "the woken worker wrote");

    world.completed(run).await;
    world.assert_mirrored().await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_woken_after_the_end_of_the_run_writes_nothing() {
    let world = World::new(State::small()).await;
    world.hold_users_back(PAGE, 1);
    let run = world.trigger().await;
    let mut sleeper = world.worker().await;
    world.only_users_left(run).await;
    sleeper.pause();
    answered(&world).await;

    let _second = world.worker().await;
    world.completed(run).await;
    world.assert_mirrored().await;
    let before = (world.fingerprint().await, run_in_full(&world, run).await);
    sleeper.wake();
    sleeper.says_any(&["dropped"], PATIENCE).await;
    let after = (world.fingerprint().await, run_in_full(&world, run).await);
    assert_eq!(after, before, "the woken worker wrote");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_paused_within_a_transaction_keeps_nobody_from_taking_over() {
    let world = World::new(State::small()).await;
    let run = world.trigger().await;
    let mut sleeper = world.worker().await;
    let (lock, _) = world.stop_a_statement_on("panel_users").await;
    sleeper.pause();
    let lost = world.leases(run).await;
    // The statement ends, and its transaction stays open with all its locks.
    drop(lock);

    let _second = world.worker().await;
    world.taken_over(run, &lost).await;
    world.completed(run).await;
    world.assert_mirrored().await;
    let before = (world.fingerprint().await, run_in_full(&world, run).await);
    sleeper.wake();
    sleeper
        .says_any(&["dropped", "interrupted"], PATIENCE)
        .await;
    let after = (world.fingerprint().await, run_in_full(&world, run).await);
    assert_eq!(after, before, "the woken worker wrote");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_cancelled_while_its_worker_is_paused_is_not_written_to_any_more() {
    let world = World::new(State::small()).await;
    world.hold_users_back(PAGE, 1);
    let run = world.trigger().await;
    let mut sleeper = world.worker().await;
    world.only_users_left(run).await;
    sleeper.pause();
    answered(&world).await;

    let cancelled = world.store.run_cancel(run).await.unwrap();
    assert!(matches!(cancelled, CancelOutcome::Cancelled(_)));
    let before = (world.fingerprint().await, run_in_full(&world, run).await);
    sleeper.wake();
    sleeper.says_any(&["dropped"], PATIENCE).await;
    let after = (world.fingerprint().await, run_in_full(&world, run).await);
    assert_eq!(after, before, "something of the cancelled run was written");
    let differences = world.differences().await;
    assert!(
        differences
            .iter()
            .any(|line| line.starts_with("panel_users ")),
        "the held page was merged: {differences:#?}"
    );

    world.completed(world.trigger().await).await;
    world.assert_mirrored().await;
}
