//! Which events share a message at Discord, and which change one.

use chrono::Utc;
use common::types::caller::Actor;
use common::types::event::{Event, EventType};
use common::types::id::MessageId;
use common::types::webhook::WebhookType;
use serde_json::{Value, json};
use simulators::discord::{Effect, Fault, Message, Webhook};
use store::WebhookChange;
use testkit::wait_for;

use crate::stage::{Hook, PATIENCE, Stage};

async fn channel(stage: &Stage) -> (Webhook, Hook) {
    let there = stage.discord.add_webhook("100");
    let hook = stage
        .hook(&there.public_url, WebhookType::System, &[], json!([]))
        .await;
    (there, hook)
}

/// Has events wait for a webhook until all are there, and lets it have them.
async fn tell_at_once(stage: &Stage, hook: &Hook, events: &[Event]) -> Vec<MessageId> {
    let change = async |enabled| {
        let change = WebhookChange {
            enabled: Some(enabled),
            ..WebhookChange::default()
        };
        let actor = Actor::Operator("test".to_owned());
        let changed = stage.store.webhook_change(hook.id, change, &actor);
        changed.await.unwrap();
    };
    change(false).await;
    let ids = stage.say(events).await;
    stage.wait_state("pending", events.len()).await;
    change(true).await;
    ids
}

fn event(of: EventType, subject: &str) -> Event {
    let data = json!({"panel_id": "p", "kind": "full", "seconds": 1, "held": {}});
    Event::new(of, subject, Utc::now(), data)
}

/// Titles of the embeds of each message, as they are now.
fn titles(messages: &[Message]) -> Vec<Vec<String>> {
    let of = |message: &Message| {
        let embeds = message.current()["embeds"].clone();
        let embeds: Vec<Value> = serde_json::from_value(embeds).unwrap();
        let titles = embeds.iter().map(|it| it["title"].as_str().unwrap());
        titles.map(str::to_owned).collect()
    };
    messages.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_for_one_message_is_told_in_several() {
    let stage = Stage::new().await;
    let there = stage.discord.add_webhook("100");
    let hook = stage
        .hook(&there.public_url, WebhookType::Custom, &[], json!([]))
        .await;
    let long = json!({"a": "x".repeat(1000), "b": "y".repeat(1000), "c": "z".repeat(500)});
    let events: Vec<Event> = (0..6)
        .map(|number| Event {
            event_type: "shop.order_paid".to_owned(),
            data: long.clone(),
            ..event(EventType::SyncCompleted, &number.to_string())
        })
        .collect();
    let ids = tell_at_once(&stage, &hook, &events).await;
    stage.wait_state("delivered", 6).await;
    let messages = stage.discord.messages("100");
    let told: Vec<&str> = messages.iter().flat_map(Message::footers).collect();
    assert_eq!(told.len(), 6, "{told:?}");
    for (told, id) in told.iter().zip(&ids) {
        assert!(told.contains(&id.to_string()), "{told} is not {id}");
    }
    assert_eq!(messages.len(), 3, "two fit");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_of_a_sync_but_a_good_one_is_posted_anew() {
    let stage = Stage::new().await;
    channel(&stage).await;
    let ends = [
        (EventType::SyncCancelled, "Cancelled"),
        (EventType::SyncHeld, "Held"),
        (EventType::SyncFailed, "Failed"),
    ];
    let mut delivered = 0;
    for (end, word) in ends {
        let subject = end.as_str();
        stage.say(&[event(EventType::SyncStarted, subject)]).await;
        stage.wait_state("delivered", delivered + 1).await;
        stage.say(&[event(end, subject)]).await;
        delivered += 2;
        stage.wait_state("delivered", delivered).await;
        let messages = stage.discord.messages("100");
        assert_eq!(messages.len(), delivered, "{word}");
        let told = titles(&messages);
        assert!(told[delivered - 2][0].contains("Started"), "{told:?}");
        assert!(told[delivered - 1][0].contains(word), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beginning_and_end_of_a_sync_are_told_apart_from_what_comes_along() {
    let stage = Stage::new().await;
    let (_, hook) = channel(&stage).await;
    let events = [
        event(EventType::SyncFailed, "run"),
        event(EventType::SyncStarted, "run"),
        event(EventType::SyncFailed, "run"),
        event(EventType::SyncCompleted, "run"),
        event(EventType::SyncFailed, "run"),
    ];
    tell_at_once(&stage, &hook, &events).await;
    stage.wait_state("delivered", 5).await;
    let told = titles(&stage.discord.messages("100"));
    let words = ["Failed", "Completed", "Failed", "Failed"];
    assert_eq!(told.len(), words.len(), "{told:?}");
    for (titles, word) in told.iter().zip(words) {
        assert!(titles.len() == 1 && titles[0].contains(word), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_sync_whose_message_is_gone_is_posted() {
    let stage = Stage::new().await;
    let (there, _) = channel(&stage).await;
    stage.say(&[event(EventType::SyncStarted, "run")]).await;
    stage.wait_state("delivered", 1).await;
    let begun = stage.discord.messages("100").remove(0);
    let url = format!("{}/messages/{}", there.url, begun.id);
    let deleted = reqwest::Client::new()
        .delete(url)
        .header("User-Agent", "a person's browser")
        .send();
    assert_eq!(deleted.await.unwrap().status(), 204);
    stage.completed(&["run"]).await;
    let rows = stage.wait_state("delivered", 2).await;
    assert!(rows.iter().all(|it| it.failures == 0), "{rows:#?}");
    let told = titles(&stage.discord.messages("100"));
    assert!(told[1][0].contains("Completed"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_message_that_is_refused_each_event_is_told_by_itself() {
    let stage = Stage::new().await;
    let (there, hook) = channel(&stage).await;
    let refused = Fault::new(Effect::status(400));
    stage
        .discord
        .faults(|faults| faults.add(refused.on(&there.id).times(1)));
    let events = ["a", "b", "c"].map(|it| event(EventType::SyncFailed, it));
    tell_at_once(&stage, &hook, &events).await;
    let rows = stage.wait_state("delivered", 3).await;
    assert!(rows.iter().all(|it| it.failures == 0), "{rows:#?}");
    let together: Vec<usize> = titles(&stage.discord.messages("100"))
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(together, [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_discord_refuses_us_counts_towards_the_stop() {
    for effect in [
        Effect::status(403),
        Effect::TooManyRequests {
            scope: simulators::discord::Scope::User,
            retry_after: 0.1,
        },
    ] {
        let stage = Stage::new().await;
        let (there, _) = channel(&stage).await;
        crate::discord::spend(&stage, "discord:invalid", 3_000, 2500.0 / 600.0).await;
        let refusal = Fault::new(effect.clone()).on(&there.id).times(1);
        stage.discord.faults(|faults| faults.add(refusal));
        stage.completed(&["one"]).await;
        let client = stage.database.connect().await;
        wait_for("the stop", PATIENCE, async || {
            let paused = "SELECT count(*) FROM provider_pauses \
                          WHERE kind = 'discord' AND until > now() + interval '5 s'";
            let paused: i64 = client.query_one(paused, &[]).await.unwrap().get(0);
            (paused == 1)
                .then_some(())
                .ok_or_else(|| format!("{effect:?}"))
        })
        .await;
    }
}
