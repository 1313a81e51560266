use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use simulators::hytale::{Effect, Endpoint, FamilyState};

use super::stage::{Stage, code};

const REFRESH: &str = "/api/hytale/refresh-token";

#[tokio::test]
async fn a_refresh_spends_the_token_once_and_answers_a_new_access_token() {
    let stage = Stage::new().await;
    let first = stage.host().await;
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_ne!(body["access_token"], first["access_token"]);
    assert!(body.get("refresh_token").is_none());
    assert_eq!(stage.trail().await, ["TOKEN_CREATED", "TOKEN_REFRESHED"]);

    let by_id = json!({ "account_id": first["account_id"] });
    let (status, body) = stage.post("/api/v1/hytale/oauth/refresh", by_id).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.hytale.spent_more_than_once(), 0);
    assert_eq!(stage.hytale.families_lost(), 0);
}

#[tokio::test]
async fn many_who_need_a_token_at_once_spend_it_once() {
    let stage = Stage::new().await;
    stage.host().await;
    stage.age_access_token().await;
    let asked =
        (0..20).map(|_| stage.post("/api/hytale/profiles", json!({ "account_id": "host" })));
    for (status, body) in futures_util::future::join_all(asked).await {
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    assert_eq!(stage.asked(Endpoint::RefreshToken), 1);
    assert_eq!(stage.hytale.families_lost(), 0);
}

#[tokio::test]
async fn a_lost_answer_is_recorded_and_the_next_try_tells() {
    let stage = Stage::new().await;
    stage.host().await;
    stage.fail(Endpoint::RefreshToken, Effect::ResponseLost);
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{body}");
    assert_eq!(code(&body), "INTEGRATION_ERROR");
    let row = &stage
        .query("SELECT spend, losses, state FROM hytale_accounts")
        .await[0];
    let stored: (String, i32, String) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(stored, ("lost".to_owned(), 1, "live".to_owned()));

    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(
        status,
        StatusCode::SERVICE_UNAVAILABLE,
        "not before its time"
    );
    assert!(body["retry_after"].as_u64().unwrap() >= 1);

    stage.heal();
    stage
        .execute("UPDATE hytale_accounts SET retry_at = now()")
        .await;
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    assert_eq!(code(&body), "AUTH_FAILED");
    assert_eq!(stage.trail().await, ["TOKEN_CREATED", "AUTH_FAILED"]);
}

#[tokio::test]
async fn a_request_that_never_left_has_spent_nothing() {
    let stage = Stage::new().await;
    stage.host().await;
    let effect = Effect::Status {
        status: 429,
        retry_after: Some(1),
    };
    stage.fail(Endpoint::RefreshToken, effect);
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    let row = &stage
        .query("SELECT spend, losses FROM hytale_accounts")
        .await[0];
    assert_eq!(
        (row.get::<_, String>(0), row.get::<_, i32>(1)),
        ("idle".to_owned(), 0)
    );
    stage.heal();
    stage
        .execute("UPDATE hytale_accounts SET retry_at = now()")
        .await;
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn a_process_that_died_while_sending_leaves_a_lost_answer() {
    let stage = Stage::new().await;
    stage.host().await;
    stage
        .execute(
            "UPDATE hytale_accounts SET spend = 'sending', spend_fence = 7, \
             spend_until = now() - interval '1 second'",
        )
        .await;
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    let wait = body["retry_after"].as_u64().unwrap();
    assert!(wait >= 10, "its holder may still have the answer: {wait}");
    stage
        .execute("UPDATE hytale_accounts SET retry_at = now()")
        .await;
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let row = &stage
        .query("SELECT details->>'after_losses' FROM hytale_audit WHERE event_type = 'TOKEN_REFRESHED'")
        .await[0];
    assert_eq!(row.get::<_, String>(0), "1");
}

#[tokio::test]
async fn a_caller_is_told_when_the_leave_of_a_process_that_died_ends() {
    let stage = Stage::new().await;
    stage.host().await;
    stage
        .execute(
            "UPDATE hytale_accounts SET spend = 'sending', spend_fence = 7, \
             spend_until = now() + interval '1 minute'",
        )
        .await;
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    let wait = body["retry_after"].as_u64().unwrap();
    assert!((30..=60).contains(&wait), "{wait}");
    assert_eq!(stage.asked(Endpoint::RefreshToken), 0);
}

#[tokio::test]
async fn a_revoked_account_is_marked_once_and_asks_for_a_login() {
    let stage = Stage::new().await;
    stage.host().await;
    stage.hytale.revoke_account("one");
    for _ in 0..3 {
        let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
        assert_eq!(code(&body), "AUTH_FAILED");
    }
    assert_eq!(stage.asked(Endpoint::RefreshToken), 1, "not tried for ever");
    assert_eq!(stage.trail().await, ["TOKEN_CREATED", "AUTH_FAILED"]);
    let told = stage
        .query("SELECT 1 FROM outbox WHERE key = 'hytale.account.login_needed'")
        .await;
    assert_eq!(told.len(), 1);
    let row = &stage
        .query("SELECT refresh_token IS NULL AND access_token IS NULL FROM hytale_accounts")
        .await[0];
    assert!(row.get::<_, bool>(0), "what is dead is erased");

    stage.host().await;
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

/// A caller asks for a refresh, which Hytale takes so many seconds for, and does not
/// wait for the answer.
async fn hang_up_during_a_refresh(stage: &Stage, seconds: f64) {
    stage.fail(Endpoint::RefreshToken, Effect::Slow { seconds });
    let request = stage
        .gateway
        .request(Method::POST, REFRESH)
        .json(&json!({ "account_id": "host" }));
    let impatient = request.timeout(Duration::from_secs(1));
    assert!(impatient.send().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_caller_that_hangs_up_loses_no_token() {
    let stage = Stage::new().await;
    stage.host().await;
    hang_up_during_a_refresh(&stage, 3.0).await;
    let patience = Duration::from_secs(20);
    testkit::wait_for("the new token to be stored", patience, async || {
        let trail = stage.trail().await;
        (trail == ["TOKEN_CREATED", "TOKEN_REFRESHED"])
            .then_some(())
            .ok_or_else(|| trail.join(", "))
    })
    .await;
    stage.heal();
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.hytale.families_lost(), 0);
}

#[tokio::test]
async fn a_refresh_that_brings_no_new_token_leaves_the_old_one_good() {
    let stage = Stage::new().await;
    stage.hytale.behaviour(|it| it.rotation = false);
    stage.host().await;
    for _ in 0..2 {
        let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
}

/// Logs the account in anew while Hytale's answer to a refresh is on its way.
async fn log_in_during_a_refresh(stage: &Stage) {
    stage.fail(Endpoint::RefreshToken, Effect::Late { seconds: 3.0 });
    let refreshed = stage.post(REFRESH, json!({ "account_id": "host" }));
    let login = async {
        stage.wait_until_asked(Endpoint::RefreshToken, 1).await;
        stage.host().await
    };
    let ((status, body), _) = tokio::join!(refreshed, login);
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    stage.heal();
}

#[tokio::test]
async fn tokens_that_come_later_than_those_of_a_login_are_nobodys_and_revoked() {
    let stage = Stage::new().await;
    stage.host().await;
    log_in_during_a_refresh(&stage).await;
    assert_eq!(stage.trail().await, ["TOKEN_CREATED"; 2]);
    let states: Vec<_> = stage.hytale.families().iter().map(|it| it.state).collect();
    assert_eq!(states, [FamilyState::Revoked, FamilyState::Alive]);
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn a_refusal_that_comes_later_than_a_login_does_not_end_what_it_brought() {
    let stage = Stage::new().await;
    stage.host().await;
    stage.hytale.revoke_account("one");
    log_in_during_a_refresh(&stage).await;
    assert_eq!(stage.trail().await, ["TOKEN_CREATED"; 2]);
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn an_account_of_another_is_as_unknown_as_one_that_does_not_exist() {
    let stage = Stage::new().await;
    let unknown = json!({ "account_id": "0197b1d2-0000-7000-8000-000000000000" });
    let (status, body) = stage.post(REFRESH, unknown).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    let (status, body) = stage.post(REFRESH, json!({ "account_id": "nobody" })).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    let (status, body) = stage.post(REFRESH, json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(code(&body), "INVALID_REQUEST");
}

#[tokio::test]
async fn what_hytale_says_against_a_request_is_for_the_log_and_not_for_callers() {
    let stage = Stage::new().await;
    stage.host().await;
    let said = json!({ "error": "bad_request", "error_description": "words of Hytale's" });
    let refused = Effect::Answer {
        status: 400,
        body: said,
    };
    stage.fail(Endpoint::Profiles, refused);
    let path = "/api/hytale/profiles";
    let (status, body) = stage.post(path, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{body}");
    assert_eq!(code(&body), "INTEGRATION_ERROR");
    let body = body.to_string();
    assert!(
        !body.contains("bad_request") && !body.contains("words"),
        "{body}"
    );
}

#[tokio::test]
async fn profiles_are_listed_and_one_is_selected() {
    let stage = Stage::new().await;
    stage.login_as("many", "host").await;
    let (status, body) = stage
        .post("/api/hytale/profiles", json!({ "account_id": "host" }))
        .await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["profiles"].as_array().unwrap().len(), 3);

    let path = "/api/v1/hytale/oauth/select-profile";
    let second = stage.profile("many", 1);
    let choice = json!({ "account_id": "host", "profile_uuid": second });
    let (status, body) = stage.post(path, choice).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["message"], format!("Profile {second} selected"));
    assert_eq!(stage.trail().await, ["TOKEN_CREATED", "PROFILE_SELECTED"]);

    let foreign = json!({ "account_id": "host", "profile_id": stage.profile("one", 0) });
    let (status, body) = stage.post(path, foreign).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    let senseless = json!({ "account_id": "host", "profile_id": "second" });
    let (status, body) = stage.post(path, senseless).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
}

#[tokio::test]
async fn a_gateway_that_stops_stores_the_answer_that_nobody_waits_for_any_more() {
    let stage = Stage::new().await;
    stage.host().await;
    hang_up_during_a_refresh(&stage, 3.0).await;
    let Stage { gateway, hytale } = stage;
    gateway.shutdown.request();
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, gateway.serving)
        .await
        .expect("it stops")
        .unwrap();
    assert_eq!(hytale.families_lost(), 0);
    let database = gateway.database.connect().await;
    let row = database
        .query_one(
            "SELECT spend, (SELECT count(*) FROM hytale_audit WHERE event_type = 'TOKEN_REFRESHED') \
             FROM hytale_accounts",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(
        (row.get::<_, String>(0), row.get::<_, i64>(1)),
        ("idle".to_owned(), 1)
    );
}
