//! Changes that another transaction is in the way of.

use crate::cli::Installation;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_transaction_that_was_left_open_keeps_nothing_from_being_revoked_in_silence() {
    let installation = Installation::new().await;
    let (cli, sql) = (&installation.cli, &installation.sql);
    let user = ["user", "create", "--email", "anna@users.example"];
    cli.json(&[&user[..], &["--id", "cm5"]].concat()).await;
    let token = cli.json(&["token", "mint", "--user", "cm5"]).await;
    let id = token["id"].as_str().unwrap();
    let key = [
        "api-key", "create", "--client", "website", "--scopes", "read",
    ];
    let key = cli.json(&key).await;
    let prefix = key["prefix"].as_str().unwrap();

    sql.batch_execute("BEGIN; UPDATE users SET roles = '{MEMBER,ADMINISTRATOR}'")
        .await
        .unwrap();
    let commands = [
        &["user", "disable", "cm5"][..],
        &["user", "logout", "cm5"],
        &["token", "revoke", id],
        &["api-key", "revoke", prefix],
    ];
    let answers = commands.map(|command| async move {
        let began = Instant::now();
        (command, cli.run(command).await, began.elapsed())
    });
    for (command, answer, took) in futures_util::future::join_all(answers).await {
        assert_eq!(answer.code, 69, "{command:?}: {}", answer.stderr);
        let said = answer.stderr.contains("another transaction holds");
        assert!(said, "{command:?}: {}", answer.stderr);
        assert!(took < Duration::from_secs(20), "{command:?}: {took:?}");
    }
    sql.batch_execute("ROLLBACK").await.unwrap();
    for command in commands {
        assert_eq!(cli.run(command).await.code, 0, "{command:?}");
    }
}
