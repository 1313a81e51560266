//! A vendor and somebody who asks it.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use simulators::hytale::{Account, Behaviour, Hytale, Options};

use crate::support::client;

pub const SERVER: (&str, &str) = ("client_id", "hytale-server");
pub const DEVICE_GRANT: (&str, &str) =
    ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");

pub fn at(instant: &str) -> chrono::DateTime<chrono::Utc> {
    instant.parse().unwrap()
}

/// A vendor whose clock stands still.
pub async fn vendor(behaviour: Behaviour) -> Hytale {
    let options = Options {
        seed: Some(7),
        standing_clock: Some(at("2026-06-01T12:00:00.123456789Z")),
        behaviour,
        ..Options::default()
    };
    Hytale::start(options).await.unwrap()
}

pub async fn usual() -> Hytale {
    vendor(Behaviour::default()).await
}

pub fn form(url: String, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    client()
        .post(url)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.finish())
}

/// The status and the JSON; null where the body is none.
pub async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// The status and the `error` field.
pub fn error((status, body): (u16, Value)) -> (u16, String) {
    (
        status,
        body["error"].as_str().unwrap_or_default().to_owned(),
    )
}

pub async fn ask(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}

/// A device code for a game server.
pub async fn device(hytale: &Hytale) -> Value {
    let fields = [SERVER, ("scope", "openid offline auth:server")];
    let url = format!("{}/oauth2/device/auth", hytale.oauth_url());
    let (status, body) = ask(form(url, &fields)).await;
    assert_eq!(status, 200, "{body}");
    body
}

pub fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap()
}

pub async fn token(hytale: &Hytale, fields: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/oauth2/token", hytale.oauth_url());
    ask(form(url, fields)).await
}

pub async fn poll(hytale: &Hytale, device: &Value) -> (u16, Value) {
    let code = text(device, "device_code");
    token(hytale, &[SERVER, DEVICE_GRANT, ("device_code", code)]).await
}

pub fn refreshing(hytale: &Hytale, refresh_token: &str) -> RequestBuilder {
    let url = format!("{}/oauth2/token", hytale.oauth_url());
    let fields = [
        SERVER,
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    ];
    form(url, &fields)
}

pub async fn refresh(hytale: &Hytale, refresh_token: &str) -> (u16, Value) {
    ask(refreshing(hytale, refresh_token)).await
}

pub async fn profiles(hytale: &Hytale, access_token: &str) -> (u16, Value) {
    let url = format!("{}/my-account/get-profiles", hytale.account_data_url());
    ask(client().get(url).bearer_auth(access_token)).await
}

pub fn profile(hytale: &Hytale, account: &str) -> String {
    let account: Account = hytale.account(account).unwrap();
    account.profiles[0].uuid.to_string()
}

pub fn creating(hytale: &Hytale, access_token: &str, profile: &str) -> RequestBuilder {
    client()
        .post(format!("{}/game-session/new", hytale.sessions_url()))
        .bearer_auth(access_token)
        .json(&json!({ "uuid": profile }))
}

pub async fn create(hytale: &Hytale, access_token: &str, profile: &str) -> (u16, Value) {
    ask(creating(hytale, access_token, profile)).await
}

pub async fn prolong(hytale: &Hytale, session_token: &str) -> (u16, Value) {
    let url = format!("{}/game-session/refresh", hytale.sessions_url());
    ask(client().post(url).bearer_auth(session_token)).await
}

pub async fn delete(hytale: &Hytale, session_token: &str) -> u16 {
    let url = format!("{}/game-session", hytale.sessions_url());
    ask(client().delete(url).bearer_auth(session_token)).await.0
}

pub async fn keys(base: &str) -> Vec<Value> {
    let (status, body) = ask(client().get(format!("{base}/.well-known/jwks.json"))).await;
    assert_eq!(status, 200);
    body["keys"].as_array().unwrap().clone()
}
