//! What arrives in channels of Discord.

use common::types::webhook::WebhookType;
use serde_json::json;
use testkit::wait_for;

use crate::stage::{PATIENCE, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_hears_of_a_sync_in_an_embed_that_mentions_nobody() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    let ids = stage.completed(&["run"]).await;
    stage.wait_state("delivered", 1).await;
    let messages = stage.discord.messages("100");
    assert_eq!(messages.len(), 1);
    let body = &messages[0].body;
    assert_eq!(body["allowed_mentions"]["parse"], json!([]));
    let embed = &body["embeds"][0];
    assert!(
        embed["title"].as_str().unwrap().contains("Completed"),
        "{embed}"
    );
    assert!(
        embed["footer"]["text"]
            .as_str()
            .unwrap()
            .contains(&ids[0].to_string())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_becomes_few_messages_and_meets_no_limit() {
    let mut stage = Stage::without_notifier(&[]).await;
    let there = stage.discord.add_webhook("100");
    stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    let subjects: Vec<String> = (0..40).map(|it| it.to_string()).collect();
    let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
    // The events wait in the outbox until there is somebody to publish and match them.
    let ids = stage.completed(&subjects).await;
    stage.start();
    stage.wait_state("delivered", 40).await;
    let messages = stage.discord.messages("100");
    assert!(messages.len() <= 8, "{}", messages.len());
    let told: Vec<String> = messages
        .iter()
        .flat_map(|it| it.body["embeds"].as_array().unwrap().clone())
        .map(|it| it["footer"]["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told.len(), 40);
    for (told, id) in told.iter().zip(&ids) {
        assert!(told.contains(&id.to_string()), "out of order");
    }
    assert_eq!(stage.discord.invalid_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_webhook_is_asked_once_and_disabled() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    let hook = stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    stage.discord.revoke(&there.id);
    stage.completed(&["a", "b"]).await;
    let row = stage.wait_disabled(&hook).await;
    assert_eq!(row.disabled_because.as_deref(), Some("UNKNOWN_WEBHOOK"));
    let token = &there.token;
    assert!(!format!("{row:?}").contains(token.as_str()));
    wait_for("its deliveries to be kept", PATIENCE, async || {
        let rows = stage.deliveries().await;
        if rows.iter().filter(|it| it.state == "pending").count() == 2 {
            Ok(())
        } else {
            Err(format!("{rows:?}"))
        }
    })
    .await;
    let posts = stage
        .discord
        .journal()
        .iter()
        .filter(|it| it.method == "POST")
        .count();
    assert_eq!(posts, 1);
}
