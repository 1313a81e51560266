//! A Resend and a well-behaved client.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use simulators::resend::{Effect, Fault, Limits, Options, Resend};

use crate::support::client;

pub const KEY: &str = "re_simulated";

/// One without limits, whose clock stands still.
pub async fn boundless() -> Resend {
    limited(Limits::off()).await
}

pub async fn limited(limits: Limits) -> Resend {
    let options = Options {
        limits,
        standing_clock: Some("2026-06-15T12:00:00Z".parse().unwrap()),
        ..Options::default()
    };
    Resend::start(options).await.unwrap()
}

pub fn strike(resend: &Resend, effect: Effect) {
    resend.faults(|faults| faults.add(Fault::new(effect).times(1)));
}

pub fn mail(subject: &str) -> Value {
    json!({
        "from": "NodeByte <noreply@example.com>",
        "to": ["a@example.net"],
        "subject": subject,
        "text": "Hello",
    })
}

/// Adds some fields to a mail.
pub fn with(mut mail: Value, fields: Value) -> Value {
    let fields = fields.as_object().unwrap().clone();
    mail.as_object_mut().unwrap().extend(fields);
    mail
}

pub fn posting(resend: &Resend, path: &str, body: &Value) -> RequestBuilder {
    client()
        .post(format!("{}{path}", resend.url()))
        .header("User-Agent", "tests/1")
        .bearer_auth(KEY)
        .json(body)
}

pub async fn send(resend: &Resend, mail: &Value) -> (u16, Value) {
    ask(posting(resend, "/emails", mail)).await
}

/// The same with an idempotency key.
pub fn sending_once(resend: &Resend, key: &str, mail: &Value) -> RequestBuilder {
    posting(resend, "/emails", mail).header("Idempotency-Key", key)
}

pub async fn look(resend: &Resend, id: &str) -> (u16, Value) {
    let url = format!("{}/emails/{id}", resend.url());
    let request = client().get(url).header("User-Agent", "tests/1");
    ask(request.bearer_auth(KEY)).await
}

pub async fn ask(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}

/// The status and the JSON; null where the body is none.
pub async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// The status and Resend's own name of an error.
pub fn name((status, body): (u16, Value)) -> (u16, String) {
    let name = body["name"].as_str().unwrap_or_default();
    (status, name.to_owned())
}

pub fn refused(status: u16, name: &str) -> (u16, String) {
    (status, name.to_owned())
}

pub fn number(response: &Response, name: &str) -> Option<u64> {
    let value = response.headers().get(name)?;
    Some(value.to_str().unwrap().parse().unwrap())
}
