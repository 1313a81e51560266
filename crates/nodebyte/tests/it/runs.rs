use crate::cli::Installation;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_run_is_asked_for_and_its_command_published() {
    let installation = Installation::new().await;
    let run = installation.cli.json(&["sync", "run"]).await;
    assert_eq!(run["status"], "PENDING");
    assert_eq!(run["target"], "full");
    assert_eq!(run["requested_by"], "cli:tester");
    assert_eq!(run["new"], true);
    assert_eq!(
        installation.text("SELECT status FROM sync_runs").await,
        "PENDING"
    );
    // Without a gateway, whose relay would do it otherwise.
    assert_eq!(
        installation
            .count("outbox WHERE published_at IS NOT NULL")
            .await,
        1
    );

    let again = installation.cli.json(&["sync", "run", "nodes"]).await;
    assert_eq!(again["id"], run["id"]);
    assert_eq!(again["new"], false);
    assert_eq!(installation.count("sync_runs").await, 1);
}

#[tokio::test]
async fn a_run_may_be_of_one_kind_or_without_users() {
    let installation = Installation::new().await;
    let nests = installation.cli.json(&["sync", "run", "nests"]).await;
    assert_eq!(nests["kinds"], json!(["nests"]));
    let most = installation
        .cli
        .json(&["sync", "run", "--skip-users"])
        .await;
    assert_eq!(most["target"], "full");
    assert!(!most["kinds"].as_array().unwrap().contains(&json!("users")));
    let answer = installation
        .cli
        .run(&["sync", "run", "nests", "--skip-users"])
        .await;
    assert_eq!(answer.code, 64);
}

#[tokio::test]
async fn a_run_is_asked_for_while_rabbitmq_is_away() {
    let mut installation = Installation::new().await;
    installation.cli = installation
        .cli
        .with("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/none");
    installation.ask_for_run().await;
    assert_eq!(
        installation
            .count("outbox WHERE published_at IS NULL")
            .await,
        1
    );
}

#[tokio::test]
async fn an_unknown_panel_ends_with_66_and_a_missing_configuration_with_78() {
    let mut installation = Installation::new().await;
    let answer = installation
        .cli
        .run(&["sync", "run", "--panel", "other"])
        .await;
    assert_eq!(answer.code, 66, "{}", answer.stderr);
    installation.cli = installation.cli.with("PTERODACTYL_URL", "");
    let answer = installation.cli.run(&["sync", "run"]).await;
    assert_eq!(answer.code, 78, "{}", answer.stderr);
    assert_eq!(installation.count("sync_runs").await, 0);
}

#[tokio::test]
async fn status_shows_runs_and_one_run() {
    let installation = Installation::new().await;
    let id = installation.ask_for_run().await;
    let all = installation.cli.json(&["sync", "status"]).await;
    assert_eq!(all["runs"][0]["id"], id.as_str());
    assert_eq!(all["open_holds"], json!([]));
    let one = installation.cli.json(&["sync", "status", &id]).await;
    assert_eq!(one["run"]["status"], "PENDING");
    assert_eq!(one["tasks"], json!([]));
    for arguments in [&["sync", "status"][..], &["sync", "status", &id]] {
        let text = installation.cli.run(arguments).await;
        assert!(text.stdout.contains(&id) && text.stdout.contains("PENDING"));
    }
    let text = installation.cli.run(&["sync", "logs", &id]).await;
    assert!(text.stdout.contains("requested by cli:tester"));
    let none = installation.cli.json(&["sync", "errors", &id]).await;
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn skipped_records_and_conflicts_are_listed() {
    let installation = Installation::new().await;
    let id: Uuid = installation.ask_for_run().await.parse().unwrap();
    installation
        .sql
        .execute(
            "INSERT INTO sync_errors (run_id, kind, scope, position, remote_id, reason) \
             VALUES ($1, 'allocations', 3, 17, NULL, 'no port')",
            &[&id],
        )
        .await
        .unwrap();
    let errors = installation
        .cli
        .json(&["sync", "errors", &id.to_string()])
        .await;
    assert_eq!(errors[0]["node"], 3);
    assert_eq!(errors[0]["position"], 17);
    assert_eq!(errors[0]["reason"], "no port");
    installation
        .sql
        .execute(
            "INSERT INTO link_conflicts (panel_id, email, reason, user_ids, panel_user_ids) \
             SELECT id, 'a@example.com', 'several accounts', '{u1,u2}', '{}' FROM panels",
            &[],
        )
        .await
        .unwrap();
    let conflicts = installation.cli.json(&["sync", "conflicts"]).await;
    assert_eq!(conflicts[0]["email"], "a@example.com");
    assert_eq!(conflicts[0]["user_ids"], json!(["u1", "u2"]));
}

#[tokio::test]
async fn cancelling_again_succeeds_another_ended_run_is_refused_an_unknown_one_not_found() {
    let installation = Installation::new().await;
    let id = installation.ask_for_run().await;
    for _ in 0..2 {
        let run = installation.cli.json(&["sync", "cancel", &id]).await;
        assert_eq!(run["status"], "CANCELLED");
    }
    let ended = installation.ask_for_run().await;
    end(&installation, "COMPLETED", None).await;
    let answer = installation.cli.run(&["sync", "cancel", &ended]).await;
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("COMPLETED"));
    let nobody = Uuid::now_v7().to_string();
    for command in ["cancel", "confirm", "logs", "errors", "status"] {
        let answer = installation.cli.run(&["sync", command, &nobody]).await;
        assert_eq!(answer.code, 66, "{command}: {}", answer.stderr);
    }
}

#[tokio::test]
async fn a_hold_is_shown_and_confirmed_until_a_later_run_has_listed_the_kind() {
    let installation = Installation::new().await;
    let id = installation.ask_for_run().await;
    let answer = installation.cli.run(&["sync", "confirm", &id]).await;
    assert_eq!(answer.code, 1, "nothing is held yet");

    end(
        &installation,
        "COMPLETED",
        Some(json!({ "servers": { "rows": 40 } })),
    )
    .await;
    let all = installation.cli.json(&["sync", "status"]).await;
    assert_eq!(all["open_holds"][0]["run_id"], id.as_str());
    assert_eq!(all["open_holds"][0]["held"]["servers"]["rows"], 40);
    let text = installation.cli.run(&["sync", "status"]).await;
    assert!(text.stdout.contains(&format!("nodebyte sync confirm {id}")));

    let confirming = installation.cli.json(&["sync", "confirm", &id]).await;
    assert_eq!(confirming["confirms_run_id"], id.as_str());
    assert_eq!(confirming["kinds"], json!(["servers"]));
    assert_eq!(confirming["requested_by"], "cli:tester");

    end(&installation, "COMPLETED", None).await;
    installation
        .sql
        .execute(
            "INSERT INTO panel_kinds (panel_id, kind, first_listed_at, last_listed_at, last_run_id) \
             SELECT id, 'servers', now(), now(), gen_random_uuid() FROM panels",
            &[],
        )
        .await
        .unwrap();
    let answer = installation.cli.run(&["sync", "confirm", &id]).await;
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("later run"), "{}", answer.stderr);
    let all = installation.cli.json(&["sync", "status"]).await;
    assert_eq!(all["open_holds"], json!([]));
}

#[tokio::test]
async fn a_hold_is_shown_however_many_runs_came_after_it() {
    let installation = Installation::new().await;
    let id = installation.ask_for_run().await;
    end(
        &installation,
        "COMPLETED",
        Some(json!({ "servers": { "rows": 40 } })),
    )
    .await;
    // They say that they mirrored servers, and have listed none.
    installation
        .sql
        .execute(
            "INSERT INTO sync_runs (id, panel_id, target, kinds, status, requested_by, completed_at) \
             SELECT gen_random_uuid(), p.id, 'servers', '{servers}', 'FAILED', 'clock', now() \
             FROM panels p, generate_series(1, 1000)",
            &[],
        )
        .await
        .unwrap();
    let all = installation
        .cli
        .json(&["sync", "status", "--limit", "3"])
        .await;
    assert_eq!(all["runs"].as_array().unwrap().len(), 3);
    assert_eq!(all["open_holds"][0]["run_id"], id.as_str());
    let confirming = installation.cli.json(&["sync", "confirm", &id]).await;
    assert_eq!(confirming["confirms_run_id"], id.as_str());
}

/// Ends every open run, as a worker would.
async fn end(installation: &Installation, status: &str, held: Option<serde_json::Value>) {
    installation
        .sql
        .execute(
            "UPDATE sync_runs SET status = $1, held = $2, started_at = now(), completed_at = now(), \
               revision = revision + 1 WHERE status IN ('PENDING', 'RUNNING')",
            &[&status, &held],
        )
        .await
        .unwrap();
}
