//! An endpoint and somebody who sends.

use reqwest::RequestBuilder;
use serde_json::Value;
use simulators::{
    receiver::{Options, Receiver},
    signature::Secret,
};

use crate::support::client;

pub async fn usual() -> Receiver {
    Receiver::start(Options::default()).await.unwrap()
}

pub fn posting(receiver: &Receiver, path: &str, body: &str) -> RequestBuilder {
    client()
        .post(format!("{}{path}", receiver.url()))
        .body(body.to_owned())
}

pub async fn post(receiver: &Receiver, path: &str, body: &str) -> u16 {
    let response = posting(receiver, path, body).send().await;
    response.unwrap().status().as_u16()
}

/// Signs as a product does.
pub fn signed(request: RequestBuilder, secret: &Secret, id: &str, body: &str) -> RequestBuilder {
    let timestamp = chrono::Utc::now().timestamp().to_string();
    let signature = secret.sign(id, &timestamp, body.as_bytes());
    request
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
}

pub async fn ask(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}
