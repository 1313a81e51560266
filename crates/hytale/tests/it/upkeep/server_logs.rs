use super::stage::{SETTINGS, Stage};
use chrono::{DateTime, TimeDelta, Utc};
use common::types::caller::Principal;
use hytale::custody::UpkeepSettings;
use store::{NewServerLogs, SavedLogs, ServerLogPage};
use uuid::Uuid;

const SERVER: Uuid = Uuid::from_u128(7);
const WHERE: &str = "SELECT DISTINCT tableoid::regclass::text FROM hytale_server_logs ORDER BY 1";
const LAST: ServerLogPage = ServerLogPage {
    before: None,
    offset: 0,
    limit: 10,
};

async fn say(stage: &Stage, at: DateTime<Utc>, key: Option<&str>) -> SavedLogs {
    let new = NewServerLogs {
        server: SERVER,
        principal: Principal::Service,
        idempotency_key: key.map(str::to_owned),
        digest: [0; 32],
        lines: vec!["hi".to_owned()],
        times: vec![Some(at)],
    };
    stage.store.hytale_server_logs_append(new).await.unwrap()
}

async fn count(stage: &Stage) -> i64 {
    stage.store.hytale_server_logs_count(SERVER).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn months_of_what_servers_say_are_made_ahead_and_go_with_what_is_counted_of_them() {
    let stage = Stage::new().await;
    let now = Utc::now();
    say(&stage, now, None).await;
    say(&stage, now - TimeDelta::days(100), None).await;
    assert_eq!(stage.texts(WHERE).await, ["hytale_server_logs_default"]);
    assert_eq!(count(&stage).await, 2);

    let made = stage.upkeep().await.server_log_partitions;
    assert_eq!((made.created.len(), made.dropped.len()), (4, 0));
    let month = now.format("hytale_server_logs_%Y_%m").to_string();
    let with_lines = [made.created[0].clone(), month.clone()];
    assert_eq!(stage.texts(WHERE).await, with_lines);
    assert_eq!(count(&stage).await, 2);

    let report = stage.upkeep().await.server_log_partitions;
    assert_eq!(report.dropped, made.created[..1]);
    assert_eq!(stage.texts(WHERE).await, [month]);
    assert_eq!(count(&stage).await, 1, "counted with what is left");
    let left = stage.store.hytale_server_logs(SERVER, LAST).await.unwrap();
    assert_eq!(left.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_what_servers_say_is_kept_is_a_setting_of_its_own() {
    let stage = Stage::new().await;
    say(&stage, Utc::now() - TimeDelta::days(100), None).await;
    let long = UpkeepSettings {
        server_logs_retention_days: 400,
        audit_retention_days: 1,
        ..SETTINGS
    };
    for _ in 0..2 {
        let report = stage.custody.upkeep(&long).await;
        assert_eq!(report.failed, 0);
        assert!(report.server_log_partitions.dropped.is_empty());
    }
    assert_eq!(count(&stage).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_were_made_long_ago_are_forgotten() {
    let stage = Stage::new().await;
    assert_eq!(say(&stage, Utc::now(), Some("a")).await, SavedLogs::New(1));
    assert_eq!(
        say(&stage, Utc::now(), Some("a")).await,
        SavedLogs::Repeated(1)
    );
    stage
        .execute("UPDATE hytale_server_log_calls SET created_at = now() - interval '25 hours'")
        .await;
    say(&stage, Utc::now(), Some("b")).await;
    stage.upkeep().await;
    let left = "SELECT idempotency_key FROM hytale_server_log_calls";
    assert_eq!(stage.texts(left).await, ["b"]);
}
