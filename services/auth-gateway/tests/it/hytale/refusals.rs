//! What anybody may be refused as often as they like, in the audit trail.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::hytale::Options;
use testkit::wait_for;

use super::stage::Stage;
use crate::gateway::{KEY, answer};

const TOKEN_POLL: &str = "/api/hytale/token-poll";
const ACCOUNTS: &str = "/api/v1/hytale/accounts";
const CEILING: usize = 3;

/// Behind a proxy of its own; sums are appended so often.
async fn stage(seconds: u32) -> Stage {
    let variables = vec![
        ("HTTP_TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
        ("LIMITS_FAILED_CREDENTIALS", CEILING.to_string()),
        ("HYTALE_AUDIT_SUM_SECONDS", seconds.to_string()),
    ];
    Stage::with(Options::default(), variables).await
}

/// Asks for accounts with this header, from an address that the proxy tells.
async fn asked(stage: &Stage, from: &str, header: (&str, &str)) -> StatusCode {
    let url = format!("{}{ACCOUNTS}", stage.gateway.url);
    let request = stage
        .gateway
        .client
        .get(url)
        .header("X-Forwarded-For", from);
    let (status, _) = answer(request.header(header.0, header.1)).await;
    status
}

async fn polled(stage: &Stage, from: &str, key: Option<&str>) -> StatusCode {
    let url = format!("{}{TOKEN_POLL}", stage.gateway.url);
    let request = stage.gateway.client.post(url);
    let request = request.header("X-Forwarded-For", from);
    let request = match key {
        Some(key) => request.header("X-API-Key", key),
        None => request,
    };
    let (status, _) = answer(request.json(&json!({ "device_code": "a guess" }))).await;
    status
}

async fn stop(stage: &mut Stage) {
    stage.gateway.shutdown.request();
    (&mut stage.gateway.serving).await.unwrap();
}

/// Reason, count, principal and address of each line, in order.
async fn told(stage: &Stage) -> Vec<(String, i64, Option<String>, String)> {
    let rows = stage
        .query(
            "SELECT details->>'reason', (details->>'count')::bigint, principal, ip \
             FROM hytale_audit WHERE event_type = 'AUTH_FAILED' ORDER BY 1, 4, 3",
        )
        .await;
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

async fn rolled_back(stage: &Stage) -> i64 {
    let sql = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()";
    stage.query(sql).await[0].get(0)
}

#[tokio::test]
async fn refusals_of_one_source_are_one_line_once_the_gateway_ends() {
    let mut stage = stage(3600).await;
    for _ in 0..CEILING {
        let status = asked(&stage, "203.0.113.1", ("X-API-Key", "forged")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..2 {
        let status = asked(&stage, "203.0.113.1", ("X-API-Key", "forged")).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    }
    let status = asked(&stage, "203.0.113.2", ("Authorization", "Bearer forged")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    for last in 1..=4 {
        polled(&stage, &format!("2001:db8::{last}"), None).await;
    }
    polled(&stage, "203.0.113.2", Some(KEY)).await;
    assert!(told(&stage).await.is_empty());

    stop(&mut stage).await;
    let line = |reason: &str, count, principal: Option<&str>, ip: &str| {
        (
            reason.to_owned(),
            count,
            principal.map(str::to_owned),
            ip.to_owned(),
        )
    };
    let expected = [
        line("invalid_credentials", 3, None, "203.0.113.1"),
        line("invalid_credentials", 1, None, "203.0.113.2"),
        line("too_many_credentials", 2, None, "203.0.113.1"),
        line("unknown_code", 4, None, "2001:db8::1"),
        line("unknown_code", 1, Some("service"), "203.0.113.2"),
    ];
    let mut found = told(&stage).await;
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
    let rows = stage.query("SELECT details::text FROM hytale_audit").await;
    for row in rows {
        let details: String = row.get(0);
        assert!(!details.contains("forged") && !details.contains("a guess"));
    }
}

#[tokio::test]
async fn whoever_needs_no_refusal_leaves_no_line() {
    let mut stage = stage(3600).await;
    assert_eq!(
        asked(&stage, "203.0.113.1", ("X-API-Key", KEY)).await,
        StatusCode::OK
    );
    // Without credentials nothing was tried.
    let url = format!("{}{ACCOUNTS}", stage.gateway.url);
    let (status, _) = answer(stage.gateway.client.get(url)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let begun = stage.begin("host").await;
    let (status, _) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    stop(&mut stage).await;
    assert!(told(&stage).await.is_empty());
}

#[tokio::test]
async fn sums_are_appended_while_the_gateway_runs_and_wait_for_a_database_that_refuses() {
    let stage = stage(1).await;
    stage
        .execute(
            "ALTER TABLE hytale_audit ADD CONSTRAINT not_now CHECK (event_type <> 'AUTH_FAILED')",
        )
        .await;
    let before = rolled_back(&stage).await;
    polled(&stage, "203.0.113.1", None).await;
    wait_for("a round that failed", Duration::from_secs(20), async || {
        let now = rolled_back(&stage).await;
        (now > before).then_some(()).ok_or(now)
    })
    .await;
    polled(&stage, "203.0.113.1", None).await;
    assert!(told(&stage).await.is_empty());
    stage
        .execute("ALTER TABLE hytale_audit DROP CONSTRAINT not_now")
        .await;
    let line = wait_for("the sum", Duration::from_secs(20), async || {
        told(&stage).await.into_iter().next().ok_or("no line yet")
    })
    .await;
    let expected = ("unknown_code".to_owned(), 2, None, "203.0.113.1".to_owned());
    assert_eq!(line, expected);
    let key = stage
        .gateway
        .key("auditor", [common::types::scope::Scope::Admin])
        .await;
    let path = "/api/v1/hytale/logs?event_type=AUTH_FAILED";
    let request = stage.gateway.as_client(&key, Method::GET, path);
    let (status, body): (StatusCode, Value) = answer(request).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["logs"][0]["details"]["reason"], "unknown_code");
}
