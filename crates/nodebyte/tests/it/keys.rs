use crate::cli::{ENCRYPTION_KEY, Installation, PATIENCE, ended};
use crate::sealed::{
    LEGACY, LEGACY_PLAIN, PLAIN_MAIL, assert_silent, opened, outdated, planted, vault,
};
use common::types::id::{PanelId, WebhookId};
use reach::settings::Settings;
use reach::webhooks::TargetError;
use runtime::config::{Config, Sources};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::sync::Arc;
use store::SEALED_COLUMNS;
use uuid::Uuid;

const PANEL: PanelId = PanelId(Uuid::from_u128(1));
const WEBHOOK: WebhookId = WebhookId(Uuid::from_u128(2));

/// A process that has been running since before the rotation.
fn process(it: &Installation) -> Settings {
    let variables = [
        ("DATABASE_URL", "postgres://nobody@localhost/none"),
        ("ENCRYPTION_KEY", ENCRYPTION_KEY),
    ];
    let config = Config::load(&Sources::of_variables(variables)).unwrap();
    Settings::new(it.store.clone(), Arc::new(config)).unwrap()
}

async fn json(it: &Installation, arguments: &[&str]) -> (i32, Value) {
    let arguments = [arguments, &["--json"]].concat();
    let answer = it.cli.run(&arguments).await;
    assert_silent(&answer);
    let value = serde_json::from_str(&answer.stdout);
    (
        answer.code,
        value.unwrap_or_else(|_| panic!("{}", answer.stderr)),
    )
}

async fn trail(it: &Installation) -> String {
    it.text("SELECT COALESCE(string_agg(actor || ' ' || event_type || ' ' || details::text, E'\\n' ORDER BY id), '') FROM admin_audit")
        .await
}

#[tokio::test]
async fn a_rotation_seals_every_place_anew_and_everything_still_opens() {
    let (it, before) = planted().await;
    let answer = it.cli.run(&["keys", "rotate"]).await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_silent(&answer);
    for column in SEALED_COLUMNS {
        let name = format!("{}.{}: ", column.table(), column.column);
        assert!(answer.stderr.contains(&name), "{name}{}", answer.stderr);
    }
    assert_eq!(outdated(&it).await, 0);
    assert_eq!(opened(&it.store, ENCRYPTION_KEY).await, before);
    let plain = "SELECT body FROM mails WHERE NOT holds_link";
    let plain = it.sql.query_one(plain, &[]).await.unwrap();
    assert_eq!(
        plain.get::<_, &str>(0),
        PLAIN_MAIL,
        "what is no secret stays as it is"
    );
    assert_eq!(it.count("data_keys").await, 2);
    let trail = trail(&it).await;
    assert!(trail.starts_with("cli:tester DATA_KEY_CREATED"), "{trail}");
    assert!(
        !trail.contains("planted") && !trail.contains("nb"),
        "{trail}"
    );

    let (code, status) = json(&it, &["keys", "status"]).await;
    assert_eq!((code, status["sound"].as_bool()), (0, Some(true)));
    let keys = status["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys[0]["seals"].as_object().unwrap().is_empty());
    assert_eq!(
        keys[1]["seals"].as_object().unwrap().len(),
        SEALED_COLUMNS.len()
    );
    assert_eq!(keys[1]["active"], true);
    assert_eq!(keys[1]["opened_by"], "ENCRYPTION_KEY");
    let answer = it.cli.run(&["keys", "status"]).await;
    assert!(answer.stdout.contains("not needed"), "{}", answer.stdout);
    assert_silent(&answer);
}

#[tokio::test]
async fn a_rotation_that_broke_off_goes_on_without_yet_another_key() {
    let (it, before) = planted().await;
    it.sql
        .batch_execute(
            "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN RAISE EXCEPTION 'broken off'; END $$;
             CREATE TRIGGER break_off BEFORE UPDATE ON hytale_device_flows
               FOR EACH ROW EXECUTE FUNCTION break_off();",
        )
        .await
        .unwrap();
    let answer = it.cli.run(&["keys", "rotate"]).await;
    assert_ne!(answer.code, 0);
    assert_silent(&answer);
    assert_eq!(opened(&it.store, ENCRYPTION_KEY).await, before);
    let (_, status) = json(&it, &["keys", "status"]).await;
    assert_eq!(status["columns"][0]["older"], 0);
    assert!(outdated(&it).await > 0);

    it.sql
        .batch_execute("DROP TRIGGER break_off ON hytale_device_flows")
        .await
        .unwrap();
    let (code, rotated) = json(&it, &["keys", "rotate"]).await;
    assert_eq!((code, rotated["new"].as_bool()), (0, Some(false)));
    assert_eq!(it.count("data_keys").await, 2);
    assert_eq!(outdated(&it).await, 0);
    assert_eq!(opened(&it.store, ENCRYPTION_KEY).await, before);

    let (_, rotated) = json(&it, &["keys", "rotate", "--new"]).await;
    assert_eq!(rotated["new"], true);
    assert_eq!(it.count("data_keys").await, 3);
}

#[tokio::test]
async fn what_somebody_stores_meanwhile_is_not_overwritten() {
    let (mut it, mut before) = planted().await;
    let place = (
        "config".to_owned(),
        "value".to_owned(),
        "github_token".to_owned(),
    );
    let newer = vault(&it.store, ENCRYPTION_KEY)
        .await
        .seal_setting("github_token", &"planted newer".into())
        .unwrap();
    let writer = it.sql.transaction().await.unwrap();
    writer
        .execute("UPDATE config SET value = $1", &[&newer])
        .await
        .unwrap();
    let rotation = it.cli.start(&["keys", "rotate"]);
    // It has met the row, and gone past it.
    let passed = async {
        let older = "SELECT count(*) FROM data_keys k JOIN panels p \
                     ON starts_with(p.client_key, 'nb1:' || k.kid || ':') WHERE k.active";
        while {
            let row = writer.query_one(older, &[]).await.unwrap();
            row.get::<_, i64>(0) == 0 || it_has_one_key(&writer).await
        } {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, passed).await.unwrap();
    writer.commit().await.unwrap();
    let answer = ended(rotation).await;
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    before.insert(place, "planted newer".to_owned());
    assert_eq!(opened(&it.store, ENCRYPTION_KEY).await, before);
    assert_eq!(outdated(&it).await, 0);
}

async fn it_has_one_key(sql: &tokio_postgres::Transaction<'_>) -> bool {
    let keys = sql.query_one("SELECT count(*) FROM data_keys", &[]).await;
    keys.unwrap().get::<_, i64>(0) == 1
}

#[tokio::test]
async fn what_does_not_open_is_named_left_as_it_is_and_never_used() {
    let (it, _) = planted().await;
    it.sql
        .batch_execute(
            "UPDATE webhooks SET address = overlay(address placing \
               CASE WHEN substr(address, 40, 1) = 'A' THEN 'B' ELSE 'A' END from 40 for 1); \
             UPDATE panels SET application_key = client_key;",
        )
        .await
        .unwrap();
    let address = "SELECT address FROM webhooks";
    let (altered, running) = (it.text(address).await, process(&it));
    let refused = running.targets().of(WEBHOOK, 1).await.err();
    assert!(matches!(refused, Some(TargetError::Vault(_))));
    let panel = it.store.panel(PANEL).await.unwrap();
    assert!(running.panel_access(&panel).await.is_err());

    let answer = it.cli.run(&["keys", "rotate"]).await;
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert_silent(&answer);
    for place in [
        "webhooks.address of 00000000",
        "panels.application_key of 00000000",
    ] {
        assert!(answer.stdout.contains(place), "{}", answer.stdout);
    }
    assert_eq!(it.text(address).await, altered);
    assert_eq!(outdated(&it).await, 2);
    let (code, status) = json(&it, &["keys", "status"]).await;
    assert_eq!((code, status["sound"].as_bool()), (1, Some(false)));
    assert_eq!(status["unreadable"].as_array().unwrap().len(), 2);

    // What never opens is no rotation under way; and its key is kept.
    let (code, rotated) = json(&it, &["keys", "rotate"]).await;
    assert_eq!((code, rotated["new"].as_bool()), (1, Some(true)));
    old_enough(&it).await;
    let (code, rotated) = json(&it, &["keys", "rotate", "--drop-old"]).await;
    assert_eq!((code, rotated["new"].as_bool()), (1, Some(false)));
    assert_eq!(rotated["still_needed"].as_array().unwrap().len(), 1);
    assert_eq!(rotated["dropped"].as_array().unwrap().len(), 1);
}

async fn old_enough(it: &Installation) {
    it.sql
        .batch_execute("UPDATE data_keys SET created_at = created_at - interval '1 hour'")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_key_is_dropped_when_nothing_needs_it_and_nobody_can_seal_with_it() {
    let (it, before) = planted().await;
    assert_eq!(it.cli.run(&["keys", "rotate"]).await.code, 0);
    let (code, rotated) = json(&it, &["keys", "rotate", "--drop-old"]).await;
    assert_eq!((code, rotated["new"].as_bool()), (1, Some(false)));
    assert_eq!(rotated["too_young"].as_array().unwrap().len(), 1);
    assert_eq!(it.count("data_keys").await, 2);

    old_enough(&it).await;
    let (code, rotated) = json(&it, &["keys", "rotate", "--drop-old"]).await;
    assert_eq!(code, 0, "{rotated}");
    assert_eq!(it.count("data_keys").await, 1);
    assert_eq!(opened(&it.store, ENCRYPTION_KEY).await, before);
    assert!(trail(&it).await.contains("DATA_KEY_DROPPED"));
}

#[tokio::test]
async fn secrets_that_lie_plain_or_in_the_earlier_format_become_envelopes() {
    let it = Installation::new().await;
    for (key, value, format) in [
        ("github_token", "planted", "plain"),
        ("resend_api_key", LEGACY, "legacy_gcm"),
        ("site_name", "Planet", "plain"),
    ] {
        let saved = it.store.setting_save(key, value, format, "test").await;
        saved.unwrap();
    }
    let (_, status) = json(&it, &["keys", "status"]).await;
    let settings = &status["columns"][0];
    assert_eq!(
        (settings["plain"].as_u64(), settings["legacy"].as_u64()),
        (Some(1), Some(1))
    );
    let (code, rotated) = json(&it, &["keys", "rotate"]).await;
    assert_eq!((code, rotated["resealed"].as_u64()), (0, Some(2)));
    let vault = vault(&it.store, ENCRYPTION_KEY).await;
    let rows = it.store.settings().await.unwrap();
    let open = |key: &str| {
        let row = rows.iter().find(|row| row.key == key).unwrap();
        let value = vault.setting(key, &row.value, &row.format).unwrap();
        (row.format.clone(), value.expose_secret().to_owned())
    };
    let sealed = "envelope".to_owned();
    assert_eq!(open("github_token"), (sealed.clone(), "planted".to_owned()));
    assert_eq!(open("resend_api_key"), (sealed, LEGACY_PLAIN.to_owned()));
    assert_eq!(open("site_name"), ("plain".to_owned(), "Planet".to_owned()));
}

#[tokio::test]
async fn a_process_that_runs_all_the_while_goes_on_opening_and_sealing() {
    let (it, _) = planted().await;
    let running = process(&it);
    running.overrides().await.unwrap();
    let panel = it.store.panel(PANEL).await.unwrap();
    let known = running.panel_access(&panel).await.unwrap();
    assert_eq!(it.cli.run(&["keys", "rotate"]).await.code, 0);

    // At once, with what it read before.
    let panel = it.store.panel(PANEL).await.unwrap();
    let access = running.panel_access(&panel).await.unwrap();
    assert_eq!(
        access.application_key.expose_secret(),
        known.application_key.expose_secret()
    );
    let sealed = running.vault_to_seal().await.unwrap();
    let sealed = sealed.seal_setting("github_token", &"planted".into());
    let keys = it.store.data_keys().await.unwrap();
    let active = keys.iter().find(|key| key.active).unwrap();
    assert!(sealed.unwrap().contains(&active.kid));
}
