//! Validation and messages.

use serde_json::json;
use simulators::discord::NewWebhook;

use super::support::{CHANNEL, as_bot, ask, boundless, code, post, read};
use crate::support::client;

#[actix_web::test]
async fn a_webhook_is_validated_without_a_message() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    let (status, body) = ask(client().get(&webhook.url)).await;
    assert_eq!(status, 200);
    assert_eq!(
        (
            &body["id"],
            &body["type"],
            &body["channel_id"],
            &body["token"]
        ),
        (
            &json!(webhook.id),
            &json!(1),
            &json!(CHANNEL),
            &json!(webhook.token)
        )
    );
    assert_eq!(body.get("user"), None);
    assert_eq!(webhook.token.len(), 68);
    assert!((17..=20).contains(&webhook.id.len()));
    assert!(discord.messages(CHANNEL).is_empty());

    let follower = discord.add(NewWebhook {
        kind: 2,
        ..NewWebhook::new(CHANNEL)
    });
    assert_eq!(ask(client().get(&follower.url)).await.1["type"], 2);
}

#[actix_web::test]
async fn a_revoked_webhook_answers_404_10015() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    assert!(discord.revoke(&webhook.id));
    assert!(!discord.revoke(&webhook.id));
    assert_eq!(code(ask(client().get(&webhook.url)).await), (404, 10015));
    let body = json!({ "content": "word" });
    assert_eq!(code(post(&webhook, &body).await), (404, 10015));
    let journal = discord.journal();
    assert_eq!(journal[1].webhook_id.as_ref(), Some(&webhook.id));
    assert_eq!((journal[1].code, journal[1].accepted), (Some(10015), false));
}

#[actix_web::test]
async fn a_wrong_token_answers_401_50027() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    let other = discord.add_webhook(CHANNEL);
    let mixed = webhook.url.replace(&webhook.token, &other.token);
    assert_eq!(code(ask(client().get(mixed)).await), (401, 50027));
    assert_eq!(discord.invalid_requests(), 1);
}

#[actix_web::test]
async fn who_waits_gets_the_message_and_who_does_not_gets_nothing() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    let body = json!({ "embeds": [{ "title": "Down", "footer": { "text": "event-1" } }] });
    let (status, message) = post(&webhook, &body).await;
    assert_eq!(status, 200);
    assert_eq!(message["embeds"], body["embeds"]);
    assert_eq!(message["webhook_id"], webhook.id);
    let unwaited = as_bot(client().post(&webhook.url)).json(&body);
    let response = unwaited.send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert!(response.bytes().await.unwrap().is_empty());
    let messages = discord.messages(CHANNEL);
    assert_eq!(messages.len(), 2);
    assert_eq!(message["id"], messages[0].id);
    let duplicates = discord.duplicates();
    assert_eq!(
        duplicates["event-1"],
        [messages[0].id.clone(), messages[1].id.clone()]
    );
}

#[actix_web::test]
async fn a_forum_wants_to_know_the_thread() {
    let discord = boundless().await;
    let forum = discord.add_forum_webhook(CHANNEL);
    let plain = discord.add_webhook("1250000000000000002");
    let named = json!({ "content": "word", "thread_name": "News" });
    let unnamed = json!({ "content": "word" });
    assert_eq!(code(post(&forum, &unnamed).await), (400, 220_001));
    assert_eq!(code(post(&plain, &named).await), (400, 220_003));
    let thread = discord.add_thread(CHANNEL);
    let to_thread =
        |url: &str| as_bot(client().post(format!("{url}?wait=true&thread_id={thread}")));
    let both = to_thread(&forum.url).json(&named).send().await.unwrap();
    assert_eq!(code(read(both).await), (400, 220_002));

    assert_eq!(post(&forum, &named).await.0, 200);
    let response = to_thread(&forum.url).json(&unnamed).send().await.unwrap();
    let (status, message) = read(response).await;
    assert_eq!((status, &message["channel_id"]), (200, &json!(thread)));
    let elsewhere = to_thread(&plain.url).json(&unnamed).send().await.unwrap();
    assert_eq!(code(read(elsewhere).await), (404, 10003));
    assert_eq!(discord.messages(CHANNEL).len(), 2);
}

#[actix_web::test]
async fn a_client_without_a_name_gets_a_page() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    let response = client().get(&webhook.url).send().await.unwrap();
    assert_eq!(response.status(), 403);
    let content_type = response.headers()["Content-Type"].to_str().unwrap();
    assert!(content_type.starts_with("text/html"));
    assert!(response.text().await.unwrap().contains("Error 1010"));
    assert_eq!(discord.journal()[0].user_agent, None);
}

#[actix_web::test]
async fn other_paths_and_methods_are_refused() {
    let discord = boundless().await;
    let webhook = discord.add_webhook(CHANNEL);
    let unversioned = webhook.url.replace("/v10", "");
    assert_eq!(ask(client().get(unversioned)).await.0, 404);
    assert_eq!(
        ask(client().post(format!("{}/slack", webhook.url))).await.0,
        404
    );
    assert_eq!(ask(client().put(&webhook.url)).await.0, 405);
    assert_eq!(ask(client().delete(&webhook.url)).await.0, 204);
    assert_eq!(code(ask(client().get(&webhook.url)).await), (404, 10015));
}
