use common::types::scope::Scope;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::stage::{SETTINGS, Stage};
use crate::gateway::{answer, error_code};

async fn trail(stage: &Stage, query: &str) -> Value {
    let path = format!("/api/admin/audit?{query}");
    let (status, body) = answer(stage.request(Method::GET, &path)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

#[tokio::test]
async fn a_change_says_who_when_from_where_and_what_it_was_before() {
    let stage = Stage::new().await;
    let request = stage.request(Method::POST, SETTINGS);
    let request = request.header("User-Agent", "the-website");
    let body = json!({"siteName": "Planet", "githubToken": "planted", "cacheTimeout": 60});
    let (status, _) = answer(request.json(&body)).await;
    assert_eq!(status, StatusCode::OK);
    stage.saved(json!({"githubToken": "planted-too"})).await;

    let body = trail(&stage, "event=SETTINGS_CHANGED").await;
    assert_eq!(body["count"], 2, "one line a request");
    let line = &body["logs"][1];
    assert_eq!(line["actor"], "user:anna");
    assert_eq!(line["actor_name"], "anna@users.example");
    assert_eq!(line["ip_address"], "127.0.0.1");
    assert_eq!(line["user_agent"], "the-website");
    assert!(line["request_id"].is_string());
    let changes = line["details"]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 2, "what is so already is no change");
    let token = json!({"key": "github_token", "before": null, "after": "set"});
    let name = json!({"key": "site_name", "before": "NodeByte Hosting", "after": "Planet"});
    assert!(
        changes.contains(&token) && changes.contains(&name),
        "{line}"
    );
    let changed = &body["logs"][0]["details"]["changes"][0];
    assert_eq!(changed["before"], "set");
    assert_eq!(changed["after"], "changed");

    let event = "SELECT string_agg(body::text, ' ') FROM outbox WHERE key = 'settings.changed' \
        AND subject = 'settings'";
    let events = stage.text(event).await;
    assert_eq!(
        events.matches("\"actor\": \"user:anna\"").count(),
        2,
        "{events}"
    );
    assert!(events.contains("/nodebyte/settings"));
    assert!(!stage.everything().await.contains("planted"));
}

#[tokio::test]
async fn the_trail_is_read_page_by_page_and_by_filter() {
    let stage = Stage::new().await;
    let key = stage.gateway.key("partner", [Scope::Admin]).await;
    for name in ["One", "Two", "Three"] {
        stage.saved(json!({"siteName": name})).await;
    }
    let as_client = stage.gateway.as_client(&key, Method::POST, SETTINGS);
    let (status, _) = answer(as_client.json(&json!({"siteName": "Four"}))).await;
    assert_eq!(status, StatusCode::OK);

    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let query = format!("event=SETTINGS_CHANGED&limit=2&cursor={cursor}");
        let page = trail(&stage, &query).await;
        for line in page["logs"].as_array().unwrap() {
            names.push(line["details"]["changes"][0]["after"].clone());
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(names, ["Four", "Three", "Two", "One"]);

    assert_eq!(trail(&stage, "actor=user:anna").await["count"], 3);
    let others = trail(&stage, "event=SETTINGS_CHANGED&limit=1").await;
    assert_eq!(others["logs"][0]["actor_name"], "partner");
    let about = trail(&stage, "subject=user:anna").await;
    assert!(about["count"].as_u64().unwrap() >= 1, "{about}");
    assert_eq!(
        trail(&stage, "since=2100-01-01T00:00:00Z").await["count"],
        0
    );
    assert_eq!(
        trail(&stage, "until=2000-01-01T00:00:00Z").await["count"],
        0
    );
    for wrong in [
        "event=NO_SUCH",
        "limit=0",
        "cursor=x",
        "since=today",
        "actor=%00",
        "events=SETTINGS_CHANGED",
    ] {
        let path = format!("/api/admin/audit?{wrong}");
        let (status, body) = answer(stage.request(Method::GET, &path)).await;
        assert_eq!(error_code(status, &body), "INVALID_REQUEST", "{wrong}");
    }
}
