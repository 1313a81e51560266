//! Links between accounts and panel users.

use crate::stage::{Stage, user, users};
use common::types::sync::Target;
use store::{LinkReport, Resource, TaskLease, Why};

async fn account(stage: &Stage, id: &str, email: &str) {
    stage
        .execute(&format!(
            "INSERT INTO users (id, email, email_verified_at) VALUES ('{id}', '{email}', now())"
        ))
        .await;
}

async fn links(stage: &Stage) -> Vec<(String, i64)> {
    let db = stage.database.connect().await;
    let rows = db
        .query(
            "SELECT l.user_id, p.remote_id FROM user_links l JOIN panel_users p ON p.id = l.panel_user_id \
             ORDER BY l.user_id",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn conflict(stage: &Stage, lease: &TaskLease) -> String {
    let report = stage.store.link_accounts(lease).await.unwrap();
    assert_eq!(
        report,
        LinkReport {
            linked: 0,
            conflicts: 1
        }
    );
    let mut conflicts = stage.store.link_conflicts().await.unwrap();
    conflicts.remove(0).reason
}

#[tokio::test]
async fn one_account_and_one_panel_user_with_the_same_address_but_for_case_are_linked() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    account(&stage, "anna", "Anna@Example.test").await;
    account(&stage, "ben", "ben@example.test").await;
    let rows = vec![
        user(1, 11, "anna@example.TEST"),
        user(2, 12, "carl@example.test"),
    ];
    stage.store.commit_page(&lease, &users(rows)).await.unwrap();
    let report = stage.store.link_accounts(&lease).await.unwrap();
    assert_eq!(
        report,
        LinkReport {
            linked: 1,
            conflicts: 0
        }
    );
    assert_eq!(links(&stage).await, [("anna".to_owned(), 1)]);
}

#[tokio::test]
async fn a_panel_user_that_was_removed_does_not_share_its_address_with_the_next() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let rows = users(vec![user(1, 11, "anna@x")]);
    stage.store.commit_page(&lease, &rows).await.unwrap();
    let first = [stage.own_id("panel_users", 1).await];
    let removed = stage
        .store
        .remove(&lease, Resource::User, &first, Why::Gone);
    assert_eq!(removed.await.unwrap(), 1);
    account(&stage, "anna", "anna@x").await;
    let rows = users(vec![user(2, 12, "anna@x")]);
    stage.store.commit_page(&lease, &rows).await.unwrap();
    stage.store.link_accounts(&lease).await.unwrap();
    assert_eq!(links(&stage).await, [("anna".to_owned(), 2)]);
}

#[tokio::test]
async fn a_link_follows_the_panel_users_id_whatever_becomes_of_addresses() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    account(&stage, "anna", "anna@x").await;
    stage
        .store
        .commit_page(&lease, &users(vec![user(1, 11, "anna@x")]))
        .await
        .unwrap();
    stage.store.link_accounts(&lease).await.unwrap();
    // The address moves to another panel user.
    let moved = vec![user(1, 11, "new@x"), user(2, 12, "anna@x")];
    stage
        .store
        .commit_page(&lease, &users(moved))
        .await
        .unwrap();
    assert!(conflict(&stage, &lease).await.contains("account is linked"));
    assert_eq!(links(&stage).await, [("anna".to_owned(), 1)]);
    // The linked panel user goes: the account stays, and so does its link.
    let gone = stage
        .text("SELECT id::text FROM panel_users WHERE remote_id = 1")
        .await;
    let gone = [gone.parse().unwrap()];
    stage
        .store
        .remove(&lease, Resource::User, &gone, Why::Gone)
        .await
        .unwrap();
    assert!(conflict(&stage, &lease).await.contains("account is linked"));
    assert_eq!(stage.number("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn what_is_not_certain_is_a_conflict_and_links_nothing() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    account(&stage, "anna", "anna@x").await;
    let twice = vec![user(1, 11, "anna@x"), user(2, 12, "ANNA@x")];
    stage
        .store
        .commit_page(&lease, &users(twice))
        .await
        .unwrap();
    assert!(
        conflict(&stage, &lease)
            .await
            .contains("several panel users")
    );

    let once = vec![user(1, 11, "anna@x"), user(2, 12, "other@x")];
    stage.store.commit_page(&lease, &users(once)).await.unwrap();
    stage
        .execute("UPDATE users SET email_verified_at = NULL")
        .await;
    assert!(conflict(&stage, &lease).await.contains("not verified"));
    stage
        .execute("UPDATE users SET email_verified_at = now(), is_active = false")
        .await;
    assert!(conflict(&stage, &lease).await.contains("not active"));
    assert!(links(&stage).await.is_empty());

    // What was uncertain is linked once it is certain, and no longer a conflict.
    stage.execute("UPDATE users SET is_active = true").await;
    let report = stage.store.link_accounts(&lease).await.unwrap();
    assert_eq!(
        report,
        LinkReport {
            linked: 1,
            conflicts: 0
        }
    );
    assert!(stage.store.link_conflicts().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_panel_user_that_another_account_has_is_a_conflict() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    account(&stage, "anna", "anna@x").await;
    let rows = vec![user(1, 11, "anna@x")];
    stage.store.commit_page(&lease, &users(rows)).await.unwrap();
    stage.store.link_accounts(&lease).await.unwrap();
    stage
        .execute("UPDATE users SET email = 'gone@x'; INSERT INTO users (id, email, email_verified_at) VALUES ('ben', 'anna@x', now())")
        .await;
    let reason = conflict(&stage, &lease).await;
    assert!(reason.contains("panel user is linked"), "{reason}");
    assert_eq!(links(&stage).await, [("anna".to_owned(), 1)]);
}

#[tokio::test]
async fn each_panel_has_links_of_its_own() {
    let stage = Stage::new().await;
    let first = stage.lease(Target::Full).await;
    let mut new = stage.new_run(Target::Full);
    new.panel = stage.other_panel().await;
    stage.store.run_trigger(&new).await.unwrap();
    stage.store.run_start_waiting().await.unwrap();
    let second = stage.claim().await.unwrap();
    assert_ne!(second.panel_id, first.panel_id);
    account(&stage, "anna", "anna@x").await;
    for (lease, id) in [(&first, 1), (&second, 2)] {
        let rows = vec![user(id, 11, "anna@x")];
        stage.store.commit_page(lease, &users(rows)).await.unwrap();
        let report = stage.store.link_accounts(lease).await.unwrap();
        assert_eq!(
            report,
            LinkReport {
                linked: 1,
                conflicts: 0
            }
        );
    }
    let both = [("anna".to_owned(), 1), ("anna".to_owned(), 2)];
    let mut linked = links(&stage).await;
    linked.sort_unstable();
    assert_eq!(linked, both);
}

#[tokio::test]
async fn what_an_account_is_on_a_panel_goes_with_the_panel_user_and_the_account_stays() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    account(&stage, "anna", "anna@x").await;
    let mut row = user(7, 11, "anna@x");
    let is = async |admin: bool| {
        let known = stage.store.panel_identities("anna").await.unwrap();
        let known: Vec<_> = known
            .iter()
            .map(|identity| (identity.remote_id, identity.is_admin))
            .collect();
        known == [(7, admin)]
    };
    for admin in [true, false, true] {
        row.root_admin = admin;
        let page = users(vec![row.clone()]);
        stage.store.commit_page(&lease, &page).await.unwrap();
        stage.store.link_accounts(&lease).await.unwrap();
        assert!(is(admin).await, "{admin}");
    }
    let gone = stage.text("SELECT id::text FROM panel_users").await;
    let gone = [gone.parse().unwrap()];
    let removed = stage.store.remove(&lease, Resource::User, &gone, Why::Gone);
    removed.await.unwrap();
    let known = stage.store.panel_identities("anna").await.unwrap();
    assert!(known.is_empty(), "{known:?}");
    assert_eq!(stage.number("SELECT count(*) FROM users").await, 1);
    // Who comes back is who he was.
    let page = users(vec![row]);
    stage.store.commit_page(&lease, &page).await.unwrap();
    assert!(is(true).await);
}
