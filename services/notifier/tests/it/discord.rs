//! What arrives in channels of Discord.

use chrono::Utc;
use common::types::event::{Event, EventType};
use common::types::id::DeliveryId;
use common::types::webhook::WebhookType;
use serde_json::json;
use simulators::discord::{Effect, Fault, Message};
use testkit::wait_for;
use tokio::task::JoinSet;

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

#[tokio::test(flavor = "multi_thread")]
async fn when_discord_has_refused_too_much_nothing_is_sent_there_for_a_while() {
    let stage = Stage::new().await;
    let (revoked, sound) = (
        stage.discord.add_webhook("100"),
        stage.discord.add_webhook("200"),
    );
    let only = |name: &str| json!([{"field": "subject", "equals": name}]);
    let hook = stage
        .hook(&revoked.public_url, WebhookType::System, &[], only("one"))
        .await;
    stage
        .hook(&sound.public_url, WebhookType::System, &[], only("two"))
        .await;
    // What all notifiers together have been refused so far: more than half of what Discord
    // takes in ten minutes, for the next two minutes.
    spend(&stage, "discord:invalid", 3_000, 2500.0 / 600.0).await;
    let invalid = Fault::new(Effect::Status {
        status: 401,
        accepted: false,
    });
    stage
        .discord
        .faults(|faults| faults.add(invalid.on(&revoked.id).times(1)));
    stage.completed(&["one"]).await;
    stage.wait_disabled(&hook).await;
    let client = stage.database.connect().await;
    let pauses = "SELECT count(*) FROM provider_pauses WHERE kind = 'discord' AND until > now()";
    let paused: i64 = client.query_one(pauses, &[]).await.unwrap().get(0);
    assert_eq!(paused, 1);
    stage.completed(&["two"]).await;
    stage.wait_state("pending", 2).await;
    client
        .execute("UPDATE provider_pauses SET until = now()", &[])
        .await
        .unwrap();
    stage.wait_state("delivered", 1).await;
    assert_eq!(stage.discord.messages("200").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_discord_is_marked_before_it_leaves() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    let late = Fault::new(Effect::Late { milliseconds: 4000 });
    stage
        .discord
        .faults(|faults| faults.add(late.on(&there.id).times(1)));
    stage.completed(&["run"]).await;
    wait_for("the message to arrive", PATIENCE, async || {
        match stage.discord.messages("100").len() {
            1 => Ok(()),
            _ => Err(String::new()),
        }
    })
    .await;
    let outcomes = async || {
        let delivery = DeliveryId(stage.deliveries().await[0].id);
        let attempts = stage.store.delivery_attempts(delivery).await.unwrap();
        attempts
            .into_iter()
            .map(|it| it.outcome)
            .collect::<Vec<_>>()
    };
    assert_eq!(outcomes().await, ["sending"]);
    stage.wait_state("delivered", 1).await;
    assert_eq!(outcomes().await, ["delivered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sender_was_lost_over_is_told_in_a_message_of_its_own() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    let client = stage.database.connect().await;
    let pause =
        "INSERT INTO provider_pauses (kind, until) VALUES ('discord', now() + interval '1 hour')";
    client.batch_execute(pause).await.unwrap();
    stage.completed(&["a", "lost", "b", "c"]).await;
    stage.wait_state("pending", 4).await;
    let lost = "UPDATE deliveries d SET attempts = 1, failures = 1 FROM delivery_events e
                  WHERE e.id = d.event_id AND e.subject = 'lost';
                INSERT INTO delivery_attempts (delivery_id, number, outcome, counted)
                  SELECT id, 1, 'unknown', true FROM deliveries WHERE attempts = 1;
                UPDATE provider_pauses SET until = now()";
    client.batch_execute(lost).await.unwrap();
    stage.wait_state("delivered", 4).await;
    let messages = stage.discord.messages("100");
    let embeds = |it: &Message| it.body["embeds"].as_array().unwrap().len();
    assert_eq!(messages.iter().map(embeds).collect::<Vec<_>>(), [1, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhooks_of_one_channel_share_what_it_takes() {
    let mut stage = Stage::without_notifier(&[]).await;
    let (full, free) = (
        stage.discord.add_webhook("100"),
        stage.discord.add_webhook("200"),
    );
    let hook = stage
        .hook(&full.public_url, WebhookType::System, &[], json!([]))
        .await;
    stage
        .hook(&free.public_url, WebhookType::System, &[], json!([]))
        .await;
    let client = stage.database.connect().await;
    let channel = "UPDATE webhooks SET channel_id = '100' WHERE id = $1";
    client.execute(channel, &[&hook.id.0]).await.unwrap();
    // Other webhooks of that channel have used it up for the next half a minute.
    spend(&stage, "discord:channel:100", 20, 25.0 / 60.0).await;
    stage.completed(&["run"]).await;
    stage.start();
    wait_for("the pause", PATIENCE, async || {
        let select = "SELECT COALESCE(paused_until > now() + interval '10 seconds', false) \
                      FROM webhook_health WHERE webhook_id = $1";
        let paused = client.query_one(select, &[&hook.id.0]).await.unwrap();
        let paused: bool = paused.get(0);
        paused.then_some(()).ok_or_else(|| "not paused".to_owned())
    })
    .await;
    stage.wait_state("delivered", 1).await;
    assert!(stage.discord.messages("100").is_empty());
    assert_eq!(stage.discord.messages("200").len(), 1);
}

/// Takes so much from a bucket that all notifiers share, be there enough in it or not.
pub async fn spend(stage: &Stage, bucket: &'static str, tokens: u32, per_second: f64) {
    let mut settings = cache::Settings::new(stage.config.redis.url.clone());
    settings.prefix.clone_from(&stage.config.redis.prefix);
    settings.operation_timeout = PATIENCE;
    let cache = cache::Cache::connect(&settings).unwrap();
    let rule = cache::RateRule {
        capacity: tokens,
        per_second,
    };
    let tasks = 10;
    let takers = (0..tasks).map(|_| {
        let cache = cache.clone();
        async move {
            for _ in 0..tokens / tasks {
                cache.take_token(bucket, rule).await.unwrap();
            }
        }
    });
    takers.collect::<JoinSet<()>>().join_all().await;
}
