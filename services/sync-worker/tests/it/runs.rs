//! Runs: who starts, who waits, who ends.

use crate::stage::{PATIENCE, Stage};
use common::types::sync::{Kind, Target};
use secrecy::ExposeSecret;
use simulators::panel::{Effect, Fault, State};
use std::time::Duration;
use store::{CancelOutcome, NewRun};
use testkit::{test_logger, wait_for};

/// When a cancelled run's requests to the panel are dropped: within two seconds, on
/// a machine that does nothing else. The panel's answer, or the end of our
/// patience with it, would come much later.
const DROPPED: Duration = Duration::from_secs(8);

fn new_run(stage: &Stage, target: Target) -> NewRun {
    NewRun {
        panel: stage.panel_id,
        target,
        skip_users: false,
        requested_by: "test".to_owned(),
        request_id: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_triggers_at_once_make_one_run() {
    let stage = Stage::without_worker(State::small(), &[]).await;
    let triggers = (0..10).map(|_| {
        let (store, new) = (stage.store.clone(), new_run(&stage, Target::Full));
        tokio::spawn(async move { store.run_trigger(&new).await.unwrap() })
    });
    let mut runs = Vec::new();
    for trigger in triggers.collect::<Vec<_>>() {
        runs.push(trigger.await.unwrap());
    }
    assert_eq!(runs.iter().filter(|triggered| triggered.new).count(), 1);
    assert!(
        runs.iter()
            .all(|triggered| triggered.run.id == runs[0].run.id)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrower_trigger_is_answered_by_the_wider_run_and_a_wider_one_waits() {
    let stage = Stage::without_worker(State::small(), &[]).await;
    let servers = stage.trigger(Target::One(Kind::Servers)).await;
    assert_eq!(stage.store.run_start_waiting().await.unwrap().len(), 1);
    let full = stage.trigger(Target::Full).await;
    assert_ne!(servers, full);
    assert_eq!(stage.trigger(Target::One(Kind::Users)).await, full);
    assert!(stage.store.run_start_waiting().await.unwrap().is_empty());
    assert_eq!(
        stage.store.run(full).await.unwrap().unwrap().status,
        "PENDING"
    );
    stage.store.run_cancel(servers).await.unwrap();
    assert_eq!(
        stage.store.run_start_waiting().await.unwrap()[0].run_id(),
        full
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_in_mid_step_ends_every_write_and_drops_open_requests() {
    let stage = Stage::new(State::small()).await;
    stage.panel.faults(|faults| {
        faults.add(
            Fault::new(Effect::Stall { seconds: 600.0 })
                .on("/api/application/users")
                .with_query("per_page=500"),
        );
    });
    let id = stage.trigger(Target::Full).await;
    wait_for("a stalled request", PATIENCE, async || {
        let run = stage.store.run(id).await.unwrap().unwrap();
        (run.status == "RUNNING" && run.items_synced > 0 && stage.panel.open_requests() > 0)
            .then_some(())
    })
    .await;
    let CancelOutcome::Cancelled(run) = stage.store.run_cancel(id).await.unwrap() else {
        panic!("not cancelled")
    };
    assert_eq!(run.status, "CANCELLED");
    let written = "SELECT (SELECT count(*) FROM servers) + (SELECT count(*) FROM allocations) + (SELECT count(*) FROM panel_users)";
    let then = stage.number(written).await;
    wait_for("open requests to be dropped", DROPPED, async || {
        let open = stage.panel.open_requests();
        (open == 0).then_some(()).ok_or(open)
    })
    .await;
    assert_eq!(stage.number(written).await, then);
    assert!(matches!(
        stage.store.run_cancel(id).await.unwrap(),
        CancelOutcome::Cancelled(_)
    ));
    stage.panel.faults(simulators::panel::Faults::clear);
    let after = stage.full().await;
    assert!(matches!(
        stage.store.run_cancel(after.run_id()).await.unwrap(),
        CancelOutcome::Finished(_)
    ));
    assert!(matches!(
        stage
            .store
            .run_cancel(common::types::id::RunId::new())
            .await
            .unwrap(),
        CancelOutcome::Unknown
    ));
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_never_falls_and_ends_at_a_hundred() {
    let stage = Stage::new(State::small()).await;
    let id = stage.trigger(Target::Full).await;
    let mut seen = Vec::new();
    wait_for("the run's end", PATIENCE, async || {
        let run = stage.store.run(id).await.unwrap().unwrap();
        seen.push(run.percentage);
        run.run_status().unwrap().is_final().then_some(())
    })
    .await;
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.last(), Some(&100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_progress_fails_and_says_what_it_waited_for() {
    let stage = Stage::with(State::small(), &[("SYNC_STALL_SECONDS", "6")]).await;
    stage.panel.faults(|faults| {
        faults.add(Fault::new(Effect::Maintenance));
    });
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!(run.status, "FAILED");
    let error = run.error.unwrap();
    assert!(
        error.contains("no progress") && error.contains("offline"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_is_told_of_a_runs_progress_and_of_its_end() {
    let stage = Stage::new(State::small()).await;
    let redis = &stage.config().redis;
    let cache = cache::Cache::connect(&cache::Settings {
        prefix: redis.prefix.clone(),
        ..cache::Settings::new(redis.url.expose_secret().into())
    })
    .unwrap();
    let feed = cache.subscribe_progress(&test_logger());
    let mut listener = feed.listen();
    wait_for("the channel", PATIENCE, async || {
        feed.is_connected().then_some(())
    })
    .await;
    let run = stage.full().await;
    let mut told = 0;
    let end = async {
        while let Some(heard) = listener.next().await {
            let cache::Heard::Update(progress) = heard else {
                continue;
            };
            told += 1;
            if (progress.run_id, progress.revision) == (run.run_id(), run.revision) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, end)
        .await
        .expect("the end was not told");
    assert!(told > 1, "nothing was told before the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_one_run() {
    let mut stage = Stage::new(State::sized(0.02)).await;
    stage.start_worker();
    stage.full().await;
    stage.assert_mirrored().await;
}

/// The lease is 3 s, the panel's answer takes more than twice as long, and nothing
/// of the task is written in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lives_keeps_its_lease_for_as_long_as_the_panel_takes() {
    let mut stage = Stage::without_worker(State::small(), &[]).await;
    stage.panel.faults(|faults| {
        faults.add(
            Fault::new(Effect::Stall { seconds: 7.0 })
                .on("/api/application/users")
                .with_query("per_page=500"),
        );
    });
    stage.start_worker();
    stage.start_worker();
    stage.full().await;
    stage.assert_mirrored().await;
    let lost = "SELECT sum(lost_leases)::bigint FROM sync_tasks";
    assert_eq!(stage.number(lost).await, 0);
    let fences = "SELECT count(*) FROM sync_tasks WHERE kind = 'users' AND fence > 1";
    assert_eq!(stage.number(fences).await, 0, "claimed once");
    let asked = stage.panel.requests();
    let asked = asked.iter().filter(|request| {
        let asked = &request.path_and_query;
        asked.contains("/users?") && asked.contains("per_page=500")
    });
    assert_eq!(asked.count(), 1, "nobody else asked for the page");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_gives_its_tasks_back_and_another_completes_the_run() {
    let mut stage = Stage::new(State::small()).await;
    stage.panel.faults(|faults| {
        faults.add(
            Fault::new(Effect::Stall { seconds: 30.0 })
                .on("/api/application/nests")
                .with_query("per_page=500")
                .times(1),
        );
    });
    let id = stage.trigger(Target::Full).await;
    wait_for("a stalled request", PATIENCE, async || {
        let run = stage.store.run(id).await.unwrap().unwrap();
        (run.items_synced > 0 && stage.panel.open_requests() > 0).then_some(())
    })
    .await;
    stage.stop_workers().await;
    let leased = "SELECT count(*) FROM sync_tasks WHERE state = 'leased'";
    assert_eq!(stage.number(leased).await, 0, "it keeps its leases");
    stage.start_worker();
    let run = stage.ended(id).await;
    assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
    let lost = "SELECT sum(lost_leases)::bigint FROM sync_tasks";
    assert_eq!(stage.number(lost).await, 0, "giving back costs no lease");
    stage.assert_mirrored().await;
}
