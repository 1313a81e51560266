use crate::cli::{Cli, Installation};
use serde_json::Value;

#[tokio::test]
async fn a_check_says_all_that_is_wrong_at_once() {
    let cli = Cli::bare()
        .with("BACKEND_PORT", "many")
        .with("DATABASE_URL", "planted-not-an-address")
        .with("ENV", "elsewhere");
    let answer = cli.run(&["config", "check"]).await;
    assert_eq!(answer.code, 78);
    for name in ["BACKEND_PORT", "DATABASE_URL", "ENV"] {
        assert!(answer.stderr.contains(name), "{}", answer.stderr);
    }
    assert!(!answer.stderr.contains("planted"));

    let answer = cli.run(&["config", "check", "--json"]).await;
    let error: Value = serde_json::from_str(&answer.stderr).unwrap();
    assert_eq!(error["errors"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_check_prints_the_configuration_without_secrets() {
    let cli = Cli::bare()
        .with("DATABASE_URL", "postgres://user:planted@localhost/nodebyte")
        .with("BACKEND_API_KEY", "planted-too")
        .with("BACKEND_PORT", "8123");
    let answer = cli.run(&["config", "check"]).await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(answer.stdout.contains("http.port = 8123"));
    assert!(answer.stdout.contains("security.backend_api_key = (set)"));
    assert!(!answer.stdout.contains("planted"));

    let json = cli.json(&["config", "check"]).await;
    assert_eq!(json["http"]["port"], 8123);
    assert!(!json.to_string().contains("planted"));
}

#[tokio::test]
async fn a_secret_setting_is_stored_sealed() {
    let installation = Installation::new().await;
    let set = ["config", "set", "github_token"];
    let answer = installation
        .cli
        .run_with_input(&set, "planted-token\n")
        .await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(!answer.stdout.contains("planted") && !answer.stderr.contains("planted"));
    let row = installation
        .text("SELECT format || ' ' || updated_by || ' ' || value FROM config WHERE key = 'github_token'")
        .await;
    assert!(row.starts_with("envelope cli:tester nb1:"), "{row}");
    assert!(!row.contains("planted"));
    assert_eq!(installation.count("data_keys WHERE active").await, 1);
}

#[tokio::test]
async fn a_secret_is_refused_without_an_encryption_key() {
    let mut installation = Installation::new().await;
    installation.cli = installation.cli.with("ENCRYPTION_KEY", "");
    let set = ["config", "set", "github_token"];
    let answer = installation.cli.run_with_input(&set, "planted-token").await;
    assert_eq!(answer.code, 78);
    assert!(
        answer.stderr.contains("ENCRYPTION_KEY"),
        "{}",
        answer.stderr
    );
    assert_eq!(installation.count("config").await, 0);
}

#[tokio::test]
async fn a_plain_setting_is_stored_as_it_is_and_counts_at_once() {
    let installation = Installation::new().await;
    let set = ["config", "set", "pterodactyl_url"];
    let answer = installation
        .cli
        .run_with_input(&set, "https://moved.example\n")
        .await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    installation.ask_for_run().await;
    let url = installation
        .text("SELECT url FROM panels WHERE name = 'default'")
        .await;
    assert_eq!(url, "https://moved.example");
}

#[tokio::test]
async fn unknown_settings_and_wrong_addresses_are_refused() {
    let installation = Installation::new().await;
    for (key, value) in [
        ("no_such_setting", "x"),
        ("pterodactyl_url", "ftp://x.example"),
        ("pterodactyl_url", "https://user:planted@x.example"),
        ("pterodactyl_url", "https://x.example/?page=1"),
        ("pterodactyl_url", "not an address"),
        ("pterodactyl_api_key", "two\nlines"),
        ("github_token", "with a space"),
        ("site_name", "a\0b"),
    ] {
        let answer = installation
            .cli
            .run_with_input(&["config", "set", key], value)
            .await;
        assert_eq!(answer.code, 64, "{key}: {}", answer.stderr);
        assert!(!answer.stderr.contains("planted"));
    }
    assert_eq!(installation.count("config").await, 0);
}
