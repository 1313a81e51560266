//! A second look that does not tell whether a row is gone.

use crate::stage::Stage;
use common::types::sync::Target;
use simulators::panel::{Effect, Fault, Faults, Resource, State};
use store::RunRow;

const SERVER: &str = "/api/application/servers/42";

async fn live(stage: &Stage, table: &str, remote_id: u32) -> bool {
    let rows = format!(
        "SELECT count(*) FROM {table} WHERE remote_id = {remote_id} AND removed_at IS NULL"
    );
    stage.number(&rows).await == 1
}

/// A mirrored panel that has lost a server and a user, and answers so for the server.
async fn with_doubt(fault: Fault) -> Stage {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        assert!(state.remove_server(42));
        assert!(state.remove_user(38));
    });
    stage.panel.faults(|faults| faults.add(fault));
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_which_the_panel_does_not_tell_whether_it_is_gone_stays_and_is_reported() {
    for effect in [Effect::EmptyServerError, Effect::Html { status: 200 }] {
        let stage = with_doubt(Fault::new(effect).on_exactly(SERVER)).await;
        let run = stage.full().await;
        assert_eq!(run.items_failed, 1);
        assert!(live(&stage, "servers", 42).await);
        assert!(!live(&stage, "panel_users", 38).await, "nothing else waits");
        let errors = stage.store.run_errors(run.run_id(), 10).await.unwrap();
        let told = &errors[0];
        assert_eq!((told.remote_id, told.position), (Some(42), None));
        assert!(told.reason.contains("may not be gone"), "{}", told.reason);
        stage.panel.faults(Faults::clear);
        stage.full().await;
        stage.assert_mirrored().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_that_fails_once_at_a_rows_own_address_is_asked_again() {
    let fault = Fault::new(Effect::ServerError).on_exactly(SERVER);
    let stage = with_doubt(fault.times(1)).await;
    let run = stage.full().await;
    assert_eq!(run.items_failed, 0);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_look_that_is_refused_fails_its_kind_by_name_and_no_other() {
    for effect in [Effect::LoginRedirect, Effect::Html { status: 403 }] {
        let stage = with_doubt(Fault::new(effect).on_exactly(SERVER)).await;
        let run = stage.ended(stage.trigger(Target::Full).await).await;
        assert_eq!(run.status, "FAILED");
        assert_eq!(run.failed_step.as_deref(), Some("servers"));
        let error = run.error.unwrap();
        assert!(error.starts_with("servers: servers 42: "), "{error}");
        assert!(live(&stage, "servers", 42).await);
        assert!(!live(&stage, "panel_users", 38).await);
        stage.panel.faults(Faults::clear);
        stage.full().await;
        stage.assert_mirrored().await;
    }
}

/// What has become of servers with one that another uuid stands for, whose address
/// answers so.
async fn with_a_place_taken(effect: Effect) -> (Stage, RunRow) {
    let fault = Fault::new(effect).on_exactly(SERVER);
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        assert!(state.replace_server_uuid(42).is_some());
        assert!(state.remove_user(38));
    });
    stage.panel.faults(|faults| faults.add(fault));
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    let stays = live(&stage, "servers", 42).await;
    assert!(stays, "what cannot be read takes nobody's place");
    assert!(!live(&stage, "panel_users", 38).await, "nothing else waits");
    (stage, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_takes_anothers_place_and_is_refused_fails_its_kind_by_name() {
    let (stage, run) = with_a_place_taken(Effect::LoginRedirect).await;
    assert_eq!(run.status, "FAILED");
    assert_eq!(run.failed_step.as_deref(), Some("servers"));
    let error = run.error.as_deref().unwrap();
    assert!(error.starts_with("servers: servers 42: "), "{error}");
    for (kind, times) in [("servers", 0), ("users", 1)] {
        let listed = format!(
            "SELECT count(*) FROM panel_kinds WHERE kind = '{kind}' AND last_run_id = '{}'",
            run.run_id()
        );
        assert_eq!(stage.number(&listed).await, times, "{kind}");
    }
    stage.panel.faults(Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_takes_anothers_place_and_cannot_be_read_is_reported() {
    let (stage, run) = with_a_place_taken(Effect::EmptyServerError).await;
    assert_eq!((&*run.status, run.items_failed), ("COMPLETED", 1));
    let errors = stage.store.run_errors(run.run_id(), 10).await.unwrap();
    assert_eq!(errors[0].remote_id, Some(42));
    assert!(errors[0].reason.contains("takes another's place"));
    stage.panel.faults(Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_row_that_cannot_be_sent_some_missing_rows_are_asked_for_in_each_run() {
    let mut state = State::small();
    assert!(state.remove_user(39));
    let stage = Stage::with(state, &[("SYNC_SECOND_LOOK_ROWS", "2")]).await;
    stage.full().await;
    stage.panel.state(|state| {
        for user in 20..24 {
            assert!(state.remove_user(user));
        }
    });
    // The last row, after a gap: nothing tells its id.
    let poison = (Resource::Users, 40);
    stage.panel.faults(|faults| faults.poison.insert(poison));
    let gone = "SELECT count(*) FROM panel_users WHERE removed_at IS NOT NULL";
    for rows in [2, 4] {
        stage.full().await;
        assert_eq!(stage.number(gone).await, rows);
    }
    stage.panel.faults(Faults::clear);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_in_which_no_worker_lived_is_no_time_without_progress() {
    let mut stage = Stage::without_worker(State::small(), &[]).await;
    let run = stage.trigger(Target::Full).await;
    assert_eq!(stage.store.run_start_waiting().await.unwrap().len(), 1);
    let database = stage.database.connect().await;
    let an_hour_ago = "UPDATE sync_runs SET started_at = now() - interval '1 hour', \
        progressed_at = now() - interval '1 hour'";
    database.batch_execute(an_hour_ago).await.unwrap();
    stage.panel.faults(|faults| {
        // Long enough for the worker to look for runs that are stuck.
        let slow = Fault::new(Effect::Stall { seconds: 3.0 });
        faults.add(slow.on_exactly("/api/application/servers").times(1));
    });
    stage.start_worker();
    assert_eq!(stage.ended(run).await.status, "COMPLETED");
}
