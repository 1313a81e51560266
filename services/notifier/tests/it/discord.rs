//! What arrives in channels of Discord.

use chrono::Utc;
use common::types::event::{Event, EventType};
use common::types::webhook::WebhookType;
use serde_json::json;
use simulators::discord::{Effect, Fault};
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

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_sync_is_told_in_the_message_of_its_beginning() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    let data = json!({"panel_id": "p", "kind": "full"});
    let started = Event::new(EventType::SyncStarted, "run", Utc::now(), data.clone());
    stage.say(&[started]).await;
    stage.wait_state("delivered", 1).await;
    stage.completed(&["run"]).await;
    stage.wait_state("delivered", 2).await;
    let messages = stage.discord.messages("100");
    assert_eq!(messages.len(), 1, "nothing was posted anew");
    let title = messages[0].current()["embeds"][0]["title"].to_string();
    assert!(title.contains("Completed"), "{title}");

    let data =
        json!({"panel_id": "p", "kind": "full", "seconds": 1, "failed_step": "plan", "error": "e"});
    let begun = Event::new(
        EventType::SyncStarted,
        "other",
        Utc::now(),
        json!({"panel_id": "p", "kind": "full"}),
    );
    stage
        .say(&[
            begun,
            Event::new(EventType::SyncFailed, "other", Utc::now(), data),
        ])
        .await;
    stage.wait_state("delivered", 4).await;
    assert_eq!(
        stage.discord.messages("100").len(),
        3,
        "a failure is posted, or nobody would notice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_blocks_us_at_discord_stops_all_that_goes_there_and_nothing_else() {
    let stage = Stage::new().await;
    let (one, two) = (
        stage.discord.add_webhook("100"),
        stage.discord.add_webhook("200"),
    );
    let only = |name: &str| json!([{"field": "subject", "equals": name}]);
    stage
        .hook(&one.public_url, WebhookType::System, &[], only("one"))
        .await;
    stage
        .hook(&two.public_url, WebhookType::System, &[], only("two"))
        .await;
    stage.signed("/a").await;
    let block = Fault::new(Effect::Cloudflare {
        status: 403,
        code: 1015,
    });
    stage
        .discord
        .faults(|faults| faults.add(block.on(&one.id).times(1)));
    stage.completed(&["one"]).await;
    let client = stage.database.connect().await;
    wait_for("the pause", PATIENCE, async || {
        let sql = "SELECT count(*) FROM provider_pauses WHERE kind = 'discord' AND until > now() + interval '50 seconds'";
        let rows: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
        if rows == 1 { Ok(()) } else { Err("not paused".to_owned()) }
    })
    .await;
    stage.completed(&["two"]).await;
    stage.wait_state("delivered", 2).await;
    assert!(stage.discord.messages("200").is_empty());
    client
        .execute("UPDATE provider_pauses SET until = now()", &[])
        .await
        .unwrap();
    let rows = stage.wait_state("delivered", 4).await;
    assert!(rows.iter().all(|it| it.failures == 0));
    assert_eq!(
        stage.discord.messages("100").len() + stage.discord.messages("200").len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_discord_is_off_in_the_settings_no_delivery_for_it_is_made() {
    let mut stage = Stage::without_notifier(&[]).await;
    let there = stage.discord.add_webhook("100");
    stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    stage.signed("/a").await;
    let off = stage
        .store
        .setting_save("discord_notifications_enabled", "false", "plain", "test");
    off.await.unwrap();
    stage.completed(&["run"]).await;
    stage.start();
    let rows = stage.wait_state("delivered", 1).await;
    assert_eq!(rows.len(), 1);
    assert!(stage.discord.messages("100").is_empty());
}
