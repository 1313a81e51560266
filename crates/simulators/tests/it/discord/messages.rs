//! Messages that are read, changed and deleted.

use serde_json::json;

use super::support::{CHANNEL, ask, boundless, code, post};
use crate::support::client;

#[actix_web::test]
async fn a_message_is_read_changed_and_deleted_by_its_webhook() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    let (_, message) = post(&webhook, &json!({ "content": "down" })).await;
    let id = message["id"].as_str().unwrap();
    let url = format!("{}/messages/{id}", webhook.url);

    let change = json!({ "content": "up" });
    let (status, changed) = ask(client().patch(&url).json(&change)).await;
    assert_eq!((status, &changed["content"]), (200, &json!("up")));
    assert!(changed["edited_timestamp"].is_string());
    assert_eq!(ask(client().get(&url)).await.1["content"], "up");

    let nothing = json!({ "content": "" });
    let refused = ask(client().patch(&url).json(&nothing)).await;
    assert_eq!(code(refused), (400, 50006));

    assert_eq!(ask(client().delete(&url)).await.0, 204);
    assert_eq!(code(ask(client().get(&url)).await), (404, 10008));
    let kept = &discord.messages(CHANNEL)[0];
    assert_eq!(
        (&kept.body["content"], kept.edits.len(), kept.deleted),
        (&json!("down"), 1, true)
    );
}

#[actix_web::test]
async fn a_message_is_not_there_for_another_webhook_of_its_channel() {
    let discord = boundless().await;
    let (one, other) = (discord.add_webhook(CHANNEL), discord.add_webhook(CHANNEL));
    let (_, message) = post(&one, &json!({ "content": "word" })).await;
    let id = message["id"].as_str().unwrap();
    let url = format!("{}/messages/{id}", other.url);
    assert_eq!(code(ask(client().get(url)).await), (404, 10008));
}
