//! What pages do to the mirror, and what is said about it.

use crate::stage::{Stage, location, locations, page, server, servers, user, users};
use common::types::panel::{Allocation, BadRecord};
use common::types::sync::{Kind, Target};
use serde_json::Value;
use store::{PageCommit, PageRows, RemovalScope, Resource, StoreError, Why};
use uuid::Uuid;

async fn events(stage: &Stage) -> Vec<(String, Value)> {
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

async fn own_id(stage: &Stage, table: &str, remote_id: i64) -> Uuid {
    let id = format!("SELECT id::text FROM {table} WHERE remote_id = {remote_id}");
    stage.text(&id).await.parse().unwrap()
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
    let row = own_id(&stage, "locations", 2).await;
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
        own_id(&stage, "locations", 2).await,
        row,
        "restored under its own id"
    );
}

#[tokio::test]
async fn an_unchanged_page_writes_no_row() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage
        .store
        .commit_page(&lease, &locations(1..=50))
        .await
        .unwrap();
    // A row that is only locked tells it by its xmax.
    let versions = "SELECT string_agg(xmin::text || xmax || ctid, ',' ORDER BY id) FROM locations";
    let before = stage.text(versions).await;
    stage
        .store
        .commit_page(&lease, &locations(1..=50))
        .await
        .unwrap();
    assert_eq!(stage.text(versions).await, before);
}

#[tokio::test]
async fn another_uuid_under_a_live_id_writes_nothing_and_is_noted() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let store = &stage.store;
    store
        .commit_page(&lease, &users(vec![user(1, 11, "a@x")]))
        .await
        .unwrap();
    store
        .commit_page(&lease, &users(vec![user(1, 12, "b@x")]))
        .await
        .unwrap();
    assert_eq!(stage.text("SELECT email FROM panel_users").await, "a@x");
    let replaced = store.replaced(lease.run_id, Resource::User).await.unwrap();
    assert_eq!(replaced.len(), 1);
    assert!(
        store
            .vacated(lease.run_id, Resource::User)
            .await
            .unwrap()
            .is_empty()
    );
    store
        .remove(
            &lease,
            Resource::User,
            &[replaced[0].id],
            Why::Replaced { staying: &[] },
        )
        .await
        .unwrap();
    let vacated = store.vacated(lease.run_id, Resource::User).await.unwrap();
    assert_eq!((vacated.len(), vacated[0].remote_id), (1, 1));
    store
        .commit_page(&lease, &users(vec![user(1, 12, "b@x")]))
        .await
        .unwrap();
    assert!(
        store
            .vacated(lease.run_id, Resource::User)
            .await
            .unwrap()
            .is_empty()
    );
    assert_ne!(own_id(&stage, "panel_users", 1).await, replaced[0].id);
}

#[tokio::test]
async fn a_removed_row_that_comes_back_under_another_id_is_restored_as_itself() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let store = &stage.store;
    let both = vec![user(1, 11, "a@x"), user(2, 12, "b@x")];
    store.commit_page(&lease, &users(both)).await.unwrap();
    let (a, b) = (
        own_id(&stage, "panel_users", 1).await,
        own_id(&stage, "panel_users", 2).await,
    );
    store
        .remove(&lease, Resource::User, &[a, b], Why::Gone)
        .await
        .unwrap();
    let swapped = vec![user(1, 12, "b@x"), user(2, 11, "a@x")];
    store.commit_page(&lease, &users(swapped)).await.unwrap();
    assert_eq!(own_id(&stage, "panel_users", 1).await, b);
    assert_eq!(own_id(&stage, "panel_users", 2).await, a);
    assert_eq!(
        stage
            .number("SELECT count(*) FROM panel_users WHERE removed_at IS NULL")
            .await,
        2
    );
}

#[tokio::test]
async fn a_page_with_a_bad_row_counts_its_neighbours_all() {
    let stage = Stage::new().await;
    let lease = stage.told(Kind::Allocations).await;
    let row = |id: i64| Allocation {
        id,
        ip: if id == 3 {
            "nul \u{0}".to_owned()
        } else {
            "10.0.0.1".to_owned()
        },
        port: 1,
        alias: None,
        notes: None,
        assigned: false,
    };
    let rows = PageRows::Allocations {
        node: 7,
        rows: (1..=8).map(row).collect(),
    };
    let report = stage
        .store
        .commit_page(&lease, &page(Kind::Allocations, rows))
        .await
        .unwrap();
    assert_eq!((report.synced, report.failed), (7, 1));
    let (_, counts) = events(&stage).await.pop().unwrap();
    assert_eq!(
        (&counts["created"], &counts["node_remote_id"]),
        (&7.into(), &7.into())
    );
    let errors = stage.store.run_errors(lease.run_id, 10).await.unwrap();
    assert_eq!(
        (errors[0].remote_id, errors[0].position),
        (Some(3), Some(2))
    );
    let seen = "SELECT cardinality(remote_ids)::bigint FROM sync_seen";
    assert_eq!(stage.number(seen).await, 8, "it is there all the same");
}

#[tokio::test]
async fn rows_are_merged_by_the_thousand_in_one_statement() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let commit = locations(1..=1_000);
    stage.store.commit_page(&lease, &commit).await.unwrap();
    // Rows that one statement of a transaction wrote bear the same command's number.
    let statements = "SELECT count(DISTINCT cmin::text) FROM locations";
    assert_eq!(stage.number(statements).await, 1);
    let seen = "SELECT count(*) FROM sync_seen";
    assert_eq!(stage.number(seen).await, 1, "one row a page");
}

#[tokio::test]
async fn a_record_that_is_there_counts_as_seen_whether_or_not_it_can_be_read() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let record = |id| BadRecord {
        id,
        position: 0,
        reason: "for a test".to_owned(),
    };
    let commit = PageCommit {
        bad: vec![record(Some(2)), record(None)],
        poison: vec![record(Some(3)), record(None), record(None)],
        total: 6,
        ..locations([1])
    };
    stage.store.commit_page(&lease, &commit).await.unwrap();
    let (run, kind) = (lease.run_id, Kind::Locations);
    let seen = stage.store.seen(run, kind, 0).await.unwrap();
    assert_eq!(seen, [1, 2, 3].into());
    let listing = stage.store.listings(run, kind).await.unwrap().remove(0);
    assert_eq!(
        (listing.distinct, listing.unidentified, listing.poisoned),
        (3, 1, 2)
    );
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
        rows.push(own_id(&stage, "allocations", id).await);
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
    let row = own_id(&stage, "locations", 3).await;
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

#[tokio::test]
async fn what_a_run_has_seen_stands_in_logged_tables() {
    let stage = Stage::new().await;
    let unlogged = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relpersistence <> 'p'";
    assert_eq!(stage.number(unlogged).await, 0);
}

#[tokio::test]
async fn removals_of_the_last_day_are_counted_and_older_ones_are_not() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let commit = locations(1..=10);
    stage.store.commit_page(&lease, &commit).await.unwrap();
    for (id, hours) in [(1, 1), (2, 23), (3, 25)] {
        stage
            .execute(&format!(
                "UPDATE locations SET removed_at = now() - interval '{hours} hours' WHERE remote_id = {id}"
            ))
            .await;
    }
    let day = std::time::Duration::from_secs(86_400);
    let counts = stage
        .store
        .resource_counts(stage.panel, Resource::Location, RemovalScope::Panel, day)
        .await
        .unwrap();
    assert_eq!((counts.live, counts.recent), (7, 2));
}

#[tokio::test]
async fn readers_see_live_rows_only() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let store = &stage.store;
    let both = servers(vec![server(1, &[]), server(2, &[])]);
    store.commit_page(&lease, &both).await.unwrap();
    let row = own_id(&stage, "servers", 1).await;
    store
        .remove(&lease, Resource::Server, &[row], Why::Gone)
        .await
        .unwrap();
    let counts = store.mirror_counts(stage.panel).await.unwrap();
    assert_eq!((counts["servers"], counts["server_variables"]), (1, 1));
    let address = store.server_address(row).await;
    assert!(matches!(address, Err(StoreError::NotFound(_))));
    let known = store
        .known_uuids(stage.panel, Kind::Servers, &[1, 2], None)
        .await
        .unwrap();
    assert_eq!(known.len(), 1);
}
