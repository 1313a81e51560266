//! What is said about changes of the panel.

use crate::stage::Stage;
use common::types::event::{Event, EventType};
use common::types::sync::{Kind, Target};
use simulators::panel::{Resource, State};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The id of what a test adds; nothing of the panel has it.
const NEW: u32 = 900;

/// What is announced row by row: the events' stem and the table.
const ANNOUNCED: [(&str, &str); 7] = [
    ("location", "locations"),
    ("node", "nodes"),
    ("nest", "nests"),
    ("egg", "eggs"),
    ("user", "panel_users"),
    ("server", "servers"),
    ("database", "server_databases"),
];

/// One more row of each kind; answers the server's id.
fn add_one_of_each(state: &mut State) -> u32 {
    let mut location = state.locations[&1].clone();
    location.id = NEW;
    state.locations.insert(NEW, location);
    let mut node = state.nodes[&1].clone();
    (node.id, node.uuid, node.location_id) = (NEW, Uuid::new_v4(), NEW);
    state.nodes.insert(NEW, node);
    let mut nest = state.nests[&1].clone();
    (nest.id, nest.uuid) = (NEW, Uuid::new_v4());
    state.nests.insert(NEW, nest);
    let mut egg = state.eggs[&1].clone();
    (egg.id, egg.uuid, egg.nest) = (NEW, Uuid::new_v4(), NEW);
    state.eggs.insert(NEW, egg);
    let mut user = state.users[&1].clone();
    (user.id, user.uuid) = (NEW, Uuid::new_v4());
    state.users.insert(NEW, user);
    let server = state.add_server("new").unwrap();
    let mut database = state.databases[&1].clone();
    (database.id, database.server) = (NEW, server);
    state.databases.insert(NEW, database);
    server
}

fn change_one_of_each(state: &mut State, server: u32) {
    let changed = || "changed".to_owned();
    state.locations.get_mut(&NEW).unwrap().short = changed();
    state.nodes.get_mut(&NEW).unwrap().name = changed();
    state.nests.get_mut(&NEW).unwrap().name = changed();
    state.eggs.get_mut(&NEW).unwrap().name = changed();
    state.users.get_mut(&NEW).unwrap().username = changed();
    state.servers.get_mut(&server).unwrap().name = changed();
    state.databases.get_mut(&NEW).unwrap().username = changed();
}

fn remove_one_of_each(state: &mut State, server: u32) {
    state.remove_server(server);
    state.remove_node(NEW);
    state.remove_location(NEW);
    state.remove_nest(NEW);
    state.remove_user(NEW);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_any_kind_is_told_of_when_it_comes_changes_goes_and_is_back() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let server = stage.panel.state(add_one_of_each);
    stage.full().await;
    stage.panel.state(|state| change_one_of_each(state, server));
    stage.full().await;
    let before = stage.panel.state(|state| state.clone());
    stage.panel.state(|state| remove_one_of_each(state, server));
    stage.full().await;
    stage.panel.state(|state| *state = before);
    stage.full().await;
    stage.assert_mirrored().await;

    let told = stage.events().await;
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    for (stem, table) in ANNOUNCED {
        for verb in ["created", "updated", "deleted", "restored"] {
            expected.insert(format!("panel.{stem}.{verb}"), 1);
        }
        let its_own = format!(
            "SELECT count(*) FROM outbox o JOIN {table} t ON t.id::text = o.subject \
             AND t.remote_id = (o.body->'data'->>'remote_id')::bigint WHERE o.key LIKE 'panel.{stem}.%'"
        );
        assert_eq!(stage.number(&its_own).await, 4, "{stem}: by its own id");
    }
    let rows: BTreeMap<String, i64> = told
        .into_iter()
        .filter(|(name, _)| name.matches('.').count() == 2 && !name.contains("allocations"))
        .collect();
    assert_eq!(rows, expected);
}

/// Name, id on the panel and changed fields of what was said of servers and eggs
/// since the last time.
async fn said(stage: &Stage, since: &mut i64) -> Vec<(String, i64, String)> {
    let rows = stage
        .database
        .connect()
        .await
        .query(
            "SELECT seq, key, (body->'data'->>'remote_id')::bigint, COALESCE(body->'data'->>'changed', '') \
             FROM outbox WHERE seq > $1 AND (key LIKE 'panel.server.%' OR key LIKE 'panel.egg.%') ORDER BY seq",
            &[&*since],
        )
        .await
        .unwrap();
    *since = rows.last().map_or(*since, |row| row.get(0));
    rows.iter()
        .map(|row| (row.get(1), row.get(2), row.get(3)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_belongs_to_a_server_or_an_egg_is_an_update_of_it() {
    type Change = fn(&mut State);
    const SERVER: u32 = 2;
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let mut since = 0;
    assert!(said(&stage, &mut since).await.is_empty());
    let of_servers: [(&str, Change); 8] = [
        ("subusers", |state| {
            let mut row = state.subusers.values().next().unwrap().clone();
            (row.id, row.server_id) = (NEW, SERVER);
            state.subusers.insert(NEW, row);
        }),
        ("subusers", |state| {
            state.subusers.get_mut(&NEW).unwrap().permissions = vec!["file.read".to_owned()];
        }),
        ("subusers", |state| {
            state.subusers.remove(&NEW);
        }),
        ("variables", |state| {
            let egg = state.servers[&SERVER].egg;
            let mut variables = state.egg_variables.values();
            let variable = variables.find(|row| row.egg_id == egg).unwrap().id;
            let key = (SERVER, variable);
            state.server_variables.insert(key, "first".to_owned());
        }),
        ("variables", |state| {
            let mut values = state.server_variables.iter_mut();
            let value = values.find(|((server, _), _)| *server == SERVER).unwrap().1;
            *value = "second".to_owned();
        }),
        ("allocations", |state| {
            let mut rows = state.allocations.values_mut();
            let spare = rows.find(|row| row.server_id.is_none()).unwrap();
            (spare.server_id, spare.notes) = (Some(SERVER), Some("given".to_owned()));
        }),
        ("allocations", |state| {
            let mut rows = state.allocations.values_mut();
            let given = rows.find(|row| row.notes.as_deref() == Some("given"));
            given.unwrap().server_id = None;
        }),
        ("name", |state| {
            state.servers.get_mut(&SERVER).unwrap().name = "changed".to_owned();
        }),
    ];
    for (part, change) in of_servers {
        stage.panel.state(change);
        stage.sync(Target::One(Kind::Servers)).await;
        let told = said(&stage, &mut since).await;
        let server = i64::from(SERVER);
        let changed = format!("[\"{part}\"]");
        let expected = [("panel.server.updated".to_owned(), server, changed)];
        assert_eq!(told, expected);
    }

    let of_eggs: [Change; 3] = [
        |state| {
            let mut row = state.egg_variables.values().next().unwrap().clone();
            (row.id, row.egg_id) = (NEW, 1);
            state.egg_variables.insert(NEW, row);
        },
        |state| state.egg_variables.get_mut(&NEW).unwrap().name = "changed".to_owned(),
        |state| {
            state.egg_variables.remove(&NEW);
        },
    ];
    for change in of_eggs {
        stage.panel.state(change);
        stage.sync(Target::One(Kind::Nests)).await;
        let told = said(&stage, &mut since).await;
        let changed = "[\"variables\"]".to_owned();
        assert_eq!(told, [("panel.egg.updated".to_owned(), 1, changed)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_complete_listing_of_a_kind_is_told_with_its_count() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let rows = stage
        .database
        .connect()
        .await
        .query(
            "SELECT body->'data'->>'kind', (body->'data'->>'rows')::bigint FROM outbox WHERE key = 'panel.mirrored'",
            &[],
        )
        .await
        .unwrap();
    let told: BTreeMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let count = |rows: usize| i64::try_from(rows).unwrap();
    let held = stage.panel.state(|state| {
        [
            ("locations", count(state.locations.len())),
            ("nodes", count(state.nodes.len())),
            ("allocations", count(state.allocations.len())),
            ("nests", count(state.nests.len())),
            ("servers", count(state.servers.len())),
            ("databases", count(state.databases.len())),
            ("users", count(state.users.len())),
        ]
        .map(|(kind, rows)| (kind.to_owned(), rows))
    });
    assert_eq!(told, held.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_are_cloud_events_with_the_fields_of_the_catalogue() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let server = stage.panel.state(add_one_of_each);
    stage.full().await;
    stage.panel.state(|state| change_one_of_each(state, server));
    // Everything is gone of one kind, and another may not be read.
    stage.panel.state(|state| state.remove_servers(1_000));
    stage
        .panel
        .access(|access| access.withdraw(Resource::Locations));
    let run = stage.ended(stage.trigger(Target::Full).await).await;
    assert!(run.status == "FAILED" && run.held.is_some(), "{run:?}");
    let id = stage.trigger(Target::Full).await;
    stage.store.run_cancel(id).await.unwrap();

    let rows = stage
        .database
        .connect()
        .await
        .query(
            "SELECT id, key, subject, body FROM outbox WHERE route = 'event'",
            &[],
        )
        .await
        .unwrap();
    let mut said = BTreeSet::new();
    for row in &rows {
        let body: serde_json::Value = row.get(3);
        let event: Event = serde_json::from_value(body).unwrap();
        assert_eq!(event.specversion, "1.0");
        assert_eq!(event.source, "/nodebyte/sync");
        assert_eq!(event.datacontenttype, "application/json");
        assert_eq!(event.id.0, row.get::<_, Uuid>(0));
        assert_eq!(event.event_type, row.get::<_, String>(1));
        assert_eq!(event.subject, row.get::<_, String>(2));
        let mut known = EventType::ALL.iter();
        let known = known.find(|known| known.as_str() == event.event_type);
        let fields: BTreeSet<&str> = known.unwrap().data_fields().iter().copied().collect();
        let data = event.data.as_object().unwrap();
        let written: BTreeSet<&str> = data.keys().map(String::as_str).collect();
        assert_eq!(written, fields, "{}", event.event_type);
        said.insert(event.event_type);
    }
    // One of each that is not of a row.
    let others = EventType::ALL.iter().map(|known| known.as_str());
    for name in others.filter(|name| name.starts_with("sync.") || *name == "panel.mirrored") {
        assert!(said.contains(name), "nothing said {name}: {said:?}");
    }
}
