//! What the panel holds arrives, whatever is asked for and in whatever order.

use crate::stage::Stage;
use common::types::sync::{Kind, Target};
use simulators::panel::{Resource, State};

/// Who wrote and who locked each row version, and where it lies: any write or lock
/// changes one of them.
async fn versions(stage: &Stage) -> Vec<(&'static str, String)> {
    let db = stage.database.connect().await;
    let mut versions = Vec::new();
    for table in [
        "locations",
        "nodes",
        "allocations",
        "nests",
        "eggs",
        "egg_variables",
        "panel_users",
        "servers",
        "server_variables",
        "server_subusers",
        "database_hosts",
        "server_databases",
    ] {
        let query = format!(
            "SELECT md5(string_agg(id::text || xmin || xmax || ctid, ',' ORDER BY id)) FROM {table}"
        );
        let version: String = db.query_one(&query, &[]).await.unwrap().get(0);
        versions.push((table, version));
    }
    versions
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sync_mirrors_every_row_and_resolves_every_link() {
    let stage = Stage::new(State::small()).await;
    let run = stage.full().await;
    stage.assert_mirrored().await;
    assert_eq!(run.percentage, 100);
    assert_eq!(run.items_failed, 0);
    assert!(
        run.requests > 0 && run.requests < 30,
        "{} requests",
        run.requests
    );
    assert!(run.completed_at.is_some());
    let events = stage.events().await;
    assert_eq!(
        events.get("panel.mirrored"),
        Some(&7),
        "one for each kind: {events:?}"
    );
    assert!(!events.contains_key("panel.server.created"), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_of_an_unchanged_panel_writes_no_row() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let before = versions(&stage).await;
    stage.full().await;
    assert_eq!(versions(&stage).await, before);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allocation_that_two_rows_list_is_linked_to_the_one_that_can_be_read() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let (to, from) = (51, 52);
    stage.panel.faults(|faults| {
        let name = ("name".to_owned(), serde_json::json!({ "not": "a text" }));
        faults.malformed.insert((Resource::Servers, from), name);
    });
    // What is stored of the one lists the allocation still, and cannot be read anew.
    let moved = stage.panel.state(|state| {
        let moved = state.servers[&from].allocation;
        let spare = state
            .allocations
            .values()
            .find(|row| row.server_id.is_none() && row.node_id == state.servers[&from].node)
            .unwrap()
            .id;
        state.allocations.get_mut(&spare).unwrap().server_id = Some(from);
        state.servers.get_mut(&from).unwrap().allocation = spare;
        state.allocations.get_mut(&moved).unwrap().server_id = Some(to);
        moved
    });
    let linked = format!("SELECT server_remote_id FROM allocations WHERE remote_id = {moved}");
    assert_eq!(stage.number(&linked).await, i64::from(from));
    let run = stage.full().await;
    assert_eq!(run.items_failed, 1);
    assert_eq!(stage.number(&linked).await, i64::from(to));
    let before = versions(&stage).await;
    for _ in 0..2 {
        stage.full().await;
        assert_eq!(versions(&stage).await, before);
    }
    stage.panel.faults(simulators::panel::Faults::clear);
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_arrive_in_any_order_with_the_same_end() {
    let stage = Stage::new(State::small()).await;
    for kind in [
        Kind::Databases,
        Kind::Servers,
        Kind::Allocations,
        Kind::Nests,
        Kind::Users,
        Kind::Nodes,
        Kind::Locations,
    ] {
        stage.sync(Target::One(kind)).await;
    }
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_with_the_names_of_what_changed() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        state.servers.get_mut(&1).unwrap().name = "renamed".to_owned();
        state.locations.get_mut(&1).unwrap().long = None;
        state.add_server("brand new").unwrap();
        let key = *state
            .server_variables
            .keys()
            .find(|(server, _)| *server == 2)
            .unwrap();
        state
            .server_variables
            .insert(key, "another value".to_owned());
        state.remove_database(1);
    });
    stage.full().await;
    stage.assert_mirrored().await;
    let db = stage.database.connect().await;
    let changed = async |key: &str| {
        let rows = db
            .query(
                "SELECT body->'data' FROM outbox WHERE key = $1 ORDER BY seq",
                &[&key],
            )
            .await
            .unwrap();
        rows.iter()
            .map(|row| row.get::<_, serde_json::Value>(0))
            .collect::<Vec<_>>()
    };
    let servers = changed("panel.server.updated").await;
    assert!(
        servers
            .iter()
            .any(|data| data["remote_id"] == 1 && data["changed"] == serde_json::json!(["name"])),
        "{servers:?}"
    );
    assert!(
        servers
            .iter()
            .any(|data| data["remote_id"] == 2
                && data["changed"] == serde_json::json!(["variables"])),
        "{servers:?}"
    );
    assert_eq!(changed("panel.server.created").await.len(), 1);
    assert_eq!(changed("panel.location.updated").await.len(), 1);
    assert_eq!(changed("panel.database.deleted").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_changes_hands_takes_its_links_along() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        let (from, to) = (1, 2);
        let spare = state
            .allocations
            .values()
            .find(|row| row.server_id.is_none())
            .unwrap()
            .id;
        state.allocations.get_mut(&spare).unwrap().server_id = Some(to);
        let owner = state.servers[&to].user;
        state.servers.get_mut(&from).unwrap().user = owner;
        for row in state.allocations.values_mut() {
            if row.server_id == Some(from) && row.id != state.servers[&from].allocation {
                row.server_id = Some(to);
            }
        }
    });
    stage.full().await;
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_postgresql_cannot_store_costs_one_record() {
    let stage = Stage::new(State::small()).await;
    stage.panel.state(|state| {
        state.servers.get_mut(&17).unwrap().description = "nul \u{0} byte".to_owned();
        state.users.get_mut(&5).unwrap().first_name = Some("\u{0}".to_owned());
    });
    let run = stage.full().await;
    assert_eq!(run.items_failed, 2);
    let errors = stage.store.run_errors(run.run_id(), 10).await.unwrap();
    let mut bad: Vec<_> = errors
        .iter()
        .map(|error| (error.kind.as_str(), error.remote_id))
        .collect();
    bad.sort_unstable();
    assert_eq!(bad, [("servers", Some(17)), ("users", Some(5))]);
    // Its neighbours are there, and what was stored of it stays.
    stage.panel.state(|state| {
        state.servers.get_mut(&17).unwrap().description.clear();
        state.users.get_mut(&5).unwrap().first_name = None;
    });
    stage.full().await;
    stage.assert_mirrored().await;
    // A stored row is left as it was, and nothing of it or beside it is removed.
    let before = stage.panel.state(|state| {
        let before = state.clone();
        let server = state.servers.get_mut(&17).unwrap();
        server.name = "renamed".to_owned();
        server.description = "nul \u{0} byte".to_owned();
        before
    });
    let run = stage.full().await;
    assert_eq!((run.status.as_str(), run.items_failed), ("COMPLETED", 1));
    stage.panel.state(|state| *state = before);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_egg_that_moves_to_a_nest_of_another_page_is_not_gone() {
    let one_a_page = [
        ("PANEL_PAGE_SIZE", "1"),
        ("PANEL_APPLICATION_LIMIT_PER_MINUTE", "100000"),
    ];
    let stage = Stage::with(State::small(), &one_a_page).await;
    stage.full().await;
    stage.panel.state(|state| {
        let last = *state.nests.keys().last().unwrap();
        let egg = state.eggs.values_mut().next().unwrap();
        assert!(egg.nest < last);
        egg.nest = last;
    });
    stage.full().await;
    stage.assert_mirrored().await;
}
