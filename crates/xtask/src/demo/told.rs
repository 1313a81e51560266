//! Who is told of the sync: a channel of Discord and a system that checks our signature.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::World;

const CHANNEL: &str = "100000000000000001";
const POLL: Duration = Duration::from_millis(200);
const POLLS: usize = 150;

/// Webhooks that wait for the sync.
pub(crate) struct Listeners {
    secret: String,
}

/// What arrived, and the delivery log of it.
#[derive(Serialize)]
pub(crate) struct Told {
    discord: Vec<String>,
    signed: Vec<String>,
    /// Whether every signature of ours is good.
    verified: bool,
    deliveries: Vec<Delivery>,
}

#[derive(Serialize)]
struct Delivery {
    at: String,
    event: String,
    webhook: String,
    state: String,
    attempts: i64,
}

/// Makes the webhooks, as an administrator would.
pub(crate) async fn listen(gateway: &Gateway, world: &World) -> Result<Listeners> {
    let channel = json!({ "channel_id": CHANNEL });
    let there = world
        .discord
        .ask(Method::POST, "webhooks", Some(&channel))
        .await?;
    let address = there["public_url"]
        .as_str()
        .context("the webhook's address")?;
    let discord = json!({
        "name": "operations", "webhookUrl": address, "type": "SYSTEM", "scope": "ADMIN",
        "events": ["sync.*"],
    });
    make(gateway, world, &discord).await?;
    let partner = json!({
        "name": "partner", "webhookUrl": format!("{}/nodebyte", world.receiver.url()),
        "type": "SYSTEM", "scope": "ADMIN", "events": ["sync.*"],
    });
    let made = make(gateway, world, &partner).await?;
    let secret = made["signingSecret"].as_str();
    Ok(Listeners {
        secret: secret.context("the signing secret")?.to_owned(),
    })
}

async fn make(gateway: &Gateway, world: &World, form: &Value) -> Result<Value> {
    gateway
        .administer(
            &world.admin_key,
            Method::POST,
            "settings/webhooks",
            Some(form),
        )
        .await
}

impl Listeners {
    /// Waits until both have heard of the end of the sync.
    pub(crate) async fn hear(&self, gateway: &Gateway, world: &World) -> Result<Told> {
        for _ in 0..POLLS {
            let told = self.heard(gateway, world).await?;
            if told.is_complete() {
                return Ok(told);
            }
            tokio::time::sleep(POLL).await;
        }
        let told = self.heard(gateway, world).await?;
        bail!(
            "nobody told of the sync: {}",
            serde_json::to_string(&told).context("what was told")?
        )
    }

    async fn heard(&self, gateway: &Gateway, world: &World) -> Result<Told> {
        let query = format!("messages?channel_id={CHANNEL}");
        let messages = world.discord.ask(Method::GET, &query, None).await?;
        let embeds = list(&messages).flat_map(|message| {
            // A message that was changed says what it says now.
            let newest = list(&message["edits"]).last().unwrap_or(message);
            list(&newest["body"]["embeds"])
        });
        let discord = embeds
            .filter_map(|embed| embed["title"].as_str().map(str::to_owned))
            .collect();
        let journal = world.receiver.ask(Method::GET, "journal", None).await?;
        let bodies = list(&journal).filter_map(|entry| entry["body"].as_str());
        let signed = bodies
            .filter_map(|body| serde_json::from_str::<Value>(body).ok())
            .filter_map(|event| event["type"].as_str().map(str::to_owned))
            .collect();
        let query = format!("verified?secret={}", encoded(&self.secret));
        let verified = world.receiver.ask(Method::GET, &query, None).await?;
        let log = gateway
            .administer(&world.admin_key, Method::GET, "deliveries", None)
            .await?;
        Ok(Told {
            discord,
            signed,
            verified: list(&verified).count() > 0
                && list(&verified).all(|it| it["refused"].is_null()),
            deliveries: list(&log["deliveries"]).map(Delivery::of).collect(),
        })
    }
}

/// The items of a list.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A secret of base64 as it may stand in a query.
fn encoded(secret: &str) -> String {
    secret
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}

impl Delivery {
    fn of(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        Self {
            at: text("created_at"),
            event: text("event_type"),
            webhook: text("webhook"),
            state: text("state"),
            attempts: row["attempts"].as_i64().unwrap_or_default(),
        }
    }
}

impl Told {
    /// Whether both have heard that the sync is over, and nothing is under way.
    pub(crate) fn is_complete(&self) -> bool {
        self.verified
            && self.discord.iter().any(|it| it.contains("Completed"))
            && self.signed.iter().any(|it| it == "sync.completed")
            && self.deliveries.iter().all(|it| it.state == "delivered")
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "\nDiscord was told: {}\nA partner was told, each signature verified: {}\n\n",
            self.discord.join(", "),
            self.signed.join(", ")
        );
        for it in &self.deliveries {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {:<29}{:<18}{:<12}{:<11}{} attempt(s)",
                it.at, it.event, it.webhook, it.state, it.attempts
            );
        }
        text
    }
}
