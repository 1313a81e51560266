//! `ENCRYPTION_KEY` is changed.

use crate::cli::{Cli, ENCRYPTION_KEY, Installation};
use crate::sealed::{LEGACY, LEGACY_PLAIN, assert_silent, opened, planted, vault};
use secrecy::ExposeSecret;

const NEW: &str = "abababababababababababababababababababababababababababababababab";

/// The command line of processes that have the new key, and perhaps the old one.
fn changed(it: &mut Installation, old: &str) {
    let cli = std::mem::replace(&mut it.cli, Cli::bare());
    it.cli = cli
        .with("ENCRYPTION_KEY", NEW)
        .with("ENCRYPTION_KEY_OLD", old);
}

#[tokio::test]
async fn the_old_key_is_needed_until_the_data_keys_are_wrapped_anew() {
    let (mut it, before) = planted().await;
    assert_eq!(it.cli.run(&["keys", "rotate"]).await.code, 0);
    let saved = it
        .store
        .setting_save("resend_api_key", LEGACY, "legacy_gcm", "test");
    saved.await.unwrap();

    changed(&mut it, ENCRYPTION_KEY);
    let status = it.cli.json(&["keys", "status"]).await;
    assert_eq!(status["keys"][1]["opened_by"], "ENCRYPTION_KEY_OLD");
    let shown = it.cli.json(&["config", "get"]).await;
    assert_eq!(shown["github_token"], "••••••••••••••••••••");
    let answer = it.cli.run(&["keys", "rotate"]).await;
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("keys rewrap"), "{}", answer.stderr);
    assert_eq!(it.count("data_keys").await, 2);

    let answer = it.cli.run(&["keys", "rewrap"]).await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_silent(&answer);
    assert!(!answer.stdout.contains(NEW) && !answer.stderr.contains(NEW));

    changed(&mut it, "");
    let status = it.cli.json(&["keys", "status"]).await;
    for key in status["keys"].as_array().unwrap() {
        assert_eq!(key["opened_by"], "ENCRYPTION_KEY");
    }
    assert_eq!(status["sound"], true);
    let vault = vault(&it.store, NEW).await;
    let rows = it.store.settings().await.unwrap();
    let row = rows.iter().find(|row| row.key == "resend_api_key").unwrap();
    let value = vault.setting(&row.key, &row.value, &row.format).unwrap();
    assert_eq!(
        (row.format.as_str(), value.expose_secret()),
        ("envelope", LEGACY_PLAIN)
    );
    it.sql
        .execute("DELETE FROM config WHERE key = 'resend_api_key'", &[])
        .await
        .unwrap();
    assert_eq!(opened(&it.store, NEW).await, before);
    let trail = "SELECT details::text FROM admin_audit WHERE event_type = 'DATA_KEYS_REWRAPPED'";
    let trail = it.text(trail).await;
    assert!(
        trail.contains("key_ids") && !trail.contains("nbk1"),
        "{trail}"
    );

    let again = it.cli.json(&["keys", "rewrap"]).await;
    assert_eq!(
        (
            again["rewrapped"].as_array().map(Vec::len),
            &again["resealed"]
        ),
        (Some(0), &0.into())
    );
}

#[tokio::test]
async fn with_neither_key_nothing_is_changed_and_nothing_opens() {
    let (mut it, before) = planted().await;
    changed(&mut it, &"cd".repeat(32));
    let answer = it.cli.run(&["keys", "status"]).await;
    assert_eq!(answer.code, 1);
    assert_silent(&answer);
    for command in ["rewrap", "rotate"] {
        let answer = it.cli.run(&["keys", command]).await;
        assert_eq!(answer.code, 1, "{command}: {}", answer.stderr);
        assert_silent(&answer);
    }
    assert_eq!(it.count("data_keys").await, 1);
    assert_eq!(it.count("admin_audit").await, 0);
    assert_eq!(opened(&it.store, ENCRYPTION_KEY).await, before);
}
