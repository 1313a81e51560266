//! Rows that take each other's places, and rows that hang on what is gone.

use crate::stage::Stage;
use common::types::sync::{Kind, Target};
use simulators::panel::State;

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_swap_their_uuids_keep_their_own_ids() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let ids =
        "SELECT string_agg(id::text, ',' ORDER BY uuid) FROM servers WHERE remote_id IN (4, 5)";
    let db = stage.database.connect().await;
    let before: String = db.query_one(ids, &[]).await.unwrap().get(0);
    stage.panel.state(|state| {
        let uuid = state.servers[&4].uuid;
        let other = std::mem::replace(&mut state.servers.get_mut(&5).unwrap().uuid, uuid);
        state.servers.get_mut(&4).unwrap().uuid = other;
    });
    stage.full().await;
    stage.assert_mirrored().await;
    let after: String = db.query_one(ids, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_another_one_replaced_leaves_its_allocations() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage
        .panel
        .state(|state| state.nodes.get_mut(&2).unwrap().uuid = uuid::Uuid::from_u128(7));
    let run = stage.full().await;
    assert_eq!(run.held, None);
    stage.assert_mirrored().await;
    let removed = "SELECT count(*) FROM allocations WHERE removed_at IS NOT NULL";
    assert_eq!(stage.number(removed).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_with_its_server_is_not_told_as_a_change_of_it() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        state.remove_server(2);
    });
    stage.full().await;
    let told = stage
        .number("SELECT count(*) FROM outbox WHERE key = 'panel.server.updated'")
        .await;
    assert_eq!(told, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_servers_that_were_never_mirrored_go_when_those_are_gone() {
    // Those are asked for one by one, or listed once more.
    for asked_for in ["2", "1"] {
        let settings = [("SYNC_SECOND_LOOK_ROWS", asked_for)];
        let stage = Stage::with(State::small(), &settings).await;
        stage.sync(Target::One(Kind::Databases)).await;
        stage.panel.state(|state| {
            let with_databases = state.databases.values().map(|row| row.server);
            let mut servers: Vec<_> = with_databases.collect();
            servers.dedup();
            assert!(state.remove_server(servers[0]) && state.remove_server(servers[1]));
        });
        let run = stage.full().await;
        assert_eq!(run.held, None);
        stage.assert_mirrored().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn allocations_of_a_node_that_was_never_mirrored_go_when_it_is_gone() {
    let stage = Stage::new(State::small()).await;
    stage.sync(Target::One(Kind::Allocations)).await;
    stage.panel.state(|state| state.remove_node(5));
    let run = stage.full().await;
    assert_eq!(run.held, None);
    stage.assert_mirrored().await;
}
