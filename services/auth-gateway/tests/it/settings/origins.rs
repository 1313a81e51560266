use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;
use std::sync::Arc;

use super::stage::{SETTINGS, Stage};
use crate::gateway::error_code;
use reach::settings::Settings;

async fn key_at_work(stage: &Stage) -> Option<String> {
    let settings = Settings::new(
        stage.gateway.store.clone(),
        Arc::clone(&stage.gateway.config),
    )
    .unwrap();
    let overrides = settings.newest().await.unwrap();
    let key = overrides.of_key("pterodactyl_api_key").unwrap();
    key.map(|key| key.expose_secret().to_owned())
}

#[tokio::test]
async fn another_address_needs_its_keys_anew() {
    let stage = Stage::new().await;
    let url = "https://elsewhere.example";
    for body in [
        json!({"pterodactylUrl": url, "siteName": "Planet"}),
        json!({"pterodactylUrl": url, "pterodactylApiKey": super::stage::MASK}),
        json!({"pterodactylUrl": url, "pterodactylApiKey": "ptla_new"}),
        json!({"pterodactylUrl": "https://127.0.0.1:9", "pterodactylApiKey": "ptla_new"}),
        json!({"pterodactylUrl": "http://127.0.0.1:10", "pterodactylApiKey": "ptla_new"}),
    ] {
        let (status, answer) = stage.save(body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(error_code(status, &answer), "KEY_NEEDED");
        let named = answer["details"]["field"].as_str().unwrap();
        assert!(named.starts_with("pterodactyl"), "{named}");
        assert!(answer["error"].as_str().unwrap().contains(named));
    }
    assert_eq!(stage.text("SELECT count(*)::text FROM config").await, "0");

    // A path at the same place is no other origin.
    stage
        .saved(json!({"pterodactylUrl": "http://127.0.0.1:9/panel"}))
        .await;
    assert_eq!(key_at_work(&stage).await.as_deref(), Some("ptla_test"));

    let both = json!({
        "pterodactylUrl": url, "pterodactylApiKey": "ptla_new", "pterodactylClientApiKey": "ptlc_new",
    });
    stage.saved(both).await;
    assert_eq!(key_at_work(&stage).await.as_deref(), Some("ptla_new"));
    let origins = "SELECT string_agg(DISTINCT origin, ' ') FROM config";
    assert_eq!(stage.text(origins).await, url);
    let (status, answer) = stage
        .save(json!({"pterodactylUrl": "https://third.example"}))
        .await;
    assert_eq!(
        error_code(status, &answer),
        "KEY_NEEDED",
        "of the stored ones too"
    );
}

#[tokio::test]
async fn the_same_key_can_be_given_for_another_address() {
    let stage = Stage::new().await;
    let url = "https://elsewhere.example";
    let same = json!({
        "pterodactylUrl": url, "pterodactylApiKey": "ptla_test", "pterodactylClientApiKey": "ptlc_test",
    });
    stage.saved(same).await;
    assert_eq!(key_at_work(&stage).await.as_deref(), Some("ptla_test"));
}

#[tokio::test]
async fn a_key_of_the_environment_stays_with_the_environments_address() {
    let stage = Stage::new().await;
    let elsewhere = json!({
        "pterodactylUrl": "https://elsewhere.example",
        "pterodactylApiKey": "ptla_new", "pterodactylClientApiKey": "ptlc_new",
    });
    stage.saved(elsewhere).await;
    let keys = json!({"keys": ["pterodactylApiKey", "pterodactylClientApiKey"]});
    let (status, body) = stage.send(Method::PUT, SETTINGS, &keys).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["settings"]["pterodactylApiKey"], "");
    assert_eq!(key_at_work(&stage).await, None);
    // Nothing counts here, so nothing is needed; at home the environment's counts again.
    stage
        .saved(json!({"pterodactylUrl": "http://127.0.0.1:9"}))
        .await;
    assert_eq!(key_at_work(&stage).await.as_deref(), Some("ptla_test"));
}

#[tokio::test]
async fn a_key_of_the_environment_without_an_address_there_follows_no_other() {
    let stage = Stage::with(vec![("PTERODACTYL_URL", String::new())]).await;
    stage
        .saved(json!({"pterodactylUrl": "https://elsewhere.example"}))
        .await;
    assert_eq!(key_at_work(&stage).await, None);
}

#[tokio::test]
async fn a_stored_key_counts_only_at_the_origin_it_was_given_for() {
    let stage = Stage::new().await;
    stage
        .saved(json!({"pterodactylApiKey": "ptla_stored"}))
        .await;
    assert_eq!(key_at_work(&stage).await.as_deref(), Some("ptla_stored"));
    // As if somebody had written to the database.
    let planted = "INSERT INTO config (key, value, format, updated_by) \
        VALUES ('pterodactyl_url', 'https://evil.example', 'plain', 'x') RETURNING key";
    stage.text(planted).await;
    assert_eq!(key_at_work(&stage).await, None);
}
