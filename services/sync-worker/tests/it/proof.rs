//! A row goes only when two looks miss it, or one good answer that lists its
//! siblings whole.

use crate::stage::Stage;
use common::types::sync::{Kind, Target};
use simulators::panel::rows::Allocation;
use simulators::panel::{Fault, Resource, State};

/// Live rows of a table under one id.
async fn live(stage: &Stage, table: &str, remote_id: u32) -> bool {
    let rows = format!(
        "SELECT count(*) FROM {table} WHERE remote_id = {remote_id} AND removed_at IS NULL"
    );
    stage.number(&rows).await == 1
}

/// Requests whose path and query hold a text.
fn asked(stage: &Stage, part: &str) -> usize {
    let requests = stage.panel.requests();
    let hits = requests
        .iter()
        .filter(|request| request.path_and_query.contains(part));
    hits.count()
}

/// Its log tells why something is not removed.
async fn says(stage: &Stage, run: &store::RunRow, why: &str) {
    let logs = stage.store.run_logs(run.run_id()).await.unwrap();
    let told = logs.iter().any(|line| line.message.contains(why));
    assert!(told, "{logs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_changes_each_time_it_is_read_removes_nothing() {
    let stage = Stage::with(State::small(), &[("PANEL_PAGE_SIZE", "25")]).await;
    stage.full().await;
    stage.panel.state(|state| state.remove_user(40));
    // A user more after each page: no two pages of a listing say the same total, in
    // whatever order they are asked for.
    let hook = Fault::hook(|state, _| {
        let mut user = state.users[&39].clone();
        user.id = 1_000 + u32::try_from(state.users.len()).unwrap();
        user.uuid = uuid::Uuid::new_v4();
        state.users.insert(user.id, user);
    });
    stage.panel.faults(|faults| {
        faults.add(
            hook.on_exactly("/api/application/users")
                .with_query("per_page=25")
                .times(100),
        );
    });
    let run = stage.sync(Target::One(Kind::Users)).await;
    assert!(live(&stage, "panel_users", 40).await, "nothing is proven");
    says(&stage, &run, "the listing changed each time it was read").await;
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_id_cannot_be_told_keeps_every_row_of_its_kind() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.faults(|faults| {
        let id = ("id".to_owned(), serde_json::json!("nine"));
        faults.malformed.insert((Resource::Users, 9), id);
    });
    stage.panel.state(|state| state.remove_user(40));
    let run = stage.full().await;
    assert_eq!(run.items_failed, 1);
    assert!(live(&stage, "panel_users", 40).await);
    assert!(live(&stage, "panel_users", 9).await);
    says(&stage, &run, "rows that cannot be identified").await;
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_allocations_are_asked_for_by_their_exact_address() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let own_id = "SELECT id::text FROM allocations WHERE remote_id = 60";
    let db = stage.database.connect().await;
    let before: String = db.query_one(own_id, &[]).await.unwrap().get(0);
    // The listing misses two rows; one of them is there when it is looked for.
    let missed = stage.panel.state(|state| {
        state.remove_allocation(59);
        let row = state.allocations[&60].clone();
        assert!(state.remove_allocation(60));
        row
    });
    let hook = Fault::hook(move |state, _| {
        state.allocations.insert(missed.id, missed.clone());
    });
    stage.panel.faults(|faults| {
        faults.add(hook.on_exactly("/api/application/nodes/1/allocations"));
    });
    stage.panel.clear_requests();
    stage.full().await;
    assert_eq!(
        asked(&stage, "port%5D="),
        2,
        "{:#?}",
        stage.panel.requests()
    );
    stage.assert_mirrored().await;
    let after: String = db.query_one(own_id, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
    assert_eq!(
        stage.events().await.get("panel.allocations.changed"),
        Some(&1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allocation_whose_address_belongs_to_a_new_row_is_gone() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        let row = state.allocations.remove(&60).unwrap();
        state.allocations.insert(900, Allocation { id: 900, ..row });
    });
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allocation_that_cannot_be_asked_for_stays_and_is_reported() {
    let mut state = State::small();
    // To the panel's filter a comma means "or".
    state.allocations.get_mut(&60).unwrap().ip = "10.0.0.1,10.0.0.2".to_owned();
    let stage = Stage::new(state).await;
    stage.full().await;
    stage.panel.state(|state| state.remove_allocation(60));
    assert_eq!(stage.full().await.items_failed, 1);
    assert!(live(&stage, "allocations", 60).await, "nothing is proven");
}

#[tokio::test(flavor = "multi_thread")]
async fn above_fifty_rows_a_second_listing_is_read_instead_and_believed() {
    let stage = Stage::with(State::small(), &[("SYNC_HOLD_SHARE", "1")]).await;
    stage.full().await;
    // The first listing misses 59 of 60; the second only those that are gone.
    let before = stage.panel.state(|state| {
        let before = state.clone();
        state.remove_servers(59);
        before
    });
    let hook = Fault::hook(move |state, _| {
        *state = before.clone();
        state.remove_server(7);
    });
    stage.panel.faults(|faults| {
        faults.add(
            hook.on_exactly("/api/application/servers")
                .with_query("per_page=500"),
        );
    });
    stage.panel.clear_requests();
    stage.sync(Target::One(Kind::Servers)).await;
    assert_eq!(asked(&stage, "/api/application/servers/"), 0);
    assert_eq!(
        stage
            .number("SELECT sum(remote_id)::bigint FROM servers WHERE removed_at IS NOT NULL")
            .await,
        7
    );
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_answer_lists_whole_needs_no_second_look() {
    let mut state = State::small();
    // An egg that no server uses, and a variable without a value.
    let mut egg = state.eggs[&1].clone();
    (egg.id, egg.uuid) = (99, uuid::Uuid::from_u128(99));
    state.eggs.insert(99, egg);
    let mut variable = state.egg_variables[&1].clone();
    variable.id = 999;
    state.egg_variables.insert(999, variable);
    let stage = Stage::new(state).await;
    stage.full().await;
    stage.panel.clear_requests();
    stage.full().await;
    let requests = stage.panel.requests().len();
    stage.panel.state(|state| {
        state.remove_database(1);
        state.subusers.pop_first().unwrap();
        state.server_variables.pop_first().unwrap();
        state.remove_egg(99);
        state.egg_variables.remove(&999);
        let primary: Vec<u32> = state.servers.values().map(|row| row.allocation).collect();
        let linked = state
            .allocations
            .values_mut()
            .find(|row| row.server_id.is_some() && !primary.contains(&row.id))
            .unwrap();
        linked.server_id = None;
    });
    stage.panel.clear_requests();
    stage.full().await;
    assert_eq!(stage.panel.requests().len(), requests);
    stage.assert_mirrored().await;
    let kept = "SELECT count(*) FROM server_subusers WHERE removed_at IS NOT NULL AND server_id IS NOT NULL";
    assert_eq!(stage.number(kept).await, 1, "a removed row keeps its links");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_id_that_comes_back_with_another_uuid_is_another_row() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let server = stage.panel.state(|state| {
        let server = state.servers[&60].clone();
        state.remove_server(60);
        server
    });
    stage.full().await;
    let id = "SELECT id::text FROM servers WHERE remote_id = 60";
    let db = stage.database.connect().await;
    let old: String = db.query_one(id, &[]).await.unwrap().get(0);
    stage.panel.state(|state| {
        let (id, allocation) = (server.id, server.allocation);
        state.servers.insert(id, server);
        state.replace_server_uuid(id);
        state.allocations.get_mut(&allocation).unwrap().server_id = Some(id);
    });
    stage.full().await;
    stage.assert_mirrored().await;
    let new: String = db.query_one(id, &[]).await.unwrap().get(0);
    assert_ne!(old, new);
    let cleared = format!(
        "SELECT count(*) FROM servers WHERE id = '{old}' AND removed_at IS NOT NULL AND remote_id IS NULL"
    );
    assert_eq!(stage.number(&cleared).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_row_that_the_panel_can_neither_send_nor_name_each_ones_own_address_decides() {
    let mut state = State::small();
    state.remove_user(39);
    let stage = Stage::new(state).await;
    stage.full().await;
    // The last row, after a gap: neither its neighbours nor its address tell its id.
    stage
        .panel
        .faults(|faults| faults.poison.insert((Resource::Users, 40)));
    stage.panel.state(|state| state.remove_user(20));
    let run = stage.full().await;
    assert_eq!(run.items_failed, 1);
    let errors = stage.store.run_errors(run.run_id(), 10).await.unwrap();
    assert_eq!(errors[0].remote_id, None);
    assert!(
        live(&stage, "panel_users", 40).await,
        "its address says 500"
    );
    assert!(
        !live(&stage, "panel_users", 20).await,
        "its address says 404"
    );
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_claims_more_rows_than_any_panel_has_ends_where_it_is_empty_and_removes_nothing()
 {
    let limit = ("PANEL_APPLICATION_LIMIT_PER_MINUTE", "100000");
    let stage = Stage::with(State::small(), &[limit]).await;
    stage.full().await;
    stage.panel.state(|state| {
        assert!(state.remove_allocation(60));
        state.servers.get_mut(&24).unwrap().name = "renamed".to_owned();
    });
    let claiming = [
        Resource::Locations,
        Resource::Nodes,
        Resource::Nests,
        Resource::Servers,
        Resource::Users,
        Resource::Allocations,
    ];
    stage.panel.faults(|faults| {
        let totals = claiming.map(|resource| (resource, 1_000_000_000_000));
        faults.totals.extend(totals);
    });
    stage.panel.clear_requests();
    let id = stage.trigger(Target::Full).await;
    let run = stage.ended(id).await;
    assert_eq!(run.status, "COMPLETED", "{:?}", run.error);
    let tasks = stage.store.tasks(id).await.unwrap().len();
    assert!(tasks < 250, "{tasks} tasks");
    let asked = stage.panel.requests().len();
    assert!(asked < 300, "{asked} requests");
    let differences = stage.differences().await;
    assert_eq!(differences, ["allocations 60: not on the panel"]);
}
