//! Too many removals at once wait for a human, who confirms what was held and
//! nothing else.

use crate::stage::Stage;
use common::types::sync::{Kind, Target};
use simulators::panel::State;
use store::RunRow;

async fn live(stage: &Stage, table: &str) -> i64 {
    stage
        .number(&format!(
            "SELECT count(*) FROM {table} WHERE removed_at IS NULL"
        ))
        .await
}

fn held<'a>(run: &'a RunRow, kind: &str) -> &'a serde_json::Value {
    &run.held.as_ref().expect("removals are held")[kind][kind]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_loses_too_many_allocations_holds_all_of_them_with_the_evidence() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        // 13 of the 60 on one node, one on another: 14 of 300 on the panel are few.
        assert!((48..=60).all(|id| state.remove_allocation(id)));
        assert!(state.remove_allocation(120));
        state.locations.get_mut(&1).unwrap().short = "renamed".to_owned();
    });
    let run = stage.full().await;
    assert_eq!(run.status, "COMPLETED");
    let held = held(&run, "allocations");
    assert_eq!(held["rows"], 14);
    assert_eq!(live(&stage, "allocations").await, 300);
    let look = &held["looks"][0];
    assert_eq!(look["scope"], serde_json::json!({ "node": 1 }));
    assert_eq!(
        (&look["first_look"], &look["second_look"]),
        (&13.into(), &13.into())
    );
    assert_eq!(look["asked"], "each row's own address");
    assert!(look["at"].is_string());
    let renamed = "SELECT count(*) FROM locations WHERE short = 'renamed'";
    assert_eq!(stage.number(renamed).await, 1, "the rest is merged");
    let confirmed = stage.confirm(run.run_id()).await;
    assert_eq!(confirmed.held, None);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn above_fifty_allocations_of_a_node_a_second_listing_of_it_is_the_evidence() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let gone = stage.panel.state(|state| {
        // Nothing uses the node any more.
        for server in state
            .servers
            .values()
            .filter(|row| row.node == 5)
            .map(|row| row.id)
            .collect::<Vec<_>>()
        {
            state.remove_server(server);
        }
        (241..=295)
            .filter(|id| state.remove_allocation(*id))
            .count()
    });
    assert_eq!(gone, 55);
    let run = stage.sync(Target::One(Kind::Allocations)).await;
    let look = &held(&run, "allocations")["looks"][0];
    assert_eq!(look["scope"], serde_json::json!({ "node": 5 }));
    assert_eq!(look["asked"], "a second complete listing");
    assert_eq!(look["second_look"], 55);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_removes_what_was_held_and_is_still_missing_and_nothing_else() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let before = stage.panel.state(|state| state.clone());
    stage.panel.state(|state| state.remove_servers(15));
    let run = stage.sync(Target::One(Kind::Servers)).await;
    assert_eq!(held(&run, "servers")["rows"], 15);
    assert_eq!(live(&stage, "servers").await, 60);
    // One of them comes back, and another one goes that nobody has confirmed.
    stage.panel.state(|state| {
        *state = before;
        for id in (1..=14).chain([40]) {
            state.remove_server(id);
        }
    });
    let confirmed = stage.confirm(run.run_id()).await;
    assert_eq!(confirmed.status, "COMPLETED", "{:?}", confirmed.error);
    let of = |ids: &str| {
        format!("SELECT count(*) FROM servers WHERE removed_at IS NULL AND remote_id IN ({ids})")
    };
    assert_eq!(live(&stage, "servers").await, 46);
    assert_eq!(stage.number(&of("15, 40")).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_uuid_changed_count_as_removals() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        for id in 1..=13 {
            state.replace_server_uuid(id);
        }
    });
    let run = stage.full().await;
    assert_eq!(held(&run, "servers")["rows"], 13);
    let removed = "SELECT count(*) FROM servers WHERE removed_at IS NOT NULL";
    assert_eq!(stage.number(removed).await, 0);
    // Who confirms knows that they are others: no reason to see another panel.
    let confirmed = stage.confirm(run.run_id()).await;
    assert_eq!(confirmed.status, "COMPLETED", "{:?}", confirmed.error);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_would_take_too_many_databases_along_is_held_with_them() {
    let stage = Stage::new(State::small()).await;
    stage.panel.state(|state| {
        let model = state.databases.values().next().unwrap().clone();
        for id in 100..112 {
            let mut row = model.clone();
            row.id = id;
            row.server = 60;
            row.database = format!("s60_{id}");
            state.databases.insert(id, row);
        }
    });
    stage.full().await;
    stage.panel.state(|state| {
        state.remove_server(60);
        state.remove_server(59);
    });
    let run = stage.full().await;
    assert_eq!(held(&run, "servers")["rows"], 1);
    let databases = &run.held.as_ref().unwrap()["databases"]["server_databases"];
    assert!(databases["rows"].as_u64().unwrap() >= 12, "{databases}");
    assert_eq!(live(&stage, "servers").await, 59);
    stage.confirm(run.run_id()).await;
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_and_the_number_that_are_held_are_settings() {
    for setting in [("SYNC_HOLD_SHARE", "0.5"), ("SYNC_HOLD_ROWS", "20")] {
        let stage = Stage::with(State::small(), &[setting]).await;
        stage.full().await;
        stage.panel.state(|state| state.remove_servers(15));
        let run = stage.full().await;
        assert_eq!(run.held, None, "{setting:?}");
        stage.assert_mirrored().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rows_that_are_everything_are_held_and_the_only_row_may_go() {
    let mut stage = Stage::without_worker(State::small(), &[]).await;
    let kept = stage.panel.state(|state| {
        let kept: Vec<_> = state.databases.keys().copied().take(2).collect();
        state.databases.retain(|id, _| kept.contains(id));
        state.databases.clone()
    });
    stage.start_worker();
    stage.full().await;
    stage.panel.state(|state| state.databases.clear());
    let run = stage.sync(Target::One(Kind::Databases)).await;
    let databases = &run.held.as_ref().expect("everything is held")["databases"];
    assert_eq!(databases["server_databases"]["rows"], 2);
    assert_eq!(live(&stage, "server_databases").await, 2);
    let confirmed = stage.confirm(run.run_id()).await;
    assert_eq!(confirmed.status, "COMPLETED", "{:?}", confirmed.error);
    assert_eq!(live(&stage, "server_databases").await, 0);

    let (id, only) = kept.into_iter().next().unwrap();
    stage.panel.state(|state| state.databases.insert(id, only));
    stage.sync(Target::One(Kind::Databases)).await;
    assert_eq!(live(&stage, "server_databases").await, 1);
    stage.panel.state(|state| state.databases.clear());
    let run = stage.sync(Target::One(Kind::Databases)).await;
    assert_eq!(run.held, None);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_allocations_that_are_everything_on_their_node_are_held() {
    let mut stage = Stage::without_worker(State::small(), &[]).await;
    stage.panel.state(|state| {
        let mut node = state.nodes[&1].clone();
        node.id = 6;
        node.uuid = uuid::Uuid::new_v4();
        state.nodes.insert(6, node);
        let mut row = state.allocations.values().next().unwrap().clone();
        (row.node_id, row.server_id) = (6, None);
        for id in [9_001, 9_002] {
            row.id = id;
            row.port += 1;
            state.allocations.insert(id, row.clone());
        }
    });
    stage.start_worker();
    stage.full().await;
    stage.panel.state(|state| {
        assert!(state.remove_allocation(9_001) && state.remove_allocation(9_002));
    });
    let run = stage.sync(Target::One(Kind::Allocations)).await;
    assert_eq!(held(&run, "allocations")["rows"], 2);
    assert_eq!(live(&stage, "allocations").await, 302);
    stage.confirm(run.run_id()).await;
    stage.assert_mirrored().await;
}
