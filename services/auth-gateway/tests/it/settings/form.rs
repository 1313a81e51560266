use std::time::{Duration, Instant};

use common::types::scope::Scope;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::wait_for;

use super::stage::{MASK, SETTINGS, Stage};
use crate::gateway::{Differences, Gateway, answer, error_code};

#[tokio::test]
async fn what_is_saved_is_shown_and_no_secret_leaves_again() {
    let stage = Stage::new().await;
    let saved = stage
        .saved(json!({
            "siteName": "Planet", "maintenanceMode": true, "cacheTimeout": 5,
            "githubToken": "planted-token", "resendApiKey": "planted-key",
            "scalarApiKey": "planted-scalar", "crowdinPersonalToken": "planted-crowdin",
        }))
        .await;
    assert_eq!(saved["message"], "Settings saved successfully");
    let shown = stage.shown().await;
    assert_eq!(shown["settings"], saved["settings"]);
    let settings = &shown["settings"];
    assert_eq!(settings["siteName"], "Planet");
    assert_eq!(settings["maintenanceMode"], true);
    assert_eq!(settings["cacheTimeout"], 5);
    for set in ["githubToken", "resendApiKey", "pterodactylApiKey"] {
        assert_eq!(settings[set], MASK, "{set}");
    }
    assert_eq!(settings["virtfusionApiKey"], "", "which is not set");
    assert_eq!(settings["discordWebhooks"], json!([]));
    assert_eq!(settings["githubRepositories"], json!([]));
    assert_eq!(shown["sensitiveFields"].as_array().unwrap().len(), 8);
    for answer in [&shown, &saved] {
        let text = answer.to_string();
        assert!(!text.contains("planted") && !text.contains("ptla_test"));
    }
    let everything = stage.everything().await;
    assert!(everything.contains("SETTINGS_CHANGED"));
    assert!(!everything.contains("planted"));
    let sealed = "SELECT count(*)::text FROM config WHERE value LIKE 'nb1:%'";
    assert_eq!(stage.text(sealed).await, "4");
}

#[tokio::test]
async fn without_a_word_everything_has_its_default() {
    let settings = Stage::new().await.shown().await["settings"].clone();
    for (name, default) in [
        ("registrationEnabled", json!(true)),
        ("maintenanceMode", json!(false)),
        ("emailNotifications", json!(true)),
        ("discordNotifications", json!(true)),
        ("autoSyncEnabled", json!(false)),
        ("cacheTimeout", json!(60)),
        ("syncInterval", json!(3600)),
        ("siteName", json!("NodeByte Hosting")),
        ("pterodactylUrl", json!("http://127.0.0.1:9")),
        ("siteUrl", json!("")),
    ] {
        assert_eq!(settings[name], default, "{name}");
    }
}

#[tokio::test]
async fn fields_that_are_absent_empty_or_masked_stay_as_they_are() {
    let stage = Stage::new().await;
    let all = json!({
        "registrationEnabled": false, "cacheTimeout": 7, "siteName": "Planet",
        "siteUrl": "https://site.example", "githubToken": "planted",
        "githubRepositories": ["a/a"],
    });
    let before = stage.saved(all).await["settings"].clone();
    for body in [
        json!({}),
        json!({"siteName": "Planet"}),
        json!({"siteUrl": "", "cacheTimeout": null, "githubToken": ""}),
        json!({"githubToken": MASK, "unknownField": {"a": 1}, "discordWebhooks": [{"id": "x"}]}),
        // The website sends the whole form back.
        before.clone(),
    ] {
        assert_eq!(stage.saved(body).await["settings"], before);
    }
    let changes = "SELECT count(*)::text FROM admin_audit WHERE event_type = 'SETTINGS_CHANGED'";
    assert_eq!(stage.text(changes).await, "1", "the first alone");
    // What only the environment or a default says is not stored by that.
    let stored = "SELECT string_agg(key, ' ' ORDER BY key) FROM config";
    let stored = stage.text(stored).await;
    assert!(
        !stored.contains("pterodactyl") && !stored.contains("sync"),
        "{stored}"
    );
}

#[tokio::test]
async fn one_wrong_field_is_named_and_nothing_is_saved() {
    let stage = Stage::new().await;
    for (field, value) in [
        ("maintenanceMode", json!("yes")),
        ("cacheTimeout", json!("planted")),
        ("syncInterval", json!(59)),
        ("siteUrl", json!("planted://x")),
        ("adminEmail", json!("planted")),
        ("githubRepositories", json!("planted")),
        ("githubRepositories", json!(["planted"])),
        ("githubToken", json!("planted token")),
        ("siteName", json!(5)),
        ("githubRepositoriesMerge", json!("planted")),
    ] {
        let (status, body) = stage
            .save(json!({"crowdinProjectId": "42", field: value}))
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}");
        assert_eq!(error_code(status, &body), "INVALID_REQUEST");
        let error = body["error"].as_str().unwrap();
        assert!(error.contains(&format!("`{field}`")), "{error}");
        assert!(!body.to_string().contains("planted"));
    }
    let (status, _) = stage.save(json!([])).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(stage.text("SELECT count(*)::text FROM config").await, "0");
    assert_eq!(stage.shown().await["settings"]["crowdinProjectId"], "");
}

#[tokio::test]
async fn what_fails_halfway_leaves_nothing_behind() {
    let stage = Stage::new().await;
    let break_it = "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
            $$ BEGIN RAISE 'planted'; END $$; \
        CREATE TRIGGER broken BEFORE INSERT ON outbox EXECUTE FUNCTION broken()";
    let database = stage.gateway.database.connect().await;
    database.batch_execute(break_it).await.unwrap();
    let (status, body) = stage
        .save(json!({"siteName": "Planet", "cacheTimeout": 5}))
        .await;
    assert!(status.is_server_error(), "{status}");
    assert!(!body.to_string().contains("planted"));
    assert_eq!(stage.text("SELECT count(*)::text FROM config").await, "0");
    let told = "SELECT count(*)::text FROM admin_audit WHERE event_type = 'SETTINGS_CHANGED'";
    assert_eq!(stage.text(told).await, "0");
}

#[tokio::test]
async fn the_interval_of_syncs_is_one_setting_in_seconds() {
    let stage = Stage::with(vec![("AUTO_SYNC_INTERVAL", "7200".to_owned())]).await;
    assert_eq!(stage.shown().await["settings"]["syncInterval"], 7200);
    let saved = stage.saved(json!({"syncInterval": 120})).await;
    assert_eq!(saved["settings"]["syncInterval"], 120);
    let stored = "SELECT key || '=' || value FROM config";
    assert_eq!(stage.text(stored).await, "auto_sync_interval=120");
}

#[tokio::test]
async fn a_version_that_is_no_longer_there_is_refused() {
    let stage = Stage::new().await;
    let shown = stage.request(Method::GET, SETTINGS).send().await.unwrap();
    let version = shown.headers()["etag"].to_str().unwrap().to_owned();
    let save = |version: &str, name: &str| {
        let request = stage.request(Method::POST, SETTINGS);
        answer(
            request
                .header("If-Match", version)
                .json(&json!({"siteName": name})),
        )
    };
    let (status, _) = save(&version, "First").await;
    assert_eq!(status, StatusCode::OK);
    let (status, body) = save(&version, "Second").await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(error_code(status, &body), "PRECONDITION_FAILED");
    assert_eq!(stage.shown().await["settings"]["siteName"], "First");
    let reset = stage.request(Method::PUT, SETTINGS);
    let reset = reset.header("If-Match", &version);
    let (status, body) = answer(reset.json(&json!({"keys": []}))).await;
    assert_eq!(error_code(status, &body), "PRECONDITION_FAILED");
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let repos = stage.request(method, "/api/admin/settings/repos");
        let repos = repos.header("If-Match", &version);
        let repo = json!({"repo": "a/b", "oldRepo": "a/b"});
        let (status, body) = answer(repos.json(&repo)).await;
        assert_eq!(error_code(status, &body), "PRECONDITION_FAILED");
    }
    let (status, _) = save("*", "Third").await;
    assert_eq!(status, StatusCode::OK);
    stage.saved(json!({"siteName": "Fourth"})).await;
}

#[tokio::test]
async fn of_many_saves_at_once_none_is_lost() {
    let stage = Stage::new().await;
    let (one, two, three, four) = tokio::join!(
        stage.saved(json!({"siteName": "Planet"})),
        stage.saved(json!({"cacheTimeout": 9})),
        stage.saved(json!({"githubRepositories": ["a/a"], "githubRepositoriesMerge": true})),
        stage.saved(json!({"githubRepositories": ["b/b"], "githubRepositoriesMerge": true})),
    );
    drop([one, two, three, four]);
    let settings = stage.shown().await["settings"].clone();
    assert_eq!(settings["siteName"], "Planet");
    assert_eq!(settings["cacheTimeout"], 9);
    let mut names: Vec<String> =
        serde_json::from_value(settings["githubRepositories"].clone()).unwrap();
    names.sort();
    assert_eq!(names, ["a/a", "b/b"]);
}

#[tokio::test]
async fn secrets_that_are_reset_are_gone_and_nothing_else_is() {
    let stage = Stage::new().await;
    stage
        .saved(json!({"githubToken": "planted", "resendApiKey": "planted", "siteName": "Planet"}))
        .await;
    let keys = json!({"keys": ["githubToken", "siteName", "pterodactylApiKey", "unknown"]});
    let (status, body) = stage.send(Method::PUT, SETTINGS, &keys).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["message"], "Settings reset successfully");
    assert_eq!(body["settings"]["githubToken"], "");
    assert_eq!(body["settings"]["resendApiKey"], MASK);
    assert_eq!(body["settings"]["siteName"], "Planet");
    assert_eq!(
        body["settings"]["pterodactylApiKey"], MASK,
        "the environment's"
    );
    let stored = "SELECT string_agg(key, ' ' ORDER BY key) FROM config";
    assert_eq!(stage.text(stored).await, "resend_api_key site_name");
    let (status, _) = stage
        .send(Method::PUT, SETTINGS, &json!({"keys": "all"}))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn without_an_encryption_key_no_secret_is_stored() {
    let gateway = Gateway::start_with(Differences {
        variables: vec![("ENCRYPTION_KEY", String::new())],
        ..Differences::default()
    })
    .await;
    let key = gateway.key("admin", [Scope::Admin]).await;
    let save = |body: Value| answer(gateway.as_client(&key, Method::POST, SETTINGS).json(&body));
    let (status, body) = save(json!({"siteName": "Planet", "githubToken": "planted"})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(error_code(status, &body), "ENCRYPTION_KEY_MISSING");
    assert!(gateway.store.settings().await.unwrap().is_empty());
    let (status, _) = save(json!({"siteName": "Planet"})).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_damaged_secret_is_not_shown_and_can_be_replaced() {
    let stage = Stage::new().await;
    stage.saved(json!({"githubToken": "planted"})).await;
    let damage =
        "UPDATE config SET value = overlay(value placing 'AAAA' from 30 for 4) RETURNING key";
    assert_eq!(stage.text(damage).await, "github_token");
    assert_eq!(stage.shown().await["settings"]["githubToken"], MASK);
    stage.saved(json!({"githubToken": "planted"})).await;
    let settings = reach::settings::Settings::new(
        stage.gateway.store.clone(),
        std::sync::Arc::clone(&stage.gateway.config),
    );
    let overrides = settings.unwrap().newest().await.unwrap();
    assert!(overrides.get("github_token").unwrap().is_some());
}

#[tokio::test]
async fn another_replica_heeds_a_change_within_two_seconds() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let stage = Stage::new().await;
    let elsewhere = reach::settings::Settings::new(
        stage.gateway.store.clone(),
        std::sync::Arc::clone(&stage.gateway.config),
    )
    .unwrap();
    assert!(elsewhere.discord_notifications_enabled().await.unwrap());
    assert!(elsewhere.email_notifications_enabled().await.unwrap());
    assert_eq!(elsewhere.site_name().await.unwrap(), "NodeByte Hosting");
    stage
        .saved(json!({"discordNotifications": false, "siteUrl": "https://site.example"}))
        .await;
    let changed = Instant::now();
    // When the last look began that knew nothing of it.
    let mut looked = Duration::ZERO;
    wait_for("the change", PATIENCE, async || {
        let look = changed.elapsed();
        let is_on = elsewhere.discord_notifications_enabled().await.unwrap();
        if is_on {
            looked = look;
        }
        (!is_on).then_some(())
    })
    .await;
    assert!(looked <= Duration::from_secs(2), "{looked:?}");
    let url = elsewhere.site_url().await.unwrap();
    assert_eq!(url.as_deref(), Some("https://site.example"));
    assert!(elsewhere.email_notifications_enabled().await.unwrap());
}

/// The fields of the document are those that are answered.
#[tokio::test]
async fn the_document_describes_every_setting() {
    let shown = Stage::new().await.shown().await;
    let document = auth_gateway::openapi::document();
    let answer = &document["components"]["schemas"]["SettingsAnswer"]["properties"];
    let described = &answer["settings"]["properties"];
    let names =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(names(&shown["settings"]), names(described));
}

#[tokio::test]
async fn what_says_a_field_twice_changes_nothing() {
    let stage = Stage::new().await;
    for (path, body) in [
        (SETTINGS, r#"{"siteName":"A","siteName":"B"}"#.to_owned()),
        (
            SETTINGS,
            r#"{"siteName":"A","\u0073iteName":null}"#.to_owned(),
        ),
        (
            "/api/admin/settings/test",
            r#"{"type":"database","type":"pterodactyl"}"#.to_owned(),
        ),
        (
            "/api/admin/settings/test?type=database",
            r#"{"type":"pterodactyl"}"#.to_owned(),
        ),
    ] {
        let request = stage.request(Method::POST, path).body(body.clone());
        let (status, answer) = answer(request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        let sentence = answer["error"].as_str().unwrap();
        assert!(sentence.contains("given twice"), "{sentence}");
    }
    assert_eq!(
        stage.shown().await["settings"]["siteName"],
        "NodeByte Hosting"
    );
}
