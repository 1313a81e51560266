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
async fn an_address_and_its_keys_change_together_and_count_at_once() {
    let installation = Installation::new().await;
    let set = ["config", "set", "pterodactyl_url"];
    let moved = "https://moved.example\n";
    let answer = installation.cli.run_with_input(&set, moved).await;
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert!(
        answer.stderr.contains("pterodactyl_api_key"),
        "{}",
        answer.stderr
    );
    assert_eq!(installation.count("config").await, 0);

    let set = ["config", "set", "pterodactyl_url", "pterodactyl_api_key"];
    let answer = installation.cli.run_with_input(&set, moved).await;
    assert_eq!(answer.code, 64, "a line for each: {}", answer.stderr);
    let both = format!("{moved}planted-key\n");
    let answer = installation.cli.run_with_input(&set, &both).await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let origin = "SELECT origin FROM config WHERE key = 'pterodactyl_api_key'";
    assert_eq!(installation.text(origin).await, "https://moved.example");
    installation.ask_for_run().await;
    let url = installation
        .text("SELECT url FROM panels WHERE name = 'default'")
        .await;
    assert_eq!(url, "https://moved.example");
}

#[tokio::test]
async fn a_change_is_told_in_trail_and_event_and_the_same_value_is_no_change() {
    let installation = Installation::new().await;
    for (key, value) in [
        ("site_name", "Planet"),
        ("site_name", "Planet"),
        ("github_token", "planted"),
        ("github_token", "planted"),
        ("github_token", "planted-too"),
        ("github_token", ""),
        ("github_token", ""),
    ] {
        let set = ["config", "set", key];
        let answer = installation.cli.run_with_input(&set, value).await;
        assert_eq!(answer.code, 0, "{}", answer.stderr);
    }
    let trail = "SELECT string_agg(actor || ' ' || event_type || ' ' || details::text, E'\\n' \
                 ORDER BY id) FROM admin_audit";
    let trail = installation.text(trail).await;
    let lines: Vec<&str> = trail.lines().collect();
    assert_eq!(lines.len(), 4, "{trail}");
    assert!(
        lines[0].starts_with("cli:tester SETTINGS_CHANGED"),
        "{trail}"
    );
    assert!(
        lines[0].contains(r#""before": "NodeByte Hosting""#),
        "{trail}"
    );
    for (line, after) in lines[1..].iter().zip(["set", "changed", "removed"]) {
        assert!(line.contains(&format!(r#""after": "{after}""#)), "{line}");
    }
    let events = "SELECT string_agg(key || ' ' || subject || ' ' || body::text, ' ') FROM outbox";
    let events = installation.text(events).await;
    assert_eq!(events.matches("settings.changed settings").count(), 4);
    assert!(events.contains("/nodebyte/settings"), "{events}");
    assert!(!trail.contains("planted") && !events.contains("planted"));
}

#[tokio::test]
async fn settings_are_shown_as_they_count_and_secrets_masked() {
    let installation = Installation::new().await;
    let set = ["config", "set", "github_token"];
    installation.cli.run_with_input(&set, "planted").await;
    let all = installation.cli.json(&["config", "get"]).await;
    assert_eq!(all["pterodactyl_url"], "https://panel.example");
    assert_eq!(all["site_name"], "NodeByte Hosting");
    assert_eq!(all["github_token"], "••••••••••••••••••••");
    assert_eq!(all["pterodactyl_api_key"], "••••••••••••••••••••");
    assert_eq!(all["resend_api_key"], "");
    assert!(!all.to_string().contains("planted"));
    let one = installation.cli.run(&["config", "get", "site_name"]).await;
    assert!(one.stdout.contains("NodeByte Hosting"), "{}", one.stdout);
    assert!(!one.stdout.contains("pterodactyl"));
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
        ("maintenance_mode", "perhaps"),
        ("auto_sync_interval", "59"),
        ("cache_timeout", "-1"),
        ("admin_email", "nobody"),
        ("github_repositories", r#"["one"]"#),
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
