//! What a run counts, also when its last task begins anew.

use crate::stage::{PATIENCE, Stage};
use common::types::sync::{Kind, Target};
use serde_json::json;
use simulators::panel::{Effect, Fault, Faults, RequestRecord, Resource, State};
use testkit::wait_for;

const SERVER: &str = "/api/application/servers/42";
const USER: &str = "/api/application/users/38";

/// A mirrored panel that has lost a user and a server, and does not tell of the server.
async fn with_doubt() -> Stage {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        assert!(state.remove_user(38));
        assert!(state.remove_server(42));
    });
    let doubt = Fault::new(Effect::EmptyServerError).on_exactly(SERVER);
    stage.panel.faults(|faults| faults.add(doubt));
    stage
}

async fn asked_for_the_user(stage: &Stage, times: usize) {
    wait_for("the question for the user", PATIENCE, async || {
        let asked = stage.panel.requests();
        let about_the_user = |asked: &&RequestRecord| asked.path_and_query.starts_with(USER);
        (asked.iter().filter(about_the_user).count() >= times).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_task_that_begins_anew_counts_each_row_once() {
    let mut stage = with_doubt().await;
    stage.panel.faults(|faults| {
        faults.empty.insert(Resource::Locations);
        // The last that is asked for.
        let slow = Fault::new(Effect::Stall { seconds: 60.0 });
        faults.add(slow.on_exactly(USER).times(2));
    });
    let id = stage.trigger(Target::Full).await;
    for time in 1..=2 {
        asked_for_the_user(&stage, time).await;
        stage.stop_workers().await;
        stage.start_worker();
    }
    let run = stage.ended(id).await;
    assert_eq!((&*run.status, run.items_failed), ("COMPLETED", 1));
    let errors = stage.store.run_errors(id, 10).await.unwrap();
    assert_eq!(errors.len(), 1);
    let undisturbed = stage.full().await;
    assert_eq!(run.items_synced, undisturbed.items_synced);
    stage.panel.faults(Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_counts_the_requests_of_its_own_last_task_only() {
    let stage = with_doubt().await;
    let slow = Fault::new(Effect::Stall { seconds: 2.0 });
    stage
        .panel
        .faults(|faults| faults.add(slow.on_exactly(USER)));
    stage.panel.clear_requests();
    let id = stage.trigger(Target::One(Kind::Users)).await;
    asked_for_the_user(&stage, 1).await;
    stage.sync(Target::One(Kind::Nests)).await;
    let run = stage.ended(id).await;
    let asked = stage.panel.requests();
    let about_users = |path: &str| path.starts_with("/api/application/users");
    let own = asked
        .iter()
        .filter(|request| about_users(&request.path_and_query));
    assert_eq!(run.requests, i64::try_from(own.count()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_known_to_be_gone_once_the_last_task_begins_anew_is_no_failure() {
    let mut stage = with_doubt().await;
    let slow = Fault::new(Effect::Stall { seconds: 60.0 });
    stage
        .panel
        .faults(|faults| faults.add(slow.on_exactly(USER)));
    let id = stage.trigger(Target::Full).await;
    asked_for_the_user(&stage, 1).await;
    assert_eq!(stage.store.run_errors(id, 10).await.unwrap().len(), 1);
    stage.stop_workers().await;
    stage.panel.faults(Faults::clear);
    stage.start_worker();
    let run = stage.ended(id).await;
    assert_eq!((&*run.status, run.items_failed), ("COMPLETED", 0));
    assert_eq!(stage.store.run_errors(id, 10).await.unwrap().len(), 0);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nest_is_counted_once_though_an_egg_of_it_takes_anothers_place() {
    let stage = Stage::new(State::small()).await;
    let nests = stage.sync(Target::One(Kind::Nests)).await.items_synced;
    let another = json!("11111111-2222-4333-8444-555555555555");
    stage.panel.faults(|faults| {
        let uuid = ("uuid".to_owned(), another);
        faults.malformed.insert((Resource::Eggs, 3), uuid);
    });
    let run = stage.sync(Target::One(Kind::Nests)).await;
    assert_eq!((run.items_synced, run.items_total), (nests, nests));
    let eggs = "SELECT count(*) FROM eggs WHERE remote_id = 3 AND removed_at IS NULL \
        AND uuid = '11111111-2222-4333-8444-555555555555'";
    assert_eq!(stage.number(eggs).await, 1);
}
