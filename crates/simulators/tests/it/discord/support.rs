//! A Discord and a well-behaved client.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use simulators::discord::{Discord, Limits, Options, Webhook};

use crate::support::client;

pub const CHANNEL: &str = "1250000000000000001";

/// One that limits nothing.
pub async fn boundless() -> Discord {
    limited(Limits::off()).await
}

pub async fn limited(limits: Limits) -> Discord {
    let options = Options {
        limits,
        ..Options::default()
    };
    Discord::start(options).await.unwrap()
}

/// A request as a bot makes it.
pub fn as_bot(request: RequestBuilder) -> RequestBuilder {
    request.header("User-Agent", "DiscordBot (https://example.org, 1)")
}

pub fn posting(webhook: &Webhook, body: &Value) -> RequestBuilder {
    let url = format!("{}?wait=true", webhook.url);
    as_bot(client().post(url)).json(body)
}

pub async fn post(webhook: &Webhook, body: &Value) -> (u16, Value) {
    read(posting(webhook, body).send().await.unwrap()).await
}

/// Posts one word and returns the answer as it is.
pub async fn say(webhook: &Webhook) -> Response {
    let body = json!({ "content": "word" });
    posting(webhook, &body).send().await.unwrap()
}

pub async fn ask(request: RequestBuilder) -> (u16, Value) {
    read(as_bot(request).send().await.unwrap()).await
}

/// The status and the JSON; null where the body is none.
pub async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// The status and Discord's own number.
pub fn code((status, body): (u16, Value)) -> (u16, u64) {
    (status, body["code"].as_u64().unwrap_or_default())
}

pub fn number(response: &Response, name: &str) -> Option<f64> {
    let value = response.headers().get(name)?;
    Some(value.to_str().unwrap().parse().unwrap())
}

pub fn text<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name)?;
    Some(value.to_str().unwrap())
}
