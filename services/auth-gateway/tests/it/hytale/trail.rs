//! What the audit trail tells, and who may read it.

use std::collections::BTreeSet;

use common::types::scope::Scope;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::hytale::{Effect, Endpoint};

use super::stage::{Stage, code};
use crate::gateway::answer;

const SESSION: &str = "/api/hytale/game-session";
const LOGS: &str = "/api/v1/hytale/logs";

#[tokio::test]
async fn the_trail_tells_of_a_refresh_and_an_end_that_failed() {
    let stage = Stage::new().await;
    stage.host().await;
    let which = json!({ "account_id": "host" });
    let (_, made) = stage.post(SESSION, which.clone()).await;
    stage
        .execute("UPDATE hytale_sessions SET expires_at = now() + interval '9 minutes'")
        .await;
    stage.fail(Endpoint::SessionRefresh, Effect::Closed);
    stage.fail(Endpoint::SessionDelete, Effect::Closed);
    for method in [Method::PATCH, Method::DELETE] {
        let (status, body) = stage.send(method, SESSION, which.clone()).await;
        assert!(status.is_server_error(), "{status}: {body}");
    }
    let told = stage
        .query(
            "SELECT event_type, session_id::text, ip, details->>'outcome', details->>'reason' \
             FROM hytale_audit WHERE event_type LIKE 'SESSION%' ORDER BY created_at, id",
        )
        .await;
    let told: Vec<_> = told.iter().skip(1).collect();
    assert_eq!(told.len(), 2);
    for (row, event) in told.iter().zip(["SESSION_REFRESHED", "SESSION_DELETED"]) {
        assert_eq!(row.get::<_, String>(0), event);
        assert_eq!(
            row.get::<_, String>(1),
            made["session"]["session_id"].as_str().unwrap()
        );
        assert_eq!(row.get::<_, String>(2), "127.0.0.1");
        assert_eq!(row.get::<_, String>(3), "failed");
        assert!(!row.get::<_, String>(4).is_empty());
    }
    let state = &stage.query("SELECT state FROM hytale_sessions").await[0];
    assert_eq!(state.get::<_, String>(0), "active");
}

/// The lines that an administrator is shown.
async fn shown(stage: &Stage, key: &str, query: &str) -> Value {
    let path = format!("{LOGS}?{query}");
    let (status, body) = answer(stage.gateway.as_client(key, Method::GET, &path)).await;
    assert_eq!(status, StatusCode::OK, "{query}: {body}");
    assert_eq!(body["count"], body["logs"].as_array().unwrap().len());
    body
}

fn events(body: &Value) -> Vec<&str> {
    let lines = body["logs"].as_array().unwrap().iter();
    lines
        .map(|line| line["event_type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn administrators_see_what_happened_under_the_names_of_new_and_old_clients() {
    let stage = Stage::new().await;
    let key = stage.gateway.key("auditor", [Scope::Admin]).await;
    let nothing = shown(&stage, &key, "").await;
    assert_eq!(nothing, json!({ "success": true, "logs": [], "count": 0 }));
    stage.host().await;
    let request = stage.gateway.request(Method::POST, SESSION);
    let request = request
        .header("User-Agent", "panel/1")
        .json(&json!({ "account_id": "host" }));
    let (_, made) = answer(request).await;

    let body = shown(&stage, &key, "").await;
    assert_eq!(events(&body), ["SESSION_CREATED", "TOKEN_CREATED"]);
    let line = &body["logs"][0];
    assert_eq!(line["session_id"], made["session"]["session_id"]);
    assert_eq!(line["principal"], "service");
    assert_eq!(line["ip_address"], "127.0.0.1");
    assert_eq!(line["user_agent"], "panel/1");
    assert_eq!(line["details"]["outcome"], "active");
    assert!(line["request_id"].is_string());
    for (new, old) in [
        ("id", "ID"),
        ("account_id", "AccountID"),
        ("profile_id", "ProfileID"),
        ("event_type", "EventType"),
        ("ip_address", "IPAddress"),
        ("user_agent", "UserAgent"),
        ("created_at", "CreatedAt"),
    ] {
        assert!(line[new].is_string(), "{new}");
        assert_eq!(line[new], line[old], "{new}");
    }
    let details: Value = serde_json::from_str(line["Details"].as_str().unwrap()).unwrap();
    assert_eq!(details, line["details"]);
    let text = body.to_string();
    for secret in ["session_token", "identity_token"] {
        assert!(!text.contains(made["session"][secret].as_str().unwrap()));
    }
}

#[tokio::test]
async fn the_trail_is_narrowed_by_each_filter() {
    let stage = Stage::new().await;
    let key = stage.gateway.key("auditor", [Scope::Admin]).await;
    stage.host().await;
    stage.login_as("many", "other").await;
    let (_, made) = stage.post(SESSION, json!({ "account_id": "host" })).await;
    let session = &made["session"];
    let all = shown(&stage, &key, "").await;
    assert_eq!(all["count"], 3);
    let account = all["logs"][0]["account_id"].as_str().unwrap();
    let at = all["logs"][1]["created_at"].as_str().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for (query, expected) in [
        (format!("account_id={account}"), 2),
        (format!("account_id={account}&event_type=TOKEN_CREATED"), 1),
        ("event_type=TOKEN_CREATED".to_owned(), 2),
        ("event_type=TOKEN_DELETED".to_owned(), 0),
        (format!("profile_id={}", text(&session["profile_id"])), 1),
        (format!("session_id={}", text(&session["session_id"])), 1),
        ("principal=service".to_owned(), 3),
        ("principal=user:nobody".to_owned(), 0),
        (format!("from={at}"), 2),
        (format!("to={at}"), 1),
        (format!("from={at}&to={at}"), 0),
        ("account_id=&limit=&cursor=".to_owned(), 3),
    ] {
        let found = shown(&stage, &key, &query).await;
        assert_eq!(found["count"], expected, "{query}");
    }
}

#[tokio::test]
async fn a_long_trail_is_read_page_by_page_and_each_line_once() {
    let stage = Stage::new().await;
    let key = stage.gateway.key("auditor", [Scope::Admin]).await;
    // Many at one moment.
    stage
        .execute(
            "INSERT INTO hytale_audit (id, environment, event_type) \
             SELECT gen_random_uuid(), 'production', 'AUTH_FAILED' FROM generate_series(1, 250); \
             INSERT INTO hytale_audit (id, environment, event_type) \
             VALUES (gen_random_uuid(), 'staging', 'AUTH_FAILED')",
        )
        .await;
    assert_eq!(shown(&stage, &key, "").await["count"], 100);
    let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
    let mut pages = 0;
    loop {
        let body = shown(&stage, &key, &format!("limit=60&cursor={cursor}")).await;
        for line in body["logs"].as_array().unwrap() {
            assert!(seen.insert(line["id"].as_str().unwrap().to_owned()));
        }
        pages += 1;
        match body["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(
        (seen.len(), pages),
        (250, 5),
        "none of the other environment"
    );
}

#[tokio::test]
async fn a_question_that_the_trail_cannot_answer_is_refused_by_name() {
    let stage = Stage::new().await;
    let key = stage.gateway.key("auditor", [Scope::Admin]).await;
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "account_id=host",
        "event_type=LOGIN",
        "profile_id=1",
        "session_id=1",
        "principal=root",
        "principal=user:%00",
        "from=yesterday",
        "to=2026-11-27",
        "cursor=1",
    ] {
        let path = format!("{LOGS}?{wrong}");
        let (status, body) = answer(stage.gateway.as_client(&key, Method::GET, &path)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {body}");
        assert_eq!(code(&body), "INVALID_REQUEST");
        let name = wrong.split('=').next().unwrap();
        assert!(body["message"].as_str().unwrap().contains(name), "{body}");
    }
}
