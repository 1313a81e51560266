//! What any worker does besides its tasks.

use crate::stage::{PATIENCE, Stage};
use common::crypto::master::MasterKey;
use common::types::id::{PanelId, WorkerId};
use common::types::sync::Target;
use reach::vault::{PanelKey, Vault};
use simulators::panel::{Effect, Fault, State};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::{ClaimSettings, NewPanel};
use testkit::wait_for;

const OLD: &str = "SELECT count(*) FROM inbox WHERE consumer = 'test'";

/// A row that is due to be cleaned up.
async fn leave_something_old(stage: &Stage) {
    stage
        .database
        .connect()
        .await
        .batch_execute(
            "INSERT INTO inbox (consumer, message_id, received_at) \
             VALUES ('test', gen_random_uuid(), now() - interval '8 days')",
        )
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn any_worker_cleans_up_and_none_does_so_again_within_the_hour() {
    let mut stage = Stage::without_worker(State::small(), &[]).await;
    leave_something_old(&stage).await;
    stage.start_worker();
    wait_for("the first clean-up", PATIENCE, async || {
        (stage.number(OLD).await == 0).then_some(())
    })
    .await;
    leave_something_old(&stage).await;
    stage.start_worker();
    // Each run is waited for longer than it takes to look whether it is time.
    stage.full().await;
    stage.full().await;
    assert_eq!(stage.number(OLD).await, 1);
    // Once the hour is over it is somebody's turn again.
    stage
        .database
        .connect()
        .await
        .batch_execute(
            "UPDATE leases SET until = now() - interval '1 second' WHERE name = 'sync-cleanup'",
        )
        .await
        .unwrap();
    wait_for("the next clean-up", PATIENCE, async || {
        (stage.number(OLD).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_finds_a_task_that_nobody_told_of() {
    let mut stage = Stage::without_worker(State::small(), &[]).await;
    let id = stage.trigger(Target::Full).await;
    stage.store.run_start_waiting().await.unwrap();
    // A worker that is gone without a word: its lease runs out in silence.
    let settings = ClaimSettings {
        lease: Duration::from_secs(3),
        concurrency: 4,
        share: 4,
        max_lost_leases: 3,
    };
    let lost = stage.store.task_claim(WorkerId::new(), settings).await;
    assert_eq!(lost.unwrap().unwrap().run_id, id);
    stage.start_worker();
    let run = stage.ended(id).await;
    assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
    let lost = "SELECT sum(lost_leases)::bigint FROM sync_tasks";
    assert_eq!(stage.number(lost).await, 1);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_is_answered_for_once_the_run_is_claimed_not_when_it_ends() {
    let stage = Stage::new(State::small()).await;
    stage.panel.faults(|faults| {
        faults.add(Fault::new(Effect::Stall { seconds: 600.0 }).on("/api/application/users"));
    });
    let id = stage.trigger(Target::Full).await;
    wait_for("the message's record", PATIENCE, async || {
        let recorded = stage.number("SELECT count(*) FROM inbox").await;
        (recorded == 1 && stage.panel.open_requests() > 0).then_some(())
    })
    .await;
    let run = stage.store.run(id).await.unwrap().unwrap();
    assert_eq!(run.status, "RUNNING");
    stage.store.run_cancel(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_is_asked_no_more_things_at_once_than_its_concurrency_by_all_workers() {
    let mut stage = Stage::without_worker(State::small(), &[("PANEL_PAGE_SIZE", "5")]).await;
    stage.panel.faults(|faults| {
        faults.add(Fault::new(Effect::Stall { seconds: 0.05 }));
    });
    for _ in 0..3 {
        stage.start_worker();
    }
    stage.full().await;
    stage.assert_mirrored().await;
    let most = stage.panel.most_open_requests();
    assert!((2..=4).contains(&most), "{most} at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_another_master_key_is_not_ready_and_leaves_the_work_to_others() {
    let (right, wrong) = ("11".repeat(32), "22".repeat(32));
    let mut stage =
        Stage::without_worker(State::small(), &[("ENCRYPTION_KEY", wrong.as_str())]).await;
    let master = MasterKey::parse(&right.clone().into()).unwrap();
    Vault::open_to_seal(&stage.store, Some(Arc::new(master)))
        .await
        .unwrap();
    let address = stage.start_worker();
    let id = stage.trigger(Target::Full).await;
    wait_for("the worker to start the run", PATIENCE, async || {
        let run = stage.store.run(id).await.unwrap().unwrap();
        (run.status == "RUNNING").then_some(())
    })
    .await;
    let answer = reqwest::get(format!("http://{address}/health/ready"))
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert!(answer.to_string().contains("keys"), "{answer}");
    stage.set("ENCRYPTION_KEY", &right);
    stage.start_worker();
    let run = stage.ended(id).await;
    assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
    let workers = "SELECT count(DISTINCT worker_id) FROM sync_tasks";
    assert_eq!(stage.number(workers).await, 1);
    stage.assert_mirrored().await;
}

/// What a worker says of its keys.
async fn keys(worker: SocketAddr) -> String {
    let answer = reqwest::get(format!("http://{worker}/health/ready"))
        .await
        .unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    answer["checks"]["keys"].as_str().unwrap().to_owned()
}

/// A panel beside the default one, whose key lies sealed with `master`.
async fn with_sealed_panel(stage: &mut Stage, master: &str) {
    let master = MasterKey::parse(&master.to_owned().into()).unwrap();
    let vault = Vault::open_to_seal(&stage.store, Some(Arc::new(master)))
        .await
        .unwrap();
    let id = PanelId::new();
    let key = stage.panel.application_key().to_owned().into();
    let sealed = vault.seal_panel_key(PanelKey::Application, id, &key);
    let panel = NewPanel {
        id,
        name: "sealed".to_owned(),
        url: stage.panel.url(),
        application_key: Some(sealed.unwrap()),
        client_key: None,
    };
    stage.store.panel_save(&panel).await.unwrap();
    stage.panel_id = id;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_a_master_key_leaves_panels_with_sealed_keys_to_others() {
    let right = "11".repeat(32);
    let mut stage = Stage::without_worker(State::small(), &[]).await;
    with_sealed_panel(&mut stage, &right).await;
    let address = stage.start_worker();
    let id = stage.trigger(Target::Full).await;
    wait_for("the worker to start the run", PATIENCE, async || {
        let run = stage.store.run(id).await.unwrap().unwrap();
        (run.status == "RUNNING").then_some(())
    })
    .await;
    assert_eq!(keys(address).await, "error");
    let claimed = "SELECT count(*) FROM sync_tasks WHERE fence > 0";
    assert_eq!(stage.number(claimed).await, 0);
    stage.set("ENCRYPTION_KEY", &right);
    stage.start_worker();
    let run = stage.ended(id).await;
    assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_learns_by_a_claim_that_its_master_key_is_another_gives_the_task_back() {
    let (right, wrong) = ("11".repeat(32), "22".repeat(32));
    let mut stage =
        Stage::without_worker(State::small(), &[("ENCRYPTION_KEY", wrong.as_str())]).await;
    // Nothing is sealed yet, so nothing is wrong with its key.
    let address = stage.start_worker();
    assert_eq!(keys(address).await, "ok");
    with_sealed_panel(&mut stage, &right).await;
    let id = stage.trigger(Target::Full).await;
    wait_for("the worker to know", PATIENCE, async || {
        (keys(address).await == "error").then_some(())
    })
    .await;
    stage.set("ENCRYPTION_KEY", &right);
    stage.start_worker();
    let run = stage.ended(id).await;
    assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
    stage.assert_mirrored().await;
}
