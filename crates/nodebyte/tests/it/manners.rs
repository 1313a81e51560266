use crate::cli::{Cli, Installation};
use testkit::TestDatabase;

#[tokio::test]
async fn migrating_twice_changes_nothing_the_second_time() {
    let installation = Installation::on(TestDatabase::empty().await).await;
    let first = installation.cli.json(&["migrate"]).await;
    assert!(!first["applied"].as_array().unwrap().is_empty());
    let second = installation.cli.json(&["migrate"]).await;
    assert_eq!(second["applied"], serde_json::json!([]));
    assert_eq!(installation.count("sync_runs").await, 0);
}

#[tokio::test]
async fn arguments_that_make_no_sense_end_with_64() {
    for arguments in [
        &["unknown"][..],
        &["sync", "run", "everything"],
        &["sync", "logs", "not-an-id"],
        &[],
    ] {
        let answer = Cli::bare().run(arguments).await;
        assert_eq!(answer.code, 64, "{arguments:?}: {}", answer.stderr);
        assert_eq!(answer.stdout, "");
    }
    let help = Cli::bare().run(&["--help"]).await;
    assert_eq!(help.code, 0);
    assert!(
        help.stdout
            .contains("69  PostgreSQL or RabbitMQ does not answer")
    );
}

#[tokio::test]
async fn a_database_that_does_not_answer_ends_with_69() {
    let cli = Cli::bare()
        .with(
            "DATABASE_URL",
            "postgres://user:planted-password@127.0.0.1:1/none",
        )
        .with("DATABASE_ACQUIRE_SECONDS", "1");
    let answer = cli.run(&["panel", "list"]).await;
    assert_eq!(answer.code, 69, "{}", answer.stderr);
    assert!(!answer.stderr.contains("planted-password"));
    let answer = cli.run(&["panel", "list", "--json"]).await;
    let error: serde_json::Value = serde_json::from_str(&answer.stderr).unwrap();
    assert_eq!(error["exit_code"], 69);
}

#[tokio::test]
async fn json_is_printed_also_of_arguments_that_make_no_sense() {
    for arguments in [
        &["--json", "unknown"][..],
        &["sync", "run", "everything", "--json"],
        &["--json"],
    ] {
        let answer = Cli::bare().run(arguments).await;
        assert_eq!(answer.code, 64, "{arguments:?}");
        assert_eq!(answer.stdout, "");
        let error: serde_json::Value = serde_json::from_str(&answer.stderr).unwrap();
        assert_eq!(error["exit_code"], 64);
        assert!(error["error"].is_string());
    }
}

#[tokio::test]
async fn why_there_is_no_connection_is_said_in_postgresql_s_words() {
    let installation = Installation::new().await;
    let url: String = installation.text("SELECT inet_server_port()::text").await;
    let url = format!("postgres://postgres@127.0.0.1:{url}/no_such_database");
    let cli = installation.cli.with("DATABASE_URL", &url);
    let answer = cli.run(&["panel", "list"]).await;
    assert_eq!(answer.code, 69);
    assert!(
        answer.stderr.contains("no_such_database"),
        "{}",
        answer.stderr
    );
}

#[tokio::test]
async fn a_broker_that_does_not_answer_ends_with_69() {
    let installation = Installation::new().await;
    let cli = installation
        .cli
        .with("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/none");
    assert_eq!(cli.run(&["dead", "list"]).await.code, 69);
}

#[tokio::test]
async fn a_generated_key_has_64_hex_digits_and_is_new_each_time() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let answer = Cli::bare().run(&["keys", "generate"]).await;
        let key = answer.stdout.trim().to_owned();
        assert_eq!(key.len(), 64);
        assert!(key.bytes().all(|byte| byte.is_ascii_hexdigit()));
        keys.push(key);
    }
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let answer = Cli::bare().run(&["completions", shell]).await;
        assert_eq!(answer.code, 0);
        assert!(answer.stdout.contains("nodebyte"));
    }
}
