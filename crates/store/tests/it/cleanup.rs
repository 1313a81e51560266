//! What is old goes, and nothing else.

use crate::stage::{Stage, locations, server, servers, user, users};
use common::types::sync::Target;
use std::time::Duration;
use store::{Ending, Retention};

const DAY: Duration = Duration::from_secs(86_400);

pub const RETENTION: Retention = Retention {
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

#[tokio::test]
async fn old_inbox_rows_go_and_young_ones_stay() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO inbox (consumer, message_id, received_at) \
             SELECT 'test', gen_random_uuid(), now() - n * interval '1 day' FROM generate_series(0, 5) AS n",
        )
        .await;
    assert_eq!(stage.store.clean_up(RETENTION).await.unwrap()["inbox"], 5);
    assert_eq!(stage.number("SELECT count(*) FROM inbox").await, 1);
}

#[tokio::test]
async fn old_idempotency_keys_of_dispatched_events_go_and_young_ones_stay() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO dispatches (principal, idempotency_key, event_id, digest, created_at) \
             SELECT 'service', 'k-' || n, gen_random_uuid(), decode(repeat('00', 32), 'hex'), \
               now() - n * interval '1 day' FROM generate_series(0, 3) AS n",
        )
        .await;
    let cleaned = stage.store.clean_up(RETENTION).await.unwrap();
    assert_eq!(cleaned["dispatches"], 3);
    let left = "SELECT count(*) FROM dispatches WHERE idempotency_key = 'k-0'";
    assert_eq!(stage.number(left).await, 1);
}

#[tokio::test]
async fn a_runs_log_and_errors_go_with_it() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let ending = Ending::Completed { held: None };
    stage.store.run_finish(&lease, &ending, 0).await.unwrap();
    stage
        .execute("INSERT INTO sync_errors (run_id, kind, scope, reason) SELECT id, 'users', 0, 'bad' FROM sync_runs")
        .await;
    let left = "SELECT (SELECT count(*) FROM sync_logs) + (SELECT count(*) FROM sync_errors)";
    stage
        .execute("UPDATE sync_runs SET completed_at = now() - interval '23 hours'")
        .await;
    stage.store.clean_up(RETENTION).await.unwrap();
    assert!(stage.number(left).await > 1);
    stage
        .execute("UPDATE sync_runs SET completed_at = now() - interval '25 hours'")
        .await;
    stage.store.clean_up(RETENTION).await.unwrap();
    assert_eq!(stage.number(left).await, 0);
}

#[tokio::test]
async fn no_statement_deletes_more_than_a_batch() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage
        .store
        .commit_page(&lease, &locations(1..=7))
        .await
        .unwrap();
    stage
        .execute(
            "UPDATE locations SET removed_at = now() - interval '2 days'; \
             INSERT INTO inbox (consumer, message_id, received_at) \
               SELECT 'test', gen_random_uuid(), now() - interval '2 days' FROM generate_series(1, 7); \
             CREATE TABLE deletions (rows bigint); \
             CREATE FUNCTION count_deletions() RETURNS trigger LANGUAGE plpgsql AS \
               $$ BEGIN INSERT INTO deletions SELECT count(*) FROM gone; RETURN NULL; END $$; \
             CREATE TRIGGER count_deletions AFTER DELETE ON locations REFERENCING OLD TABLE AS gone \
               EXECUTE FUNCTION count_deletions(); \
             CREATE TRIGGER count_deletions AFTER DELETE ON inbox REFERENCING OLD TABLE AS gone \
               EXECUTE FUNCTION count_deletions()",
        )
        .await;
    stage.store.clean_up(RETENTION).await.unwrap();
    let deletions = "SELECT sum(rows)::bigint * 10 + max(rows) FROM deletions";
    assert_eq!(stage.number(deletions).await, 142, "14 rows, 2 at a time");
}

#[tokio::test]
async fn a_row_that_is_restored_while_it_is_purged_stays() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    stage
        .store
        .commit_page(&lease, &locations([1, 2]))
        .await
        .unwrap();
    stage
        .execute("UPDATE locations SET removed_at = now() - interval '2 days'")
        .await;
    let mut db = stage.database.connect().await;
    let restoring = db.transaction().await.unwrap();
    restoring
        .batch_execute("UPDATE locations SET removed_at = NULL WHERE remote_id = 1")
        .await
        .unwrap();
    let store = stage.store.clone();
    let cleaning = tokio::spawn(async move { store.clean_up(RETENTION).await.unwrap() });
    stage.somebody_waits().await;
    restoring.commit().await.unwrap();
    assert_eq!(cleaning.await.unwrap()["locations"], 1);
    let left = "SELECT remote_id FROM locations";
    assert_eq!(stage.number(left).await, 1);
}

#[tokio::test]
async fn children_are_purged_before_their_parents() {
    let stage = Stage::new().await;
    let lease = stage.lease(Target::Full).await;
    let page = servers((1..=5).map(|id| server(id, &[])).collect());
    stage.store.commit_page(&lease, &page).await.unwrap();
    for table in ["servers", "server_variables"] {
        stage
            .execute(&format!(
                "UPDATE {table} SET removed_at = now() - interval '2 days'"
            ))
            .await;
    }
    let cleaned = stage.store.clean_up(RETENTION).await.unwrap();
    // Had their servers gone first, none would have been left to delete.
    assert_eq!(
        (cleaned["server_variables"], cleaned["servers"]),
        (5, 5),
        "{cleaned:?}"
    );
}

#[tokio::test]
async fn purging_a_server_does_not_read_every_allocation() {
    let stage = Stage::new().await;
    let db = stage.database.connect().await;
    // The statement of the foreign key; without an index there is no other way than to read all.
    db.batch_execute("SET enable_seqscan = off").await.unwrap();
    let rows = db
        .query(
            "EXPLAIN UPDATE ONLY allocations SET server_id = NULL WHERE server_id = '00000000-0000-0000-0000-000000000000'",
            &[],
        )
        .await
        .unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("Index")), "{plan:#?}");
}

#[tokio::test]
async fn tokens_and_keys_go_when_they_count_no_longer_and_the_key_that_signs_never() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO users (id, email) VALUES ('anna', 'anna@x');
             INSERT INTO access_tokens (id, user_id, issued_at, expires_at)
               SELECT gen_random_uuid(), 'anna', now() - interval '9 days', now() - days * interval '1 day'
               FROM unnest(ARRAY[-1, 0.5, 3]) AS days;
             INSERT INTO signing_keys (id, public, secret, created_at, retired_at, published_until) VALUES
               ('a', decode(repeat('00', 32), 'hex'), '', now() - interval '9 days', NULL, NULL),
               ('b', decode(repeat('00', 32), 'hex'), '', now(), now(), now() + interval '1 day'),
               ('c', decode(repeat('00', 32), 'hex'), '', now(), now(), now() - interval '2 days')",
        )
        .await;
    let cleaned = stage.store.clean_up(RETENTION).await.unwrap();
    assert_eq!(cleaned["access_tokens"], 1, "a day is left after the end");
    assert_eq!(cleaned["signing_keys"], 1);
    let kept = "SELECT count(*) FROM signing_keys WHERE id IN ('a', 'b')";
    assert_eq!(stage.number(kept).await, 2);
}
