use crate::cli::{ENCRYPTION_KEY, Installation};
use common::types::id::PanelId;
use reach::settings::Settings;
use runtime::config::{Config, Sources};
use secrecy::ExposeSecret;
use std::sync::Arc;

const ADD: [&str; 4] = ["panel", "add", "second", "https://second.example/"];

#[tokio::test]
async fn an_added_panel_is_listed_and_its_keys_are_sealed() {
    let installation = Installation::new().await;
    let answer = installation
        .cli
        .run_with_input(&ADD, "planted-application\nplanted-client\n")
        .await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);

    let list = installation.cli.json(&["panel", "list"]).await;
    assert_eq!(list[0]["name"], "second");
    assert_eq!(list[0]["url"], "https://second.example");
    assert_eq!(list[0]["application_key"], true);
    assert_eq!(list[0]["client_key"], true);

    let stored = installation
        .text("SELECT application_key || client_key FROM panels")
        .await;
    assert!(!stored.contains("planted"));
    let table = installation.cli.run(&["panel", "list"]).await;
    assert!(table.stdout.contains("second") && !table.stdout.contains("planted"));

    let config = Config::load(&Sources::of_variables([
        ("DATABASE_URL", "postgres://nobody@localhost/none"),
        ("ENCRYPTION_KEY", ENCRYPTION_KEY),
    ]));
    let settings = Settings::new(installation.store.clone(), Arc::new(config.unwrap())).unwrap();
    let row = installation.store.panel_by_name("second").await.unwrap();
    let access = settings.panel_access(&row).await.unwrap();
    assert_eq!(
        access.application_key.expose_secret(),
        "planted-application"
    );
    assert_eq!(access.client_key.unwrap().expose_secret(), "planted-client");
}

#[tokio::test]
async fn keys_may_come_from_the_environment() {
    let mut installation = Installation::new().await;
    installation.cli = installation.cli.with("NODEBYTE_PANEL_KEY", "planted");
    let answer = installation.cli.run(&ADD).await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let list = installation.cli.json(&["panel", "list"]).await;
    assert_eq!(list[0]["application_key"], true);
    assert_eq!(list[0]["client_key"], false);
}

#[tokio::test]
async fn adding_again_replaces_address_and_keys_and_keeps_the_id() {
    let installation = Installation::new().await;
    installation.cli.run_with_input(&ADD, "first\n").await;
    let before = installation.cli.json(&["panel", "list"]).await;
    let moved = ["panel", "add", "second", "https://moved.example"];
    let answer = installation.cli.run_with_input(&moved, "second\n").await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let after = installation.cli.json(&["panel", "list"]).await;
    assert_eq!(after.as_array().unwrap().len(), 1);
    assert_eq!(after[0]["id"], before[0]["id"]);
    assert_eq!(after[0]["url"], "https://moved.example");
    let id: PanelId = after[0]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(installation.store.panel(id).await.unwrap().name, "second");
}

#[tokio::test]
async fn a_panel_without_a_key_or_a_usable_address_is_refused() {
    let installation = Installation::new().await;
    for (name, url, input) in [
        ("second", "https://second.example", ""),
        ("second", "ftp://second.example", "key"),
        ("second", "https://user:secret@second.example", "key"),
        ("second", "https://user@second.example", "key"),
        ("second", "https://second.example/?page=1", "key"),
        ("second", "https://second.example/#top", "key"),
        ("second", "https://second.example/api/application/", "key"),
        ("second", "https://second.example", "a key"),
        ("second", "https://second.example", "key\nclient\tkey"),
        ("second", "https://second.example", "schlüssel"),
        ("", "https://second.example", "key"),
        ("a\tb", "https://second.example", "key"),
        (&"x".repeat(201), "https://second.example", "key"),
        ("default", "https://second.example", "key"),
    ] {
        let answer = installation
            .cli
            .run_with_input(&["panel", "add", name, url], input)
            .await;
        assert_eq!(answer.code, 64, "{name} {url}: {}", answer.stderr);
    }
    assert_eq!(installation.count("panels").await, 0);
}
