//! Migrations go up, down and up again, from one place at a time.

use crate::stage::connect;
use testkit::TestDatabase;

const TABLES: &str = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'";

async fn tables(database: &TestDatabase) -> i64 {
    let db = database.connect().await;
    db.query_one(TABLES, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_go_up_down_and_up_again() {
    let database = TestDatabase::empty().await;
    let store = connect(database.url());
    let first = store.migrate().await.unwrap();
    let all = tables(&database).await;
    assert!(all > 20, "{all} tables");
    assert!(store.migrate().await.unwrap().versions.is_empty());
    let reverted = store.revert_all().await.unwrap();
    assert_eq!(reverted.versions.len(), first.versions.len());
    assert_eq!(tables(&database).await, 0);
    assert_eq!(store.migrate().await.unwrap(), first);
    assert_eq!(tables(&database).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_replicas_that_migrate_at_once_one_does() {
    let database = TestDatabase::empty().await;
    let replicas: Vec<_> = (0..4)
        .map(|_| {
            let store = connect(database.url());
            tokio::spawn(async move { store.migrate().await.unwrap().versions.len() })
        })
        .collect();
    let mut worked = 0;
    for replica in replicas {
        worked += usize::from(replica.await.unwrap() > 0);
    }
    assert_eq!(worked, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_trail_of_administration_survives_its_partitioning_and_the_way_back() {
    const UP: &str =
        include_str!("../../../../migrations/2026-11-27-000013_admin_audit_by_month/up.sql");
    const DOWN: &str =
        include_str!("../../../../migrations/2026-11-27-000013_admin_audit_by_month/down.sql");
    let database = TestDatabase::new().await;
    let db = database.connect().await;
    db.batch_execute(
        "INSERT INTO admin_audit (id, created_at, event_type, actor, subject, ip, user_agent, request_id, details) \
         SELECT gen_random_uuid(), now() - make_interval(days => day), 'USER_DISABLED', 'cli:root', \
           'user:' || day, '192.0.2.1', 'curl', 'r' || day, jsonb_build_object('day', day) \
         FROM generate_series(0, 90, 30) AS day",
    )
    .await
    .unwrap();
    let lines = async || -> String {
        let all =
            "SELECT jsonb_agg(to_jsonb(line) ORDER BY line.created_at)::text FROM admin_audit line";
        db.query_one(all, &[]).await.unwrap().get(0)
    };
    let before = lines().await;
    for change in [DOWN, UP] {
        db.batch_execute(change).await.unwrap();
        assert_eq!(lines().await, before);
        let changed = db
            .batch_execute("UPDATE admin_audit SET actor = 'me'")
            .await;
        assert!(changed.is_err(), "the trail can be changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_websites_interval_of_syncs_becomes_the_schedulers_unless_that_was_set() {
    const UP: &str =
        include_str!("../../../../migrations/2026-11-28-000010_setting_origins/up.sql");
    const DOWN: &str =
        include_str!("../../../../migrations/2026-11-28-000010_setting_origins/down.sql");
    let database = TestDatabase::new().await;
    let db = database.connect().await;
    for (before, after) in [
        ("('sync_interval', '7200')", "auto_sync_interval=7200"),
        ("('sync_interval', '0')", ""),
        ("('sync_interval', 'often')", ""),
        (
            "('sync_interval', '7200'), ('auto_sync_interval', '60')",
            "auto_sync_interval=60",
        ),
    ] {
        db.batch_execute(DOWN).await.unwrap();
        let rows = format!(
            "DELETE FROM config; INSERT INTO config (key, value, format, updated_by) \
             SELECT key, value, 'plain', 'x' FROM (VALUES {before}) AS v (key, value)"
        );
        db.batch_execute(&rows).await.unwrap();
        db.batch_execute(UP).await.unwrap();
        let all = "SELECT coalesce(string_agg(key || '=' || value, ' '), '') FROM config";
        let stored: String = db.query_one(all, &[]).await.unwrap().get(0);
        assert_eq!(stored, after, "{before}");
    }
}
