use crate::cli::Installation;
use serde_json::json;

const CREATE: [&str; 6] = [
    "api-key", "create", "--client", "website", "--scopes", "read",
];

#[tokio::test]
async fn a_limit_is_set_for_a_client_by_name_listed_and_unset() {
    let installation = Installation::new().await;
    let cli = &installation.cli;
    let made = cli.json(&CREATE).await;
    let client = format!("client:{}", made["client_id"].as_str().unwrap());
    let by_name = ["limit", "set", "game-session", "client:website", "200"];
    let set = cli.json(&by_name).await;
    assert_eq!(set["subject"], json!(client));
    assert_eq!(set["requests"], 200);
    let again = cli
        .json(&["limit", "set", "game-session", &client, "300"])
        .await;
    assert_eq!(again["requests"], 300);
    let list = cli.json(&["limit", "list"]).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["client"], "website");
    let table = cli.run(&["limit", "list"]).await;
    assert!(table.stdout.contains("website") && table.stdout.contains("300"));

    let unset = ["limit", "unset", "game-session", "client:website"];
    assert_eq!(cli.json(&unset).await["requests"], 300);
    assert_eq!(cli.run(&unset).await.code, 66);
    assert_eq!(cli.json(&["limit", "list"]).await, json!([]));

    let trail = installation
        .text(
            "SELECT string_agg(event_type || ' ' || actor || ' ' || subject, ', ' ORDER BY created_at, id) \
             FROM admin_audit WHERE event_type LIKE 'RATE%'",
        )
        .await;
    let line = |event: &str| format!("{event} cli:tester {client}");
    let events = ["RATE_LIMIT_SET", "RATE_LIMIT_SET", "RATE_LIMIT_UNSET"];
    assert_eq!(trail, events.map(line).join(", "));
}

#[tokio::test]
async fn accounts_users_and_addresses_are_named_as_they_are_counted() {
    let installation = Installation::new().await;
    let account = "018f0000-0000-7000-8000-000000000001";
    for (limit, subject, stored) in [
        ("game-session", &*format!("account:{account}"), account),
        ("bearer", "user:u1", "user:u1"),
        ("key", "service", "service"),
        ("address", "2001:db8::7", "2001:db8::/64"),
    ] {
        let set = ["limit", "set", limit, subject, "1"];
        assert_eq!(installation.cli.json(&set).await["subject"], stored);
    }
}

#[tokio::test]
async fn a_limit_that_counts_somebody_else_ends_with_64_and_an_unknown_client_with_66() {
    let installation = Installation::new().await;
    for wrong in [
        ["key", "user:u1", "5"],
        ["bearer", "service", "5"],
        ["key", "192.0.2.1", "5"],
        ["keys", "service", "5"],
        ["key", "website", "5"],
        ["key", "service", "0"],
    ] {
        let answer = installation
            .cli
            .run(&[&["limit", "set"][..], &wrong].concat())
            .await;
        assert_eq!(answer.code, 64, "{wrong:?}: {}", answer.stderr);
    }
    let nobody = ["limit", "set", "key", "client:nobody", "5"];
    assert_eq!(installation.cli.run(&nobody).await.code, 66);
    assert_eq!(installation.count("rate_limits").await, 0);
}
