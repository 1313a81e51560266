//! What is said about changes of the mirror.

use crate::stage::{Stage, location, locations, page, server, servers, user, users};
use common::types::panel::Allocation;
use common::types::sync::{Kind, Target};
use serde_json::Value;
use store::{PageRows, Resource, Why};

/// Events of the mirror by name, with their data, in the order in which they were said.
pub async fn events(stage: &Stage) -> Vec<(String, Value)> {
    let db = stage.database.connect().await;
    let rows = db
        .query(
            "SELECT key, body->'data' FROM outbox WHERE key LIKE 'panel.%' ORDER BY seq",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn names(stage: &Stage) -> Vec<String> {
    events(stage)
        .await
        .into_iter()
        .map(|(key, _)| key)
        .collect()
}

#[tokio::test]
async fn every_change_is_told_once_and_nothing_else_is() {
    let stage = Stage::new().await;
    let lease = stage.told(Kind::Locations).await;
    let store = &stage.store;
    store.commit_page(&lease, &locations([1, 2])).await.unwrap();
    store.commit_page(&lease, &locations([1, 2])).await.unwrap();
    let renamed = page(
        Kind::Locations,
        PageRows::Locations(vec![location(1, "there")]),
    );
    store.commit_page(&lease, &renamed).await.unwrap();
    let row = stage.own_id("locations", 2).await;
    store
        .remove(&lease, Resource::Location, &[row], Why::Gone)
        .await
        .unwrap();
    store
        .remove(&lease, Resource::Location, &[row], Why::Gone)
        .await
        .unwrap();
    store.commit_page(&lease, &locations([2])).await.unwrap();
    assert_eq!(
        names(&stage).await,
        [
            "panel.mirrored",
            "panel.location.created",
            "panel.location.created",
            "panel.location.updated",
            "panel.location.deleted",
            "panel.location.restored",
        ]
    );
    assert_eq!(
        events(&stage).await[3].1["changed"],
        serde_json::json!(["short"])
    );
    let subjects = "SELECT count(*) FROM outbox o JOIN locations l ON l.id::text = o.subject \
        AND l.id::text = o.body->>'subject' AND l.remote_id = (o.body->'data'->>'remote_id')::bigint \
        WHERE o.key LIKE 'panel.location.%'";
    assert_eq!(stage.number(subjects).await, 5, "of each row by its own id");
    assert_eq!(
        stage.own_id("locations", 2).await,
        row,
        "restored under its own id"
    );
}

#[tokio::test]
async fn a_link_that_can_be_resolved_at_last_is_no_change_of_the_row() {
    let stage = Stage::new().await;
    let lease = stage.told(Kind::Servers).await;
    let (row, store) = (server(1, &[]), &stage.store);
    let owner = users(vec![user(row.user, 1, "owner@users.example")]);
    let page = servers(vec![row]);
    for page in [&page, &owner, &page] {
        store.commit_page(&lease, page).await.unwrap();
    }
    let linked = "SELECT count(*) FROM servers WHERE owner_id IS NOT NULL";
    assert_eq!(stage.number(linked).await, 1);
    let expected = ["panel.mirrored", "panel.server.created"];
    assert_eq!(names(&stage).await, expected);
}

#[tokio::test]
async fn allocations_are_told_of_by_numbers_one_event_a_node_and_transaction() {
    let stage = Stage::new().await;
    let lease = stage.told(Kind::Allocations).await;
    let listed = |ids: std::ops::RangeInclusive<i64>, notes: &str| {
        let row = |id: i64| Allocation {
            id,
            ip: "10.0.0.1".to_owned(),
            port: 1,
            alias: None,
            notes: Some(notes.to_owned()),
            assigned: false,
        };
        let node = if *ids.start() < 10 { 7 } else { 8 };
        let rows = ids.map(row).collect();
        page(Kind::Allocations, PageRows::Allocations { node, rows })
    };
    let store = &stage.store;
    store.commit_page(&lease, &listed(1..=3, "")).await.unwrap();
    store
        .commit_page(&lease, &listed(10..=11, ""))
        .await
        .unwrap();
    store
        .commit_page(&lease, &listed(2..=4, "changed"))
        .await
        .unwrap();
    let mut rows = Vec::new();
    for id in [1, 2, 10] {
        rows.push(stage.own_id("allocations", id).await);
    }
    store
        .remove(&lease, Resource::Allocation, &rows, Why::Gone)
        .await
        .unwrap();
    store.commit_page(&lease, &listed(1..=2, "")).await.unwrap();
    store.commit_page(&lease, &listed(1..=2, "")).await.unwrap();
    let told: Vec<[i64; 5]> = events(&stage)
        .await
        .into_iter()
        .filter(|(name, _)| name == "panel.allocations.changed")
        .map(|(_, data)| {
            [
                "node_remote_id",
                "created",
                "updated",
                "deleted",
                "restored",
            ]
            .map(|field| data[field].as_i64().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            [7, 3, 0, 0, 0],
            [8, 2, 0, 0, 0],
            [7, 1, 2, 0, 0],
            [7, 0, 0, 2, 0],
            [8, 0, 0, 1, 0],
            [7, 0, 0, 0, 2],
        ]
    );
}

#[tokio::test]
async fn until_a_kind_was_listed_whole_one_event_stands_for_all_its_rows() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let store = &stage.store;
    store
        .commit_page(&lease, &locations([1, 2, 3]))
        .await
        .unwrap();
    let row = stage.own_id("locations", 3).await;
    store
        .remove(&lease, Resource::Location, &[row], Why::Gone)
        .await
        .unwrap();
    store
        .commit_page(&lease, &users(vec![user(1, 11, "a@x")]))
        .await
        .unwrap();
    store
        .kind_listed(&lease, Kind::Locations, false)
        .await
        .unwrap();
    assert!(names(&stage).await.is_empty(), "no kind is listed whole");
    for _ in 0..2 {
        store
            .kind_listed(&lease, Kind::Locations, true)
            .await
            .unwrap();
    }
    let told = events(&stage).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "panel.mirrored");
    assert_eq!(told[0].1["kind"], "locations");
    assert_eq!(told[0].1["rows"], 2);
}
