//! Addresses and secrets of webhooks stay where they are.

use common::types::webhook::WebhookType;
use serde_json::json;
use simulators::receiver::{Answer, Rule};
use slog::{Drain, Logger, o};
use testkit::LogLines;

use crate::stage::Stage;

const PLANTED: &str = "planted-in-the-address";

#[tokio::test(flavor = "multi_thread")]
async fn neither_shows_in_rows_events_answers_or_logs_whatever_endpoints_say() {
    let mut stage = Stage::without_notifier(&[]).await;
    let url = format!("{}/{PLANTED}?key={PLANTED}", stage.receiver.url());
    let hook = stage
        .hook(&url, WebhookType::System, &["sync.*"], json!([]))
        .await;
    let there = stage.discord.add_webhook("100");
    stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    stage.discord.revoke(&there.id);
    // It repeats whatever it was sent, and more.
    let body = format!("you called {url} and sign with {}", hook.secret);
    let talkative = Answer::Status {
        status: 422,
        retry_after: None,
        body,
    };
    stage.receiver.rule(Rule::new([talkative]));
    let log = LogLines::default();
    let drain = runtime::log::json_lines(log.clone()).fuse();
    stage.start_logging_to(&Logger::root(drain, o!()));
    stage.completed(&["run"]).await;
    stage.wait_state("dead", 1).await;
    stage.stop().await;

    let mut all = log.text();
    let client = stage.database.connect().await;
    for table in [
        "webhooks",
        "deliveries",
        "delivery_attempts",
        "delivery_events",
        "outbox",
        "admin_audit",
    ] {
        let rows =
            format!("SELECT coalesce(string_agg(to_jsonb(it)::text, ' '), '') FROM {table} it");
        let row = client.query_one(&rows, &[]).await.unwrap();
        all.push_str(row.get::<_, &str>(0));
    }
    let bare = hook
        .secret
        .trim_start_matches("whsec_")
        .trim_end_matches('=');
    for secret in [PLANTED, bare, &there.token] {
        assert!(!all.contains(secret), "{secret} shows");
    }
    assert!(
        all.contains("you called"),
        "what the endpoint said is kept, without them"
    );
}
