//! What callers learn of themselves.

use common::types::scope::Scope;
use common::types::user::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::gateway::{Gateway, answer};

const ME: &str = "/api/v1/me";

fn data(answered: (StatusCode, Value)) -> Value {
    let (status, body) = answered;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["success"], true);
    body["data"].clone()
}

#[tokio::test]
async fn the_installations_key_is_the_service() {
    let gateway = Gateway::start().await;
    let me = data(gateway.get(ME).await);
    assert_eq!(me["principal"], "service");
    assert_eq!(me["also"], Value::Null);
    let scopes = me["scopes"].as_array().unwrap();
    assert_eq!(scopes.len(), Scope::ALL.len() - 1);
    assert!(!scopes.contains(&json!("admin")));
}

#[tokio::test]
async fn a_client_is_told_its_scopes_and_a_user_without_any_who_it_is() {
    let gateway = Gateway::start().await;
    let key = gateway.key("website", [Scope::Sync, Scope::Read]).await;
    let me = data(answer(gateway.as_client(&key, Method::GET, ME)).await);
    assert!(me["principal"].as_str().unwrap().starts_with("client:"));
    assert_eq!(me["scopes"], json!(["sync", "read"]));

    gateway.user("anna", Role::Member).await;
    gateway
        .change("anna", store::UserChange::Roles(Vec::new()))
        .await;
    let token = gateway.token("anna").await.text;
    let me = data(answer(gateway.as_user(&token, Method::GET, ME)).await);
    assert_eq!(
        me,
        json!({"principal": "user:anna", "also": null, "scopes": []})
    );
}

#[tokio::test]
async fn with_key_and_token_both_are_named() {
    let gateway = Gateway::start().await;
    let key = gateway.key("host", [Scope::Hytale]).await;
    gateway.user("anna", Role::Administrator).await;
    let token = gateway.token("anna").await.text;
    let both = gateway.as_client(&key, Method::GET, ME).bearer_auth(&token);
    let me = data(answer(both).await);
    assert_eq!(me["principal"], "user:anna");
    assert!(me["also"].as_str().unwrap().starts_with("client:"));
    assert_eq!(me["scopes"], json!(["hytale"]));
}
