//! What pages do to the mirror.

use crate::stage::{Stage, locations, page, server, servers, user, users};
use crate::told::events;
use common::types::panel::{Allocation, BadRecord};
use common::types::sync::{Kind, Target};
use store::{PageCommit, PageRows, RemovalScope, Resource, StoreError, Why};

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
    assert_ne!(stage.own_id("panel_users", 1).await, replaced[0].id);
}

#[tokio::test]
async fn a_removed_row_that_comes_back_under_another_id_is_restored_as_itself() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let store = &stage.store;
    let both = vec![user(1, 11, "a@x"), user(2, 12, "b@x")];
    store.commit_page(&lease, &users(both)).await.unwrap();
    let (a, b) = (
        stage.own_id("panel_users", 1).await,
        stage.own_id("panel_users", 2).await,
    );
    store
        .remove(&lease, Resource::User, &[a, b], Why::Gone)
        .await
        .unwrap();
    let swapped = vec![user(1, 12, "b@x"), user(2, 11, "a@x")];
    store.commit_page(&lease, &users(swapped)).await.unwrap();
    assert_eq!(stage.own_id("panel_users", 1).await, b);
    assert_eq!(stage.own_id("panel_users", 2).await, a);
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
    let row = stage.own_id("servers", 1).await;
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
