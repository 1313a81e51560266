use crate::cli::Installation;
use common::crypto::api_key;
use common::types::server_limits::ServerLimits;
use uuid::Uuid;

const SOMEWHERE: &str = "0197b1d2-0000-7000-8000-000000000000";

fn create<'a>(client: &'a str, scopes: &'a str) -> [&'a str; 6] {
    ["api-key", "create", "--client", client, "--scopes", scopes]
}

#[tokio::test]
async fn a_made_key_is_shown_once_and_only_its_hash_is_stored() {
    let installation = Installation::new().await;
    let made = installation
        .cli
        .json(&create("website", "sync,hytale:all"))
        .await;
    let key = made["key"].as_str().unwrap();
    let prefix = made["prefix"].as_str().unwrap();
    assert!(key.starts_with(prefix) && prefix.starts_with("nbk_"));
    assert_eq!(made["client"], "website");
    assert_eq!(made["scopes"], serde_json::json!(["sync", "hytale:all"]));
    assert_eq!(made["expires_at"], serde_json::Value::Null);

    let hash = api_key::hash(key).unwrap();
    let valid = installation.store.api_key_valid(&hash).await.unwrap();
    assert_eq!(valid.unwrap().id.to_string(), made["id"].as_str().unwrap());

    let secret = key.strip_prefix(prefix).unwrap();
    for table in ["api_keys", "api_clients", "admin_audit"] {
        let query =
            format!("SELECT coalesce(string_agg(row_to_json(it)::text, ' '), '') FROM {table} it");
        assert!(!installation.text(&query).await.contains(secret), "{table}");
    }
    let list = installation.cli.json(&["api-key", "list"]).await;
    assert_eq!(list[0]["prefix"], prefix);
    assert_eq!(list[0]["state"], "valid");
    assert!(!list.to_string().contains(secret));
    let table = installation.cli.run(&["api-key", "list"]).await;
    assert!(table.stdout.contains(prefix) && !table.stdout.contains(secret));
}

#[tokio::test]
async fn people_get_the_key_on_a_line_of_its_own() {
    let installation = Installation::new().await;
    let answer = installation.cli.run(&create("website", "read")).await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let key = answer.stdout.lines().next().unwrap();
    assert!(api_key::hash(key).is_some(), "{}", answer.stdout);
    assert!(!answer.stderr.contains("nbk_"));
}

#[tokio::test]
async fn making_and_revoking_is_in_the_trail_with_who_did_it() {
    let installation = Installation::new().await;
    let made = installation.cli.json(&create("website", "read")).await;
    let prefix = made["prefix"].as_str().unwrap();
    for _ in 0..2 {
        let revoked = installation.cli.json(&["api-key", "revoke", prefix]).await;
        assert_eq!(revoked["state"], "revoked");
    }
    let trail = installation
        .text(
            "SELECT string_agg(event_type || ' ' || actor || ' ' || subject, ', ' ORDER BY created_at, id) \
             FROM admin_audit",
        )
        .await;
    let client = made["client_id"].as_str().unwrap();
    let line = |event: &str| format!("{event} cli:tester client:{client}");
    let events = ["API_CLIENT_CREATED", "API_KEY_CREATED", "API_KEY_REVOKED"];
    assert_eq!(trail, events.map(line).join(", "));
}

#[tokio::test]
async fn a_third_valid_key_is_refused_until_one_is_revoked() {
    let installation = Installation::new().await;
    let first = installation.cli.json(&create("website", "read")).await;
    let second = installation.cli.json(&create("website", "sync")).await;
    assert_eq!(
        first["client_id"], second["client_id"],
        "the client outlives its keys"
    );
    let third = installation.cli.run(&create("website", "read")).await;
    assert_eq!(third.code, 1, "{}", third.stderr);
    let id = first["id"].as_str().unwrap();
    installation.cli.json(&["api-key", "revoke", id]).await;
    let third = installation.cli.json(&create("website", "read")).await;
    assert_eq!(third["client_id"], first["client_id"]);
}

#[tokio::test]
async fn a_key_may_be_made_for_some_days_only() {
    let installation = Installation::new().await;
    let wish = [&create("website", "read")[..], &["--expires", "30"]].concat();
    installation.cli.json(&wish).await;
    let days = installation
        .text("SELECT (expires_at - created_at)::text FROM api_keys")
        .await;
    assert_eq!(days, "30 days");
}

#[tokio::test]
async fn what_makes_no_key_ends_with_64_and_an_unknown_key_with_66() {
    let installation = Installation::new().await;
    for arguments in [
        &create("website", "root")[..],
        &create("website", ""),
        &create("", "read"),
        &create("a\tb", "read"),
        &["api-key", "create", "--client", "website"],
        &create("website", "read,logs"),
        &[&create("website", "read")[..], &["--all-servers"]].concat(),
        &[&create("website", "logs")[..], &["--server", "one"]].concat(),
        &[
            &create("website", "logs")[..],
            &["--all-servers", "--node", SOMEWHERE],
        ]
        .concat(),
        &[&create("website", "read")[..], &["--expires", "0"]].concat(),
    ] {
        let answer = installation.cli.run(arguments).await;
        assert_eq!(answer.code, 64, "{arguments:?}: {}", answer.stderr);
    }
    assert_eq!(installation.count("api_clients").await, 0);
    for key in ["nbk_00000000", "00000000-0000-0000-0000-000000000000"] {
        let answer = installation.cli.run(&["api-key", "revoke", key]).await;
        assert_eq!(answer.code, 66, "{}", answer.stderr);
    }
    let whole = api_key::generate().unwrap().key;
    let whole = secrecy::ExposeSecret::expose_secret(&whole);
    let answer = installation.cli.run(&["api-key", "revoke", whole]).await;
    assert_eq!(answer.code, 66);
    assert!(!answer.stderr.contains(whole), "not said again");
}

/// A server and a node in the mirror: our ids of them.
async fn mirror(installation: &Installation) -> (Uuid, Uuid) {
    let panel = installation.store.panel_default("http://panel.test").await;
    let panel = panel.unwrap().panel_id().0;
    let (server, node) = (Uuid::now_v7(), Uuid::now_v7());
    installation
        .sql
        .batch_execute(&format!(
            "INSERT INTO nodes (id, panel_id, remote_id, uuid, name, location_remote_id, fqdn, scheme, \
               behind_proxy, public, maintenance_mode, memory, memory_overallocate, disk, \
               disk_overallocate, upload_size, daemon_listen, daemon_sftp, daemon_base) \
             VALUES ('{node}', '{panel}', 1, gen_random_uuid(), 'n', 1, 'n.test', 'https', \
               false, true, false, 1, 0, 1, 0, 1, 1, 1, ''); \
             INSERT INTO servers (id, panel_id, remote_id, uuid, identifier, name, description, suspended, \
               memory, swap, disk, io, cpu, oom_disabled, backup_limit, owner_remote_id, node_remote_id, \
               nest_remote_id, egg_remote_id, startup_command, image, installed) \
             VALUES ('{server}', '{panel}', 1, gen_random_uuid(), 'id', 'name', '', false, \
               1, 0, 1, 500, 100, false, 0, 1, 1, 1, 1, '', '', true)"
        ))
        .await
        .unwrap();
    (server, node)
}

#[tokio::test]
async fn a_key_that_writes_logs_is_limited_to_servers_and_nodes_by_our_ids() {
    let installation = Installation::new().await;
    let (server, node) = mirror(&installation).await;
    let of_panel = async |table: &str| {
        let query = format!("SELECT uuid::text FROM {table}");
        installation.text(&query).await
    };
    let (server_uuid, node_uuid) = (of_panel("servers").await, of_panel("nodes").await);
    let limits = ["--server", &server_uuid, "--node", &node_uuid];
    let wish = [&create("wings", "logs")[..], &limits].concat();
    let made = installation.cli.json(&wish).await;
    assert_eq!(made["servers"], serde_json::json!([server]));
    assert_eq!(made["nodes"], serde_json::json!([node]));
    let hash = api_key::hash(made["key"].as_str().unwrap()).unwrap();
    let valid = installation.store.api_key_valid(&hash).await.unwrap();
    let named = ServerLimits::Named {
        servers: vec![server],
        nodes: vec![node],
    };
    assert_eq!(*valid.unwrap().servers, named);
    let list = installation.cli.run(&["api-key", "list"]).await;
    assert!(list.stdout.contains("1 server, 1 node"), "{}", list.stdout);
    let told = "SELECT details::text FROM admin_audit WHERE event_type = 'API_KEY_CREATED'";
    let told = installation.text(told).await;
    assert!(told.contains(&server.to_string()) && told.contains(&node.to_string()));

    for flag in ["--server", "--node"] {
        let wish = [&create("wings", "logs")[..], &[flag, SOMEWHERE]].concat();
        let answer = installation.cli.run(&wish).await;
        assert_eq!(answer.code, 66, "{flag}: {}", answer.stderr);
    }
}

#[tokio::test]
async fn a_key_that_writes_the_logs_of_every_server_is_asked_for_by_name() {
    let installation = Installation::new().await;
    let wish = [&create("shipper", "logs")[..], &["--all-servers"]].concat();
    let made = installation.cli.json(&wish).await;
    assert_eq!(made["all_servers"], true);
    let hash = api_key::hash(made["key"].as_str().unwrap()).unwrap();
    let valid = installation.store.api_key_valid(&hash).await.unwrap();
    assert_eq!(*valid.unwrap().servers, ServerLimits::All);
    let other = installation.cli.json(&create("website", "read")).await;
    assert_eq!(other["all_servers"], false);
}
