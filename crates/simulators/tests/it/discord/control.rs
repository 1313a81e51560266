//! How other processes steer Discord.

use serde_json::{Value, json};
use simulators::discord::Discord;

use super::support::{CHANNEL, as_bot, ask, boundless};
use crate::{command::Command, support::client};

async fn get(url: &str, path: &str) -> Value {
    let (status, body) = ask(client().get(format!("{url}/__simulator/{path}"))).await;
    assert_eq!(status, 200, "{path} {body}");
    body
}

async fn post(discord: &Discord, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/__simulator/{path}", discord.url());
    ask(client().post(url).json(&body)).await
}

#[actix_web::test]
async fn another_process_can_add_use_and_revoke_a_webhook() {
    let discord = boundless().await;
    let (_, webhook) = post(&discord, "webhooks", json!({ "channel_id": CHANNEL })).await;
    let url = webhook["url"].as_str().unwrap();
    let body = json!({ "embeds": [{ "footer": { "text": "event-1" } }] });
    let say = async || as_bot(client().post(url)).json(&body).send().await.unwrap();
    assert_eq!(say().await.status(), 204);

    let fault =
        json!({ "on": webhook["id"], "times": 1, "effect": { "status": { "status": 503 } } });
    assert_eq!(post(&discord, "faults", fault).await.0, 200);
    assert_eq!(say().await.status(), 503);
    let misspelt = json!({ "on": webhook["id"], "time": 1, "effect": "garbage" });
    assert_eq!(post(&discord, "faults", misspelt).await.0, 400);

    let limits = json!({ "webhook": { "count": 1, "milliseconds": 60_000 } });
    assert_eq!(post(&discord, "limits", limits).await.0, 200);
    assert_eq!(say().await.status(), 204);
    assert_eq!(say().await.status(), 429);

    let of_channel = format!("messages?channel_id={CHANNEL}");
    let messages = get(&discord.url(), &of_channel).await;
    assert_eq!(messages.as_array().unwrap().len(), 2);
    let footers = get(&discord.url(), "footers").await;
    assert_eq!(footers["event-1"][1], messages[1]["id"]);
    let journal = get(&discord.url(), "journal?from=1").await;
    let statuses: Vec<_> = journal
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["status"])
        .collect();
    assert_eq!(statuses, [503, 204, 429]);
    assert_eq!(get(&discord.url(), "invalid").await, json!({ "count": 1 }));

    let id = webhook["id"].as_str().unwrap();
    let gone = format!("{}/__simulator/webhooks/{id}", discord.url());
    assert_eq!(ask(client().delete(&gone)).await.0, 200);
    assert_eq!(ask(client().delete(&gone)).await.0, 404);
    assert_eq!(say().await.status(), 404);
}

#[actix_web::test]
async fn the_command_prints_its_address_and_obeys_its_flags() {
    let command = Command::start(&["discord", "--no-limits"]);
    let url = command.url("discord");
    assert_eq!(get(url, "webhooks").await, json!([]));
}
