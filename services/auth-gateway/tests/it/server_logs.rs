//! What game servers say: who writes it, who reads it, and what is refused.

use chrono::{DateTime, TimeDelta, Utc};
use common::types::scope::Scope;
use common::types::server_limits::ServerLimits;
use common::types::user::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::gateway::{Gateway, KEY, answer, error_code};
use crate::servers::{mirror, mirror_user};

pub const LOGS: &str = "/api/v1/hytale/server-logs";

/// A gateway that knows one server.
pub struct Place {
    pub gateway: Gateway,
    /// Our id.
    pub id: Uuid,
    /// The panel's.
    pub uuid: Uuid,
}

impl Place {
    pub async fn new() -> Self {
        let gateway = Gateway::start().await;
        let uuid = Uuid::new_v4();
        let id = mirror(&gateway, uuid).await;
        Self { gateway, id, uuid }
    }

    async fn write(&self, logs: Value) -> (StatusCode, Value) {
        let body = json!({ "server_uuid": self.uuid, "logs": logs });
        self.gateway.post_json(LOGS, &body).await
    }

    async fn write_with(&self, key: &str, server: Uuid) -> (StatusCode, Value) {
        let body = json!({ "server_uuid": server, "logs": [{ "line": "hi" }] });
        answer(self.gateway.as_client(key, Method::POST, LOGS).json(&body)).await
    }

    async fn read(&self, more: &str) -> Value {
        let path = format!("{LOGS}?server_uuid={}{more}", self.uuid);
        let (status, body) = self.gateway.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    pub async fn lines(&self, more: &str) -> Vec<String> {
        texts(&self.read(more).await)
    }

    pub async fn count(&self) -> i64 {
        let path = format!("{LOGS}/count?server_id={}", self.id);
        let (status, body) = self.gateway.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["data"]["server_uuid"], self.uuid.to_string());
        body["data"]["total_logs"].as_i64().unwrap()
    }

    pub async fn execute(&self, sql: &str) {
        let database = self.gateway.database.connect().await;
        database.batch_execute(sql).await.unwrap();
    }
}

fn texts(page: &Value) -> Vec<String> {
    let lines = page["data"].as_array().unwrap().iter();
    lines
        .map(|line| line["line"].as_str().unwrap().to_owned())
        .collect()
}

fn said<const N: usize>(lines: [&str; N]) -> Value {
    lines.iter().map(|line| json!({ "line": line })).collect()
}

fn named(servers: &[Uuid], nodes: &[Uuid]) -> ServerLimits {
    ServerLimits::Named {
        servers: servers.to_vec(),
        nodes: nodes.to_vec(),
    }
}

#[tokio::test]
async fn what_a_server_says_is_shown_newest_first_page_by_page() {
    let place = Place::new().await;
    assert_eq!(place.read("").await, json!({ "success": true, "data": [] }));
    assert_eq!(place.count().await, 0);
    let (status, body) = place.write(said(["a", "b", "c"])).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let saved = json!({ "saved_count": 3, "server_uuid": place.uuid });
    assert_eq!(body, json!({ "success": true, "data": saved }));
    place.write(said(["d", "e"])).await;

    assert_eq!(place.lines("").await, ["e", "d", "c", "b", "a"]);
    assert_eq!(place.lines("&limit=2&offset=1").await, ["d", "c"]);
    let first = place.read("&limit=2").await;
    assert_eq!(texts(&first), ["e", "d"]);
    assert!(first["data"][0]["id"].is_i64());
    // What comes meanwhile moves no page.
    place.write(said(["f"])).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = place.read(&format!("&limit=2&before={cursor}")).await;
    assert_eq!(texts(&second), ["c", "b"]);
    let cursor = second["next_cursor"].as_str().unwrap();
    let last = place.read(&format!("&limit=2&before={cursor}")).await;
    assert_eq!(texts(&last), ["a"]);
    assert_eq!(last["next_cursor"], Value::Null);
    assert_eq!(place.count().await, 6);
}

#[tokio::test]
async fn a_key_writes_for_its_servers_and_nodes_and_knows_no_other() {
    let place = Place::new().await;
    let gateway = &place.gateway;
    let (other_uuid, node) = (Uuid::new_v4(), Uuid::now_v7());
    let other = mirror(gateway, other_uuid).await;
    place
        .execute(&format!(
            "INSERT INTO nodes (id, panel_id, remote_id, uuid, name, location_remote_id, fqdn, scheme, \
               behind_proxy, public, maintenance_mode, memory, memory_overallocate, disk, \
               disk_overallocate, upload_size, daemon_listen, daemon_sftp, daemon_base) \
             VALUES ('{node}', '{}', 1, gen_random_uuid(), 'n', 1, 'n.test', 'https', \
               false, true, false, 1, 0, 1, 0, 1, 1, 1, ''); \
             UPDATE servers SET node_id = '{node}' WHERE id = '{other}'",
            gateway.panel().await.0
        ))
        .await;
    let of_server = gateway.log_key("server", named(&[place.id], &[])).await;
    let of_node = gateway.log_key("node", named(&[], &[node])).await;
    let of_all = gateway.log_key("all", ServerLimits::All).await;
    let of_none = gateway.key("none", [Scope::Logs, Scope::Read]).await;
    for (key, server, may) in [
        (&of_server, place.uuid, true),
        (&of_server, place.id, true),
        (&of_server, other_uuid, false),
        (&of_node, other_uuid, true),
        (&of_node, place.uuid, false),
        (&of_all, place.uuid, true),
        (&of_all, other, true),
        (&of_none, place.uuid, false),
        (&of_none, other, false),
    ] {
        let (status, body) = place.write_with(key, server).await;
        if may {
            assert_eq!(status, StatusCode::CREATED, "{body}");
            continue;
        }
        let (nowhere, mut unknown) = place.write_with(&of_all, Uuid::new_v4()).await;
        unknown["request_id"] = body["request_id"].clone();
        assert_eq!((status, &body), (nowhere, &unknown), "as one not there");
        assert_eq!(error_code(status, &body), "NOT_FOUND");
    }
    assert_eq!(place.count().await, 3);
}

#[tokio::test]
async fn a_key_is_held_to_the_node_that_its_server_stands_on_now() {
    let place = Place::new().await;
    let node = Uuid::now_v7();
    let key = place.gateway.log_key("node", named(&[], &[node])).await;
    let (status, _) = place.write_with(&key, place.uuid).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn those_who_read_everything_and_administrators_read_what_servers_say() {
    let place = Place::new().await;
    place.write(said(["a"])).await;
    for scope in [Scope::Read, Scope::Admin] {
        let key = place.gateway.key(scope.as_str(), [scope]).await;
        for path in [LOGS.to_owned(), format!("{LOGS}/count")] {
            let path = format!("{path}?server_uuid={}", place.uuid);
            let (status, body) = answer(place.gateway.as_client(&key, Method::GET, &path)).await;
            assert_eq!(status, StatusCode::OK, "{body}");
        }
    }
    for path in [LOGS.to_owned(), format!("{LOGS}/count")] {
        let path = format!("{path}?server_uuid={}", Uuid::new_v4());
        let (status, body) = place.gateway.get(&path).await;
        assert_eq!(error_code(status, &body), "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_servers_owner_reads_what_it_says_unless_some_clients_key_comes_along() {
    let place = Place::new().await;
    let gateway = &place.gateway;
    gateway.user("anna", Role::Member).await;
    gateway.user("ben", Role::Member).await;
    let owner = mirror_user(gateway, "anna").await;
    place
        .execute(&format!("UPDATE servers SET owner_id = '{owner}'"))
        .await;
    let client = gateway.key("website", [Scope::Hytale]).await;
    for (user, key, reads) in [
        ("anna", None, true),
        ("anna", Some(KEY), true),
        ("anna", Some(client.as_str()), false),
        ("ben", None, false),
    ] {
        let token = gateway.token(user).await.text;
        for path in [LOGS.to_owned(), format!("{LOGS}/count")] {
            let path = format!("{path}?server_uuid={}", place.uuid);
            let mut request = gateway.as_user(&token, Method::GET, &path);
            if let Some(key) = key {
                request = request.header("X-API-Key", key);
            }
            let (status, body) = answer(request).await;
            let here = format!("{user} {key:?}: {body}");
            assert_eq!(status == StatusCode::OK, reads, "{here}");
            assert_eq!(status == StatusCode::NOT_FOUND, !reads, "{here}");
        }
    }
}

#[tokio::test]
async fn a_servers_own_times_are_kept_as_far_as_they_can_be_true() {
    let place = Place::new().await;
    let before = Utc::now();
    let hour_ago = before - TimeDelta::hours(1);
    let (status, body) = place
        .write(json!([
            { "line": "long ago", "timestamp": "2001-01-01T00:00:00Z" },
            { "line": "an hour ago", "timestamp": hour_ago.to_rfc3339() },
            { "line": "no time", "timestamp": "noon" },
            { "line": "to come", "timestamp": before + TimeDelta::days(1) },
            { "line": "none at all" },
        ]))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let page = place.read("").await;
    assert_eq!(
        texts(&page),
        [
            "none at all",
            "to come",
            "no time",
            "long ago",
            "an hour ago"
        ]
    );
    let time = |place: usize| {
        let text = page["data"][place]["timestamp"].as_str().unwrap();
        text.parse::<DateTime<Utc>>().unwrap()
    };
    assert!((time(4) - hour_ago).abs() < TimeDelta::milliseconds(1));
    for dated_here in 0..4 {
        let off = (time(dated_here) - before).abs();
        assert!(off < TimeDelta::minutes(1), "{off}");
    }
}

#[tokio::test]
async fn a_nul_costs_no_line() {
    let place = Place::new().await;
    let (status, body) = place.write(said(["a\0b", "\u{1f600}\u{7}\n"])).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(place.lines("").await, ["\u{1f600}\u{7}\n", "a\u{fffd}b"]);
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_whole_and_said_clearly() {
    let place = Place::new().await;
    let server = place.uuid;
    let many: Vec<Value> = (0..10_001).map(|_| json!({ "line": "" })).collect();
    let longer = "x".repeat(16 * 1024 + 1);
    for (body, told) in [
        (json!({ "server_uuid": server, "logs": [] }), "at least one"),
        (json!({ "server_uuid": server }), "at least one"),
        (
            json!({ "server_uuid": server, "logs": many }),
            "at most 10000",
        ),
        (
            json!({ "server_uuid": server, "logs": [{ "line": "x" }, { "line": longer }] }),
            "`logs[1].line`",
        ),
        (json!({ "logs": [{ "line": "x" }] }), "`server_uuid`"),
        (
            json!({ "server_uuid": "one", "logs": [{ "line": "x" }] }),
            "UUID",
        ),
        (
            json!({ "server_uuid": server, "logs": [{ "line": 7 }] }),
            "JSON",
        ),
        (json!({ "server_uuid": server, "logs": [{}] }), "JSON"),
        (json!({ "server_uuid": server, "logs": "x" }), "JSON"),
        (json!([server, [{ "line": "x" }]]), "JSON object"),
    ] {
        let (status, body) = place.gateway.post_json(LOGS, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(error_code(status, &body), "INVALID_REQUEST");
        let message = body["message"].as_str().unwrap();
        assert!(message.contains(told), "{told}: {message}");
    }
    let of_bytes = |text: &[u8]| {
        let head = format!(r#"{{"server_uuid":"{server}","logs":[{{"line":""#);
        [head.as_bytes(), text, br#""}]}"#].concat()
    };
    for text in [&b"\xff\xfe"[..], br"\ud800", b"\n"] {
        let request = place.gateway.request(Method::POST, LOGS);
        let (status, body) = answer(request.body(of_bytes(text))).await;
        assert_eq!(error_code(status, &body), "INVALID_REQUEST");
    }
    assert_eq!(place.count().await, 0);
}

#[tokio::test]
async fn a_body_may_be_larger_than_others_but_not_without_end() {
    let place = Place::new().await;
    let lines = |count: usize| {
        let line = "x".repeat(16 * 1024);
        let lines: Vec<Value> = (0..count).map(|_| json!({ "line": line })).collect();
        Value::Array(lines)
    };
    let (status, body) = place.write(lines(250)).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let (status, body) = place.write(lines(260)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{body}");
    assert_eq!(place.count().await, 250);
}

#[tokio::test]
async fn a_page_that_nobody_can_mean_is_refused() {
    let place = Place::new().await;
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=many",
        "offset=-1",
        "offset=100001",
        "before=yesterday",
        "before=1.2.3",
        "before=-1.1",
    ] {
        let path = format!("{LOGS}?server_uuid={}&{wrong}", place.uuid);
        let (status, body) = place.gateway.get(&path).await;
        assert_eq!(error_code(status, &body), "INVALID_REQUEST", "{wrong}");
        let name = wrong.split('=').next().unwrap();
        assert!(body["message"].as_str().unwrap().contains(name), "{body}");
    }
    for path in [LOGS.to_owned(), format!("{LOGS}/count?server_uuid=one")] {
        let (status, body) = place.gateway.get(&path).await;
        assert_eq!(error_code(status, &body), "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn ten_thousand_lines_are_stored_in_one_call_in_their_order() {
    let place = Place::new().await;
    let lines = (0..10_000).map(|number| json!({ "line": format!("line {number}") }));
    let (status, body) = place.write(lines.collect()).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(body["data"]["saved_count"], 10_000);
    assert_eq!(place.count().await, 10_000);
    let newest = place.lines("&limit=1000").await;
    let expected = (9_000..10_000).rev().map(|it| format!("line {it}"));
    assert_eq!(newest, expected.collect::<Vec<_>>());
    assert_eq!(place.lines("&limit=1&offset=9999").await, ["line 0"]);
}

#[tokio::test]
async fn what_the_database_refuses_is_our_fault_and_the_answer_tells_nothing_of_it() {
    let place = Place::new().await;
    place
        .execute("ALTER TABLE hytale_server_logs RENAME TO gone")
        .await;
    let (status, body) = place.write(said(["a"])).await;
    assert_eq!(error_code(status, &body), "SERVICE_ERROR");
    assert_eq!(body["retry_after"], 5);
    assert!(!body.to_string().contains("hytale_server_logs"), "{body}");
    place
        .execute("ALTER TABLE gone RENAME TO hytale_server_logs")
        .await;
    assert_eq!(place.count().await, 0, "nothing is half stored");
}
