//! Events are matched, however PostgreSQL is.

use std::sync::Arc;

use common::types::webhook::WebhookType;
use runtime::config::Config;
use serde_json::json;
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

#[tokio::test(flavor = "multi_thread")]
async fn events_are_matched_where_nothing_opens_and_told_once_the_key_is_right() {
    let mut stage = Stage::without_notifier(&[]).await;
    stage.signed("/a").await;
    let there = stage.discord.add_webhook("100");
    stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    let right = Arc::clone(&stage.config);
    let mut wrong = Config::clone(&right);
    wrong.security.encryption_key = Some("02".repeat(32).into());
    stage.config = Arc::new(wrong);
    stage.start();
    let ids = stage.completed(&["x"]).await;
    // That none of its attempts counts is said elsewhere.
    stage.wait_state("pending", 2).await;
    stage.stop().await;
    stage.config = right;
    stage.start();
    stage.wait_state("delivered", 2).await;
    assert_eq!(stage.arrived("/a"), texts(&ids));
    assert_eq!(stage.discord.messages("100").len(), 1);
}
