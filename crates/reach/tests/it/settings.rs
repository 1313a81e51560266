use crate::stage::Stage;
use common::types::id::PanelId;
use reach::settings::{Settings, SettingsError};
use reach::vault::{PanelKey, Vault};
use runtime::config::{Config, Sources};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use store::NewPanel;
use testkit::wait_for;

/// 32 bytes from 00 to 1f; the vector below was sealed with it.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// `ptla_exampleKey123` in the earlier format.
const LEGACY: &str = "AAECAwQFBgcICQoLN3a6epqAunrgMfvu+owBXLHlyKFolyewPmbVwpnHqBo85w==";

fn config(more: &[(&str, &str)]) -> Arc<Config> {
    let common = [
        ("DATABASE_URL", "postgres://nobody@localhost/none"),
        ("ENCRYPTION_KEY", KEY),
    ];
    let variables = common.iter().chain(more).copied();
    Arc::new(Config::load(&Sources::of_variables(variables)).unwrap())
}

fn settings(stage: &Stage, more: &[(&str, &str)]) -> Settings {
    Settings::new(stage.store.clone(), config(more)).unwrap()
}

async fn vault(stage: &Stage) -> Vault {
    let master = config(&[]).security.master_key().unwrap().map(Arc::new);
    Vault::open_to_seal(&stage.store, master).await.unwrap()
}

async fn save(stage: &Stage, key: &str, value: &str, format: &str) {
    stage
        .store
        .setting_save(key, value, format, "test")
        .await
        .unwrap();
}

#[tokio::test]
async fn the_configuration_counts_where_nothing_is_stored() {
    let stage = Stage::new().await;
    save(&stage, "pterodactyl_api_key", "", "plain").await;
    let settings = settings(
        &stage,
        &[
            ("PTERODACTYL_URL", "https://panel.example"),
            ("PTERODACTYL_API_KEY", "from-environment"),
        ],
    );
    let panel = settings.default_panel().await.unwrap();
    assert_eq!(
        (panel.name.as_str(), panel.url.as_str()),
        ("default", "https://panel.example")
    );
    let access = settings.panel_access(&panel).await.unwrap();
    assert_eq!(access.application_key.expose_secret(), "from-environment");
    assert!(access.client_key.is_none());
    assert!(access.cf_access.is_none());
}

#[tokio::test]
async fn stored_settings_override_the_configuration_sealed_or_not() {
    let stage = Stage::new().await;
    let sealed = vault(&stage)
        .await
        .seal_setting("pterodactyl_client_api_key", &SecretString::from("client"))
        .unwrap();
    save(&stage, "pterodactyl_url", "https://stored.example", "plain").await;
    save(&stage, "pterodactyl_api_key", "stored", "plain").await;
    save(&stage, "pterodactyl_client_api_key", &sealed, "envelope").await;
    save(&stage, "cf_access_client_id", "id", "plain").await;
    save(&stage, "cf_access_client_secret", "secret", "plain").await;
    let settings = settings(
        &stage,
        &[
            ("PTERODACTYL_URL", "https://panel.example"),
            ("PTERODACTYL_API_KEY", "from-environment"),
        ],
    );
    let panel = settings.default_panel().await.unwrap();
    assert_eq!(panel.url, "https://stored.example");
    let access = settings.panel_access(&panel).await.unwrap();
    assert_eq!(access.application_key.expose_secret(), "stored");
    assert_eq!(access.client_key.unwrap().expose_secret(), "client");
    let (id, secret) = access.cf_access.unwrap();
    assert_eq!((id.as_str(), secret.expose_secret()), ("id", "secret"));
}

#[tokio::test]
async fn a_change_is_seen_without_a_restart() {
    let stage = Stage::new().await;
    let settings = settings(&stage, &[]);
    assert!(
        settings
            .overrides()
            .await
            .unwrap()
            .get("site_name")
            .unwrap()
            .is_none()
    );
    save(&stage, "site_name", "NodeByte", "plain").await;
    wait_for("the new setting", crate::stage::PATIENCE, async || {
        let overrides = settings.overrides().await.unwrap();
        let found = overrides.get("site_name").unwrap();
        found.map(|value| assert_eq!(value.expose_secret(), "NodeByte"))
    })
    .await;
}

#[tokio::test]
async fn the_earlier_format_is_read_where_the_row_says_so() {
    let stage = Stage::new().await;
    save(&stage, "pterodactyl_api_key", LEGACY, "legacy_gcm").await;
    let overrides = settings(&stage, &[]).overrides().await.unwrap();
    let key = overrides.get("pterodactyl_api_key").unwrap().unwrap();
    assert_eq!(key.expose_secret(), "ptla_exampleKey123");
}

#[tokio::test]
async fn a_damaged_setting_is_an_error_for_those_who_need_it_only() {
    let stage = Stage::new().await;
    let vault = vault(&stage).await;
    // Sealed for another key: as if it had been copied there.
    let moved = vault
        .seal_setting("github_token", &SecretString::from("x"))
        .unwrap();
    save(&stage, "pterodactyl_api_key", &moved, "envelope").await;
    save(&stage, "site_name", "NodeByte", "plain").await;
    let settings = settings(
        &stage,
        &[
            ("PTERODACTYL_URL", "https://panel.example"),
            ("PTERODACTYL_API_KEY", "from-environment"),
        ],
    );
    let overrides = settings.overrides().await.unwrap();
    assert!(overrides.get("site_name").unwrap().is_some());
    let panel = settings.default_panel().await.unwrap();
    let refused = settings.panel_access(&panel).await.unwrap_err();
    assert!(matches!(refused, SettingsError::Setting { key, .. } if key == "pterodactyl_api_key"));
}

#[tokio::test]
async fn another_panel_never_gets_the_default_panels_secrets() {
    let stage = Stage::new().await;
    let settings = settings(
        &stage,
        &[
            ("PTERODACTYL_URL", "https://panel.example"),
            ("PTERODACTYL_API_KEY", "default-key"),
            ("PTERODACTYL_CLIENT_API_KEY", "default-client-key"),
            ("CF_ACCESS_CLIENT_ID", "id"),
            ("CF_ACCESS_CLIENT_SECRET", "secret"),
        ],
    );
    let id = PanelId::new();
    let mut new = NewPanel {
        id,
        name: "other".to_owned(),
        url: "https://other.example".to_owned(),
        application_key: None,
        client_key: None,
    };
    let row = stage.store.panel_save(&new).await.unwrap();
    let refused = settings.panel_access(&row).await.unwrap_err();
    assert!(matches!(refused, SettingsError::NoApplicationKey(name) if name == "other"));

    // The first data key, made after the settings were read.
    let vault = vault(&stage).await;
    let key = SecretString::from("own-key");
    new.application_key = Some(
        vault
            .seal_panel_key(PanelKey::Application, id, &key)
            .unwrap(),
    );
    let row = stage.store.panel_save(&new).await.unwrap();
    let access = settings.panel_access(&row).await.unwrap();
    assert_eq!(access.url, "https://other.example");
    assert_eq!(access.application_key.expose_secret(), "own-key");
    assert!(access.client_key.is_none());
    assert!(access.cf_access.is_none());
}

#[tokio::test]
async fn without_any_address_there_is_no_default_panel() {
    let stage = Stage::new().await;
    let refused = settings(&stage, &[]).default_panel().await.unwrap_err();
    assert!(matches!(refused, SettingsError::NoDefaultPanel));
}
