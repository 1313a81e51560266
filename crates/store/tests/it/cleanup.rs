//! What is old goes, and nothing else.

use crate::stage::{Stage, locations, user, users};
use common::types::sync::Target;
use std::time::Duration;
use store::{Ending, Retention};

const DAY: Duration = Duration::from_secs(86_400);

const RETENTION: Retention = Retention {
    runs: DAY,
    removed_rows: DAY,
    messages: DAY,
    batch: 2,
};

#[tokio::test]
async fn removed_rows_are_purged_after_their_time_and_live_ones_never() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage
        .store
        .commit_page(&lease, &locations(1..=7))
        .await
        .unwrap();
    stage
        .execute("UPDATE locations SET removed_at = now() - interval '2 days' WHERE remote_id <= 5")
        .await;
    stage
        .execute("UPDATE locations SET removed_at = now() WHERE remote_id = 6")
        .await;
    let cleaned = stage.store.clean_up(RETENTION).await.unwrap();
    assert_eq!(cleaned["locations"], 5);
    assert_eq!(
        stage
            .number("SELECT sum(remote_id)::bigint FROM locations")
            .await,
        6 + 7
    );
}

#[tokio::test]
async fn a_purged_panel_user_takes_its_link_along_and_no_account() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage
        .execute(
            "INSERT INTO users (id, email, email_verified_at) VALUES ('anna', 'anna@x', now())",
        )
        .await;
    stage
        .store
        .commit_page(&lease, &users(vec![user(1, 11, "anna@x")]))
        .await
        .unwrap();
    assert_eq!(stage.store.link_accounts(&lease).await.unwrap().linked, 1);
    stage
        .execute("UPDATE panel_users SET removed_at = now() - interval '2 days'")
        .await;
    stage.store.clean_up(RETENTION).await.unwrap();
    assert_eq!(stage.number("SELECT count(*) FROM user_links").await, 0);
    assert_eq!(stage.number("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn what_runs_have_seen_goes_when_they_have_ended_and_runs_go_later() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage
        .store
        .commit_page(&lease, &locations([1]))
        .await
        .unwrap();
    stage.store.clean_up(RETENTION).await.unwrap();
    assert_eq!(
        stage.number("SELECT count(*) FROM sync_seen").await,
        1,
        "the run goes on"
    );
    let ending = Ending::Completed { held: None };
    stage.store.run_finish(&lease, &ending, 0).await.unwrap();
    stage.store.clean_up(RETENTION).await.unwrap();
    assert_eq!(stage.number("SELECT count(*) FROM sync_seen").await, 0);
    assert!(stage.store.run(lease.run_id).await.unwrap().is_some());
    stage
        .execute("UPDATE sync_runs SET completed_at = now() - interval '2 days'")
        .await;
    stage.store.clean_up(RETENTION).await.unwrap();
    assert!(stage.store.run(lease.run_id).await.unwrap().is_none());
    assert_eq!(stage.number("SELECT count(*) FROM sync_tasks").await, 0);
}

#[tokio::test]
async fn messages_that_wait_are_kept_however_old() {
    let stage = Stage::new().await;
    stage.running(Target::Full).await;
    stage
        .execute("UPDATE outbox SET created_at = now() - interval '9 days'")
        .await;
    let waiting = stage.store.outbox_unpublished(10).await.unwrap();
    stage
        .store
        .outbox_published(&[waiting[0].seq])
        .await
        .unwrap();
    stage.execute("UPDATE outbox SET published_at = now() - interval '2 days' WHERE published_at IS NOT NULL").await;
    assert_eq!(stage.store.clean_up(RETENTION).await.unwrap()["outbox"], 1);
    let left = stage.store.outbox_unpublished(10).await.unwrap();
    assert_eq!(left.len(), waiting.len() - 1);
}
