//! Workers that are killed (SIGKILL).

use crate::world::{PATIENCE, World};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use simulators::panel::{Faults, State};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::wait_for;
use uuid::Uuid;

/// How often the worker is killed in one run.
const KILLS: usize = 4;

/// Repeats the kills of an earlier run of the test.
const SEED: &str = "E2E_SEED";

/// What tells whether anybody touched a finished task again.
async fn finished(world: &World) -> BTreeMap<Uuid, String> {
    world
        .connect()
        .await
        .query(
            "SELECT id, jsonb_build_array(fence, requests, started_at, finished_at, worker_id)::text \
             FROM sync_tasks WHERE state = 'done'",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_worker_is_killed_at_random_points_completes_and_repeats_no_finished_task() {
    let undisturbed = World::new(State::small()).await;
    let worker = undisturbed.worker().await;
    let plain = undisturbed.completed(undisturbed.trigger().await).await;
    undisturbed.assert_mirrored().await;
    drop(worker);
    let requests = undisturbed.panel.requests().len();

    let seed = std::env::var(SEED).map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    eprintln!("{SEED}={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut points: Vec<usize> = (0..KILLS).map(|_| dice.random_range(1..requests)).collect();
    points.sort_unstable();

    let mut world = World::new(State::small()).await;
    // One task may be unlucky each time, which is another test's matter.
    world.set("SYNC_MAX_LOST_LEASES", "100");
    world.slow_down(0.15);
    let run = world.trigger().await;
    let mut worker = world.worker().await;
    for point in points {
        world.asked(run, point).await;
        // Anywhere between two requests, and in what follows the last one.
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..150))).await;
        worker.kill();
        let (lost, before) = (world.leases(run).await, finished(&world).await);
        worker = world.worker().await;
        world.taken_over(run, &lost).await;
        let after = finished(&world).await;
        assert!(
            before.iter().all(|(id, task)| after.get(id) == Some(task)),
            "a finished task was worked on again"
        );
    }
    let run = world.completed(run).await;
    world.assert_mirrored().await;
    assert_eq!(
        (run.items_synced, run.items_failed),
        (plain.items_synced, plain.items_failed)
    );
    let repeated = world
        .number("SELECT count(*) FROM sync_tasks WHERE state <> 'done' OR fence <> lost_leases + 1")
        .await;
    assert_eq!(
        repeated, 0,
        "a task was begun again without having lost its worker"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_cost_three_workers_fails_and_with_it_the_run_and_nothing_else_is_lost() {
    let world = World::new(State::small()).await;
    let mut worker = world.worker().await;
    world.completed(world.trigger().await).await;

    world.panel.state(|state| {
        state.servers.values_mut().next().unwrap().name = "renamed".to_owned();
        state.users.values_mut().nth(12).unwrap().username = "renamed".to_owned();
    });
    world.hold_users_back(600.0, usize::MAX);
    let run = world.trigger().await;
    for _ in 0..3 {
        let task = world.only_users_left(run).await;
        worker.kill();
        let lost = world.leases(run).await;
        assert!(lost.iter().all(|(leased, _)| *leased == task), "{lost:?}");
        wait_for("the panel to notice", PATIENCE, async || {
            (world.panel.open_requests() == 0).then_some(())
        })
        .await;
        worker = world.worker().await;
        world.taken_over(run, &lost).await;
    }
    let run = world.ended(run).await;
    assert_eq!(run.status, "FAILED");
    assert_eq!(run.failed_step.as_deref(), Some("users"));
    let error = run.error.unwrap();
    assert!(error.contains("3 workers"), "{error}");
    let differences = world.differences().await;
    assert!(
        matches!(differences.as_slice(), [only] if only.starts_with("panel_users ")),
        "{differences:#?}"
    );

    world.panel.faults(Faults::clear);
    world.completed(world.trigger().await).await;
    world.assert_mirrored().await;
}
