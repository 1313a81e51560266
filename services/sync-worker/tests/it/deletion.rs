//! Deletion needs proof, and is held when there is too much of it.

use crate::stage::Stage;
use common::types::sync::{Kind, Target};
use simulators::panel::{Effect, Fault, Faults, Resource, State};
use store::{ConfirmOutcome, RunRow};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_from_the_panel_is_removed_softly_and_restored_under_its_own_id() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let before = stage.panel.state(|state| state.clone());
    stage.panel.state(|state| {
        state.remove_server(3);
        let free = state
            .allocations
            .values()
            .find(|row| row.server_id.is_none())
            .unwrap()
            .id;
        state.remove_allocation(free);
    });
    stage.full().await;
    stage.assert_mirrored().await;
    assert_eq!(
        stage
            .number(
                "SELECT count(*) FROM servers WHERE remote_id = 3 AND removed_at IS NOT NULL \
                   AND owner_id IS NOT NULL AND node_id IS NOT NULL AND egg_id IS NOT NULL"
            )
            .await,
        1,
        "it keeps its place and its links"
    );
    let id = "SELECT id::text FROM servers WHERE remote_id = 3";
    let db = stage.database.connect().await;
    let old: String = db.query_one(id, &[]).await.unwrap().get(0);
    stage.panel.state(|state| *state = before);
    stage.full().await;
    stage.assert_mirrored().await;
    let restored: String = db.query_one(id, &[]).await.unwrap().get(0);
    assert_eq!(old, restored);
    let events = stage.events().await;
    assert_eq!(events.get("panel.server.deleted"), Some(&1));
    assert_eq!(events.get("panel.server.restored"), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_that_suddenly_lists_nothing_loses_nothing() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let before = stage.panel.state(|state| state.clone());
    // It really holds nothing: even the second look finds nothing.
    stage.panel.state(|state| {
        let servers: Vec<u32> = state.servers.keys().copied().collect();
        for id in servers {
            state.remove_server(id);
        }
    });
    let run = stage.full().await;
    let held = run.held.clone().expect("removals are held");
    assert_eq!(held["servers"]["servers"]["rows"], 60);
    assert_eq!(
        stage
            .number("SELECT count(*) FROM servers WHERE removed_at IS NULL")
            .await,
        60
    );
    assert_eq!(
        stage
            .number("SELECT count(*) FROM server_databases WHERE removed_at IS NULL")
            .await,
        12
    );
    assert_eq!(stage.events().await.get("sync.held"), Some(&1));

    let confirmed = stage.confirm(run.run_id()).await;
    assert_eq!(confirmed.status, "COMPLETED");
    stage.assert_mirrored().await;
    assert!(matches!(
        stage
            .store
            .run_confirm(run.run_id(), "test", None)
            .await
            .unwrap(),
        ConfirmOutcome::Superseded
    ));
    stage.panel.state(|state| *state = before);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_lies_is_contradicted_by_the_rows_own_address() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        let user = state.users.get_mut(&5).unwrap();
        user.first_name = Some("Another".to_owned());
        // One that takes another's place.
        state.users.get_mut(&6).unwrap().uuid = uuid::Uuid::new_v4();
    });
    stage.panel.faults(|faults| {
        faults.empty.insert(Resource::Locations);
        faults.empty.insert(Resource::Users);
    });
    let run = stage.full().await;
    assert!(run.held.is_none(), "{:?}", run.held);
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifteen_runs_that_each_lose_five_per_cent_end_in_a_hold() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let mut held = None;
    for _ in 0..15 {
        stage.panel.state(|state| state.remove_servers(3));
        let run = stage.sync(Target::One(Kind::Servers)).await;
        if run.held.is_some() {
            held = Some(run);
            break;
        }
        assert!(
            stage
                .number("SELECT count(*) FROM servers WHERE removed_at IS NULL")
                .await
                >= 48
        );
    }
    let held = held.expect("a hold");
    let live = stage
        .number("SELECT count(*) FROM servers WHERE removed_at IS NULL")
        .await;
    assert_eq!(live, 48, "20 % of 60 went, no more");
    stage.confirm(held.run_id()).await;
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_removed_and_one_added_while_paging_costs_no_innocent_row() {
    let stage = Stage::with(State::small(), &[("PANEL_PAGE_SIZE", "25")]).await;
    stage.full().await;
    let hook = Fault::hook(|state, _| {
        state.remove_server(1);
        state.add_server("arrived meanwhile");
    });
    stage.panel.faults(|faults| {
        faults.add(
            hook.on("/api/application/servers")
                .with_query("page=1")
                .matching(|asked| asked.contains("per_page=25")),
        );
    });
    stage.full().await;
    stage.full().await;
    stage.assert_mirrored().await;
    assert_eq!(
        stage
            .number("SELECT count(*) FROM servers WHERE removed_at IS NOT NULL")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_and_go_while_paging_leave_the_mirror_right() {
    // One request after the other: the last page is asked for when the rows have moved.
    let settings = [("PANEL_PAGE_SIZE", "25"), ("PANEL_CONCURRENCY", "1")];
    let stage = Stage::with(State::small(), &settings).await;
    stage.full().await;
    let hook = Fault::hook(|state, _| {
        state.remove_servers(2);
        state.add_server("one");
    });
    stage
        .panel
        .faults(|faults| faults.add(hook.on("/api/application/servers").with_query("page=2")));
    stage.full().await;
    // What went after it was read goes with the next run; nothing slips past.
    let missing: Vec<String> = stage.differences().await;
    assert!(
        !missing.iter().any(|row| row.ends_with("missing")),
        "{missing:?}"
    );
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rows_that_slip_from_one_page_to_another_are_read_in_the_same_run() {
    let (stage, run) = with_rows_that_slip("2", None).await;
    assert_eq!(run.items_failed, 0);
    let there = "SELECT count(*) FROM panel_users WHERE remote_id IN (41, 42)";
    assert_eq!(stage.number(there).await, 2);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_new_rows_that_slip_no_more_are_asked_for_at_once_than_of_missing_ones() {
    let (stage, _) = with_rows_that_slip("1", None).await;
    let there = "SELECT count(*) FROM panel_users WHERE remote_id IN (41, 42)";
    assert_eq!(stage.number(there).await, 1);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_row_that_slips_from_one_page_to_another_and_cannot_be_read_is_reported() {
    let fault = Fault::new(Effect::EmptyServerError).on_exactly("/api/application/users/41");
    let (stage, run) = with_rows_that_slip("2", Some(fault)).await;
    assert_eq!(run.items_failed, 1);
    let errors = stage.store.run_errors(run.run_id(), 10).await.unwrap();
    assert_eq!(errors[0].remote_id, Some(41));
    stage.panel.faults(Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

/// A run during which the first page loses two rows, so that two new ones are on none.
async fn with_rows_that_slip(second_look_rows: &str, fault: Option<Fault>) -> (Stage, RunRow) {
    let settings = [
        ("PANEL_PAGE_SIZE", "20"),
        ("PANEL_CONCURRENCY", "1"),
        ("SYNC_SECOND_LOOK_ROWS", second_look_rows),
    ];
    let stage = Stage::with(State::small(), &settings).await;
    stage.full().await;
    // They are the first of the third page until two of the first page go.
    stage.panel.state(|state| {
        for id in [41, 42] {
            let mut user = state.users[&40].clone();
            (user.id, user.uuid) = (id, uuid::Uuid::new_v4());
            state.users.insert(id, user);
        }
    });
    let hook = Fault::hook(|state, _| {
        state.remove_user(2);
        state.remove_user(3);
    });
    stage.panel.faults(|faults| {
        faults.add(
            hook.on_exactly("/api/application/users")
                .with_query("page=2"),
        );
        if let Some(fault) = fault {
            faults.add(fault);
        }
    });
    let run = stage.full().await;
    (stage, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_comes_back_with_another_uuid_is_another_row() {
    let stage = Stage::new(State::small()).await;
    let before = stage.full().await;
    let db = stage.database.connect().await;
    let old: String = db
        .query_one("SELECT id::text FROM servers WHERE remote_id = 4", &[])
        .await
        .unwrap()
        .get(0);
    stage
        .panel
        .state(|state| state.replace_server_uuid(4).unwrap());
    let run = stage.full().await;
    assert_eq!(run.items_synced, before.items_synced, "counted once");
    stage.assert_mirrored().await;
    let new: String = db
        .query_one("SELECT id::text FROM servers WHERE remote_id = 4", &[])
        .await
        .unwrap()
        .get(0);
    assert_ne!(old, new);
    assert_eq!(stage.number(&format!("SELECT count(*) FROM servers WHERE id = '{old}' AND removed_at IS NOT NULL AND remote_id IS NULL")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_gone_takes_its_allocations_along() {
    let stage = Stage::new(State::small()).await;
    stage.panel.state(|state| {
        let mut node = state.nodes[&1].clone();
        node.id = 6;
        node.uuid = uuid::Uuid::new_v4();
        state.nodes.insert(6, node);
        let mut allocation = state.allocations.values().next().unwrap().clone();
        allocation.node_id = 6;
        allocation.server_id = None;
        for offset in 0..30 {
            allocation.id = 9_000 + offset;
            allocation.port = 20_000 + u16::try_from(offset).unwrap();
            state.allocations.insert(allocation.id, allocation.clone());
        }
    });
    stage.full().await;
    stage.assert_mirrored().await;
    stage.panel.state(|state| state.remove_node(6));
    let run = stage.full().await;
    assert!(run.held.is_none(), "{:?}", run.held);
    stage.assert_mirrored().await;
}
