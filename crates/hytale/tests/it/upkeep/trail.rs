use super::stage::{SETTINGS, Stage};
use chrono::{DateTime, Months, Utc};
use common::types::hytale::HytaleEnvironment::Production;
use hytale::custody::UpkeepSettings;
use store::AuditFilter;

const PARTITIONS: &str = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
    WHERE i.inhparent = 'hytale_audit'::regclass ORDER BY 1";
const WHERE: &str = "SELECT DISTINCT tableoid::regclass::text FROM hytale_audit ORDER BY 1";
const LINE: &str = "INSERT INTO hytale_audit (id, environment, event_type, created_at) \
    VALUES (gen_random_uuid(), 'production', 'AUTH_FAILED', now() - interval";

/// Partition of this month and those around it.
fn month(now: DateTime<Utc>, away: i32) -> String {
    let months = Months::new(away.unsigned_abs());
    let day = if away < 0 {
        now.date_naive() - months
    } else {
        now.date_naive() + months
    };
    day.format("hytale_audit_%Y_%m").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_made_ahead_and_take_their_lines_out_of_the_default_one() {
    let stage = Stage::new().await;
    stage.login("one").await;
    assert_eq!(stage.texts(WHERE).await, ["hytale_audit_default"]);
    let now = Utc::now();
    let (second, third) = (stage.replica(), stage.replica());
    let reports = tokio::join!(
        stage.upkeep(),
        second.upkeep(&SETTINGS),
        third.upkeep(&SETTINGS)
    );
    let made: Vec<String> = [reports.0, reports.1, reports.2]
        .into_iter()
        .flat_map(|report| report.partitions.created)
        .collect();
    let wanted = [month(now, 0), month(now, 1), month(now, 2)];
    assert_eq!(made, wanted);
    let mut all = wanted.to_vec();
    all.push("hytale_audit_default".to_owned());
    all.sort();
    assert_eq!(stage.texts(PARTITIONS).await, all);
    assert_eq!(stage.texts(WHERE).await, [month(now, 0)]);
    assert_eq!(stage.trail().await, ["TOKEN_CREATED"]);
    assert!(stage.upkeep().await.partitions.created.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_month_that_was_missed_move_and_nothing_can_be_changed_afterwards() {
    let stage = Stage::new().await;
    stage.upkeep().await;
    stage.execute(&format!("{LINE} '100 days')")).await;
    assert_eq!(stage.texts(WHERE).await, ["hytale_audit_default"]);
    let created = stage.upkeep().await.partitions.created;
    assert_eq!(created.len(), 1);
    assert_eq!(stage.texts(WHERE).await, created);

    stage.execute(&format!("{LINE} '200 days')")).await;
    for table in ["hytale_audit", "hytale_audit_default", &created[0]] {
        let refused = stage.refused(&format!("TRUNCATE {table}")).await;
        assert!(refused.contains("append-only"), "{table}: {refused}");
        for change in [
            format!("DELETE FROM {table}"),
            format!("UPDATE {table} SET ip = 'x'"),
        ] {
            let refused = stage.refused(&change).await;
            assert!(refused.contains("append-only"), "{change}: {refused}");
        }
    }
    let filter = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let lines = stage.store.hytale_audit(Production, &filter).await.unwrap();
    assert_eq!(lines.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_goes_when_all_of_its_lines_are_older_than_they_are_kept() {
    let stage = Stage::new().await;
    stage.execute(&format!("{LINE} '100 days')")).await;
    stage.execute(&format!("{LINE} '1 second')")).await;
    let kept = stage.upkeep().await.partitions;
    assert_eq!((kept.created.len(), kept.dropped.len()), (4, 0));
    let brief = UpkeepSettings {
        audit_retention_days: 60,
        ..SETTINGS
    };
    let report = stage.custody.upkeep(&brief).await;
    assert_eq!(report.partitions.dropped, kept.created[..1]);
    assert_eq!(stage.trail().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_is_busy_delays_its_partitions_and_nothing_else() {
    let stage = Stage::new().await;
    stage.login("one").await;
    let busy = stage.transaction(&format!("{LINE} '1 second')")).await;
    let report = stage.custody.upkeep(&SETTINGS).await;
    assert_eq!(report.failed, 1);
    assert!(report.counts.is_some());
    busy.batch_execute("COMMIT").await.unwrap();
    assert_eq!(stage.upkeep().await.partitions.created.len(), 3);
}
