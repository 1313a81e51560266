//! Rows whose places other uuids take, while the panel is silent or the work interrupted.

use crate::stage::Stage;
use common::types::sync::Target;
use simulators::panel::{Effect, Fault, Faults, State};

const IDS: &str =
    "SELECT string_agg(id::text, ',' ORDER BY uuid) FROM servers WHERE remote_id IN (4, 5)";

fn swap(state: &mut State) {
    let uuid = state.servers[&4].uuid;
    let other = std::mem::replace(&mut state.servers.get_mut(&5).unwrap().uuid, uuid);
    state.servers.get_mut(&4).unwrap().uuid = other;
}

/// Mirrors a panel anew whose servers 4 and 5 have changed. When the row comes that takes
/// the place `id`, and the other place is filled, the connection is ended, once. Says
/// whether those are the same rows as before.
async fn interrupted(change: impl FnOnce(&mut State), id: i64) -> bool {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let database = stage.database.connect().await;
    let before: String = database.query_one(IDS, &[]).await.unwrap().get(0);
    stage.panel.state(change);
    let interrupt = format!(
        "CREATE SEQUENCE interruptions; \
         CREATE FUNCTION interrupt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF NEW.remote_id = {id} AND NEW.removed_at IS NULL AND (SELECT count(*) FROM servers \
                WHERE remote_id IN (4, 5) AND removed_at IS NULL) = 1 THEN \
             IF nextval('interruptions') = 1 THEN \
               PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(1); \
             END IF; \
           END IF; \
           RETURN NEW; END $$; \
         CREATE TRIGGER interrupt BEFORE INSERT OR UPDATE ON servers \
           FOR EACH ROW EXECUTE FUNCTION interrupt()"
    );
    database.batch_execute(&interrupt).await.unwrap();
    stage.full().await;
    let interruptions = "SELECT last_value FROM interruptions WHERE is_called";
    assert!(stage.number(interruptions).await >= 1);
    stage.assert_mirrored().await;
    let after: String = database.query_one(IDS, &[]).await.unwrap().get(0);
    before == after
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_vacated_before_an_interruption_is_filled_afterwards() {
    let replace = |state: &mut State| assert!(state.replace_server_uuid(4).is_some());
    assert!(!interrupted(replace, 4).await, "another row");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_swap_their_places_do_so_whole_though_the_work_is_interrupted() {
    assert!(interrupted(swap, 5).await, "the same rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rows_that_swap_their_places_none_goes_while_one_cannot_be_read() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let database = stage.database.connect().await;
    let before: String = database.query_one(IDS, &[]).await.unwrap().get(0);
    stage.panel.state(swap);
    let fault = Fault::new(Effect::EmptyServerError).on_exactly("/api/application/servers/4");
    stage.panel.faults(|faults| faults.add(fault));
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert_eq!((&*run.status, run.items_failed), ("COMPLETED", 2));
    let gone = "SELECT count(*) FROM servers WHERE removed_at IS NOT NULL";
    assert_eq!(stage.number(gone).await, 0);
    stage.panel.faults(Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
    let after: String = database.query_one(IDS, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
}
