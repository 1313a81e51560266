use crate::cli::Installation;
use common::crypto::bearer::{self, Kind};
use serde_json::json;

const CREATE: [&str; 4] = ["user", "create", "--email", "Anna@Users.example"];

#[tokio::test]
async fn a_user_is_made_changed_and_listed_and_the_trail_tells_of_each_change() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    let made = cli.json(&[&CREATE[..], &["--id", "cm5"]].concat()).await;
    assert_eq!(made["id"], "cm5");
    assert_eq!(made["roles"], json!(["MEMBER"]));
    let roles = [
        "user",
        "roles",
        "anna@users.EXAMPLE",
        "ADMINISTRATOR",
        "MEMBER",
    ];
    let changed = cli.json(&roles).await;
    assert_eq!(changed["roles"], json!(["MEMBER", "ADMINISTRATOR"]));
    // Once more changes nothing, and is not told of.
    cli.json(&roles).await;
    for (word, active) in [("disable", false), ("disable", false), ("enable", true)] {
        assert_eq!(cli.json(&["user", word, "cm5"]).await["active"], active);
    }
    let out = cli.json(&["user", "logout", "cm5"]).await;
    assert!(out["tokens_valid_from"].is_string());
    let list = cli.json(&["user", "list"]).await;
    assert_eq!(list[0]["email"], "Anna@Users.example");

    let trail = installation
        .text("SELECT string_agg(event_type || ' ' || actor || ' ' || subject, ', ' ORDER BY id) FROM admin_audit")
        .await;
    let events = [
        "USER_CREATED",
        "USER_ROLES_CHANGED",
        "USER_DISABLED",
        "USER_ENABLED",
        "USER_TOKENS_REVOKED",
    ];
    let line = |event: &str| format!("{event} cli:tester user:cm5");
    assert_eq!(trail, events.map(line).join(", "));
}

#[tokio::test]
async fn an_address_or_an_id_belongs_to_one_user() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    cli.json(&[&CREATE[..], &["--id", "cm5"]].concat()).await;
    for again in [
        &["user", "create", "--email", "anna@users.example"][..],
        &[
            "user",
            "create",
            "--email",
            "ben@users.example",
            "--id",
            "cm5",
        ],
    ] {
        assert_eq!(cli.run(again).await.code, 1);
    }
    assert_eq!(installation.count("users").await, 1);
}

#[tokio::test]
async fn what_makes_no_user_ends_with_64_and_an_unknown_one_with_66() {
    let installation = Installation::new().await;
    for arguments in [
        &["user", "create", "--email", "anna"][..],
        &["user", "create", "--email", "@x"],
        &["user", "create", "--email", "a b@x"],
        &[&CREATE[..], &["--role", "ROOT"]].concat(),
        &[&CREATE[..], &["--id", ""]].concat(),
        &[&CREATE[..], &["--id", "a b"]].concat(),
        &["token", "mint", "--user", "anna", "--hours", "0"],
        &["token", "mint", "--user", "anna", "--hours", "721"],
    ] {
        let answer = installation.cli.run(arguments).await;
        assert_eq!(answer.code, 64, "{arguments:?}: {}", answer.stderr);
    }
    for arguments in [
        &["user", "disable", "anna"][..],
        &["token", "mint", "--user", "anna"],
        &["token", "list", "--user", "anna"],
        &["token", "revoke", "00000000-0000-0000-0000-000000000000"],
        &["token", "drop", "0123"],
    ] {
        let answer = installation.cli.run(arguments).await;
        assert_eq!(answer.code, 66, "{arguments:?}: {}", answer.stderr);
    }
    assert_eq!(installation.count("admin_audit").await, 0);
    assert_eq!(installation.count("signing_keys").await, 0);
}

#[tokio::test]
async fn a_minted_token_is_shown_once_listed_and_revoked() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    cli.json(&[&CREATE[..], &["--id", "cm5"]].concat()).await;
    let mint = [
        "token",
        "mint",
        "--user",
        "anna@users.example",
        "--hours",
        "2",
    ];
    let made = cli.json(&mint).await;
    let token = made["token"].as_str().unwrap();
    let keys = cli.json(&["token", "keys"]).await;
    let Ok(Kind::Own(key)) = bearer::kind(token) else {
        panic!("{token} is none of ours");
    };
    assert_eq!(keys[0]["id"], key.as_str());
    assert_eq!(keys[0]["state"], "signs");

    let list = cli.json(&["token", "list"]).await;
    assert_eq!(list[0]["id"], made["id"]);
    assert!(!list.to_string().contains(token));
    let id = made["id"].as_str().unwrap();
    for _ in 0..2 {
        let revoked = cli.json(&["token", "revoke", id]).await;
        assert!(revoked["revoked_at"].is_string());
    }
    let trail = installation
        .text("SELECT string_agg(event_type, ', ' ORDER BY id) FROM admin_audit")
        .await;
    assert_eq!(
        trail,
        "USER_CREATED, SIGNING_KEY_CREATED, TOKEN_MINTED, TOKEN_REVOKED"
    );
    let people = cli.run(&mint).await;
    let first = people.stdout.lines().next().unwrap();
    assert!(bearer::kind(first).is_ok(), "{}", people.stdout);
}

#[tokio::test]
async fn a_disabled_user_gets_no_token() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    cli.json(&[&CREATE[..], &["--id", "cm5"]].concat()).await;
    cli.json(&["user", "disable", "cm5"]).await;
    let refused = cli.run(&["token", "mint", "--user", "cm5"]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_eq!(installation.count("access_tokens").await, 0);
}

#[tokio::test]
async fn keys_are_rotated_with_overlap_and_dropped_at_once() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    cli.json(&[&CREATE[..], &["--id", "cm5"]].concat()).await;
    cli.json(&["token", "mint", "--user", "cm5"]).await;
    let old = cli.json(&["token", "keys"]).await[0]["id"].clone();
    let new = cli.json(&["token", "rotate"]).await["id"].clone();
    let keys = cli.json(&["token", "keys"]).await;
    assert_eq!([&keys[0]["id"], &keys[1]["id"]], [&new, &old]);
    assert_eq!(keys[1]["state"], "retired");
    let longest = installation
        .text("SELECT (published_until - retired_at > interval '30 days')::text FROM signing_keys WHERE retired_at IS NOT NULL")
        .await;
    assert_eq!(longest, "true", "the longest token outlives no key");

    cli.json(&["token", "drop", old.as_str().unwrap()]).await;
    assert_eq!(
        cli.json(&["token", "keys"]).await.as_array().unwrap().len(),
        1
    );
    let told = installation
        .text("SELECT details->>'key_id' FROM admin_audit WHERE event_type = 'SIGNING_KEY_DROPPED'")
        .await;
    assert_eq!(told, old.as_str().unwrap());
    // An old key is replaced by whoever signs next.
    installation
        .text("UPDATE signing_keys SET created_at = now() - interval '91 days' RETURNING ''")
        .await;
    cli.json(&["token", "mint", "--user", "cm5"]).await;
    let keys = cli.json(&["token", "keys"]).await;
    assert_ne!(keys[0]["id"], new);
    assert_eq!(keys[1]["id"], new);
}
