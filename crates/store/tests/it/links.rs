//! Whose an allocation is when two live servers list it, one of them stale.

use crate::stage::{Stage, page, server, servers};
use common::types::panel::{Allocation, Server};
use common::types::sync::{Kind, Target};
use store::{PageRows, TaskLease};

/// A panel with one allocation.
async fn staged() -> (Stage, TaskLease) {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let allocation = Allocation {
        id: 1,
        ip: "10.0.0.1".to_owned(),
        port: 1,
        alias: None,
        notes: None,
        assigned: true,
    };
    let rows = PageRows::Allocations {
        node: 1,
        rows: vec![allocation],
    };
    let listed = page(Kind::Allocations, rows);
    stage.store.commit_page(&lease, &listed).await.unwrap();
    (stage, lease)
}

async fn show(stage: &Stage, lease: &TaskLease, rows: Vec<Server>) {
    let shown = servers(rows);
    stage.store.commit_page(lease, &shown).await.unwrap();
}

/// The allocation's server, as both of its columns say; 0: none.
async fn owner(stage: &Stage) -> i64 {
    let owner = "SELECT COALESCE(s.remote_id, 0) FROM allocations a LEFT JOIN servers s ON s.id = a.server_id \
        WHERE a.server_remote_id IS NOT DISTINCT FROM s.remote_id";
    stage.number(owner).await
}

/// Who wrote the allocation's row, who locked it, and where it lies.
async fn version(stage: &Stage) -> String {
    let version = "SELECT xmin::text || '/' || xmax || '/' || ctid FROM allocations";
    stage.text(version).await
}

/// All servers are looked at, again and again: the first time may write, no other does.
async fn settles(stage: &Stage, lease: &TaskLease) -> i64 {
    stage.store.link(lease).await.unwrap();
    let before = version(stage).await;
    for _ in 0..2 {
        stage.store.link(lease).await.unwrap();
        assert_eq!(version(stage).await, before);
    }
    owner(stage).await
}

#[tokio::test]
async fn of_two_servers_that_list_an_allocation_the_one_that_changed_last_has_it() {
    let (stage, lease) = staged().await;
    show(&stage, &lease, vec![server(2, &[1])]).await;
    show(&stage, &lease, vec![server(1, &[1])]).await;
    assert_eq!(owner(&stage).await, 1);
    assert_eq!(settles(&stage, &lease).await, 1);
    // A page that shows the other as it was takes nothing.
    let before = version(&stage).await;
    show(&stage, &lease, vec![server(2, &[1])]).await;
    assert_eq!(version(&stage).await, before);
    // It changes: now it is the one that is not stale.
    let mut renamed = server(2, &[1]);
    renamed.name = "renamed".to_owned();
    show(&stage, &lease, vec![renamed]).await;
    assert_eq!(owner(&stage).await, 2);
    assert_eq!(settles(&stage, &lease).await, 2);
}

#[tokio::test]
async fn of_two_servers_in_one_page_always_the_same_has_the_allocation() {
    let (stage, lease) = staged().await;
    show(&stage, &lease, vec![server(1, &[1]), server(2, &[1])]).await;
    let later = "SELECT remote_id FROM servers ORDER BY updated_at DESC, id DESC LIMIT 1";
    let later = stage.number(later).await;
    assert_eq!(owner(&stage).await, later);
    assert_eq!(settles(&stage, &lease).await, later);
}

#[tokio::test]
async fn an_allocation_given_up_goes_to_the_server_that_lists_it_still() {
    let (stage, lease) = staged().await;
    show(&stage, &lease, vec![server(1, &[1])]).await;
    show(&stage, &lease, vec![server(2, &[1])]).await;
    assert_eq!(owner(&stage).await, 2);
    // The other is not in the page: it comes to its own when all are looked at.
    show(&stage, &lease, vec![server(2, &[])]).await;
    assert_eq!(settles(&stage, &lease).await, 1);
}

#[tokio::test]
async fn a_removed_server_keeps_no_allocation_from_one_that_lists_it() {
    let (stage, lease) = staged().await;
    show(&stage, &lease, vec![server(1, &[1])]).await;
    show(&stage, &lease, vec![server(2, &[1])]).await;
    stage
        .execute("UPDATE servers SET removed_at = now() WHERE remote_id = 2")
        .await;
    show(&stage, &lease, vec![server(1, &[1])]).await;
    assert_eq!(owner(&stage).await, 1);
    assert_eq!(settles(&stage, &lease).await, 1);
}
