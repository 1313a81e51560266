//! Events are matched, however PostgreSQL is.

use slog::{Drain, Logger, o};
use testkit::{LogLines, wait_for};

use crate::stage::{PATIENCE, Stage, texts};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_matched_now_waits_in_its_place_and_is_matched_later() {
    // Each is read before anything is stored.
    for table in ["config", "webhooks", "delivery_events"] {
        let mut stage = Stage::without_notifier(&[]).await;
        stage.signed("/a").await;
        let ids = stage.completed(&["x", "x", "x"]).await;
        let client = stage.database.connect().await;
        let away = format!("ALTER TABLE {table} RENAME TO away");
        client.batch_execute(&away).await.unwrap();
        let log = LogLines::default();
        let drain = runtime::log::json_lines(log.clone()).fuse();
        stage.start_logging_to(&Logger::root(drain, o!()));
        wait_for("the events to wait", PATIENCE, async || {
            let text = log.text();
            text.contains("messages wait in their place")
                .then_some(())
                .ok_or(text)
        })
        .await;
        let back = format!("ALTER TABLE away RENAME TO {table}");
        client.batch_execute(&back).await.unwrap();
        stage.wait_state("delivered", 3).await;
        assert_eq!(stage.arrived("/a"), texts(&ids), "{table}");
        stage.stop().await;
    }
}
