use crate::cli::Installation;
use common::types::caller::{Origin, Principal};
use common::types::hytale::{HytaleAccount, HytaleAuditEvent, HytaleEnvironment};
use store::NewAuditLine;
use uuid::Uuid;

const ACCOUNT: HytaleAccount = HytaleAccount {
    environment: HytaleEnvironment::Production,
    id: Uuid::from_u128(7),
};

async fn append(installation: &Installation, event: HytaleAuditEvent, account: HytaleAccount) {
    let origin = Origin {
        principal: Some(Principal::Service),
        ip: Some("192.0.2.7".parse().unwrap()),
        ..Origin::default()
    };
    let line = NewAuditLine::of_account(event, account);
    installation
        .store
        .hytale_audit_append(&[(line, origin)])
        .await
        .unwrap();
}

#[tokio::test]
async fn the_trail_is_shown_newest_first_and_filtered() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    assert_eq!(cli.json(&["audit", "query"]).await, serde_json::json!([]));
    let other = HytaleAccount {
        id: Uuid::from_u128(8),
        ..ACCOUNT
    };
    append(&installation, HytaleAuditEvent::TokenCreated, ACCOUNT).await;
    append(&installation, HytaleAuditEvent::TokenRefreshed, ACCOUNT).await;
    append(&installation, HytaleAuditEvent::TokenCreated, other).await;

    let account = ACCOUNT.id.to_string();
    let of_account = cli.json(&["audit", "query", "--account", &account]).await;
    let events: Vec<_> = of_account
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["TOKEN_REFRESHED", "TOKEN_CREATED"]);
    assert_eq!(of_account[0]["principal"], "service");
    assert_eq!(of_account[0]["ip"], "192.0.2.7");

    let of_type = cli
        .json(&["audit", "query", "--event", "TOKEN_CREATED", "--limit", "1"])
        .await;
    assert_eq!(of_type.as_array().unwrap().len(), 1);
    assert_eq!(of_type[0]["account_id"], other.id.to_string());
    let future = cli
        .json(&["audit", "query", "--since", "2999-01-01T00:00:00Z"])
        .await;
    assert_eq!(future, serde_json::json!([]));
    for (flag, value, lines) in [
        ("--until", "2999-01-01T00:00:00Z", 3),
        ("--until", "2001-01-01T00:00:00Z", 0),
        ("--principal", "service", 3),
        ("--principal", "user:nobody", 0),
        ("--profile", account.as_str(), 0),
        ("--session", account.as_str(), 0),
    ] {
        let found = cli.json(&["audit", "query", flag, value]).await;
        assert_eq!(found.as_array().unwrap().len(), lines, "{flag} {value}");
    }
}

#[tokio::test]
async fn the_whole_trail_is_exported_as_one_json_object_a_line() {
    let installation = Installation::new().await;
    for _ in 0..3 {
        append(&installation, HytaleAuditEvent::TokenRefreshed, ACCOUNT).await;
    }
    // More than one page.
    let database = &installation.sql;
    database
        .batch_execute(
            "INSERT INTO hytale_audit (id, environment, event_type) \
             SELECT gen_random_uuid(), 'production', 'AUTH_FAILED' FROM generate_series(1, 2500)",
        )
        .await
        .unwrap();
    let answer = installation.cli.run(&["audit", "export"]).await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let ids: std::collections::BTreeSet<String> = answer
        .stdout
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 2503, "each line once");
}

#[tokio::test]
async fn an_unknown_event_type_ends_with_64_and_names_the_known_ones() {
    let installation = Installation::new().await;
    let answer = installation
        .cli
        .run(&["audit", "query", "--event", "LOGIN"])
        .await;
    assert_eq!(answer.code, 64);
    assert!(answer.stderr.contains("TOKEN_DELETED"), "{}", answer.stderr);
}
