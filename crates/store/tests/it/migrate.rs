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
