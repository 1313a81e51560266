use reqwest::{Method, StatusCode};
use serde_json::json;
use simulators::hytale::{Endpoint, Options};

use super::sessions::ask_with_a_key;
use super::stage::{Stage, code};

#[tokio::test]
async fn an_account_is_refreshed_on_request_six_times_an_hour() {
    let stage = Stage::new().await;
    stage.host().await;
    let path = "/api/hytale/refresh-token";
    let account = json!({ "account_id": "host" });
    for left in (0..6).rev() {
        let request = stage.gateway.request(Method::POST, path).json(&account);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let field = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(field("x-ratelimit-limit"), "6");
        assert_eq!(field("x-ratelimit-remaining"), left.to_string());
        assert!(field("x-ratelimit-reset").parse::<u64>().unwrap() > 1_700_000_000);
        assert_eq!(
            field("ratelimit-policy"),
            r#""refresh-token";q=6;w=3600, "key";q=6000;w=60"#
        );
        assert!(field("ratelimit").starts_with(&format!(r#""refresh-token";r={left};t="#)));
    }
    let request = stage.gateway.request(Method::POST, path).json(&account);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((500..=600).contains(&wait), "the time of one token: {wait}");
    assert_eq!(answer.headers()["x-ratelimit-remaining"], "0");
    let body = answer.json().await.unwrap();
    assert_eq!(code(&body), "RATE_LIMITED");
    assert_eq!(body["retry_after"], wait);
    assert_eq!(stage.asked(Endpoint::RefreshToken), 6);
}

#[tokio::test]
async fn profiles_and_sessions_of_an_account_share_one_limit_and_accounts_do_not() {
    let more = vec![("LIMITS_GAME_SESSION", "4".to_owned())];
    let stage = Stage::with(Options::default(), more).await;
    stage.host().await;
    stage.login_as("many", "other").await;
    let account = json!({ "account_id": "host", "profile_id": stage.profile("one", 0) });
    for (path, status) in [
        ("/api/hytale/profiles", StatusCode::OK),
        ("/api/hytale/select-profile", StatusCode::OK),
        ("/api/hytale/game-session", StatusCode::OK),
        ("/api/v1/hytale/oauth/game-session/delete", StatusCode::OK),
        ("/api/hytale/profiles", StatusCode::TOO_MANY_REQUESTS),
    ] {
        let (answered, body) = stage.post(path, account.clone()).await;
        assert_eq!(answered, status, "{path}: {body}");
    }
    let other = json!({ "account_id": "other" });
    let (status, _) = stage.post("/api/hytale/profiles", other).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_uses_up_the_limit_of_an_account_that_is_not_theirs() {
    let more = vec![("LIMITS_GAME_SESSION", "1".to_owned())];
    let stage = Stage::with(Options::default(), more).await;
    stage.host().await;
    for _ in 0..5 {
        let unknown = json!({ "account_id": "nobody" });
        let (status, _) = stage.post("/api/hytale/profiles", unknown).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    let (status, _) = stage
        .post("/api/hytale/profiles", json!({ "account_id": "host" }))
        .await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn polls_in_time_are_not_counted_and_fast_ones_are_limited() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    for _ in 0..15 {
        stage.pass_interval().await;
        let (status, body) = stage.poll(&begun).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    }
    for _ in 0..10 {
        let (status, body) = stage.poll(&begun).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(body["error"], "slow_down");
    }
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{body}");
    assert_eq!(stage.asked(Endpoint::DeviceToken), 15);
}

#[tokio::test]
async fn logins_of_one_caller_are_limited() {
    let more = vec![("LIMITS_DEVICE_CODE", "2".to_owned())];
    let stage = Stage::with(Options::default(), more).await;
    stage.begin("one").await;
    stage.begin("two").await;
    let (status, body) = stage.post("/api/hytale/device-code", json!({})).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{body}");
    assert_eq!(stage.asked(Endpoint::DeviceAuth), 2);
}

#[tokio::test]
async fn browsers_may_read_the_limits() {
    let stage = Stage::new().await;
    let request = stage.gateway.request(Method::POST, "/api/hytale/profiles");
    let answer = request
        .header("Origin", "https://site.example")
        .json(&json!({ "account_id": "nobody" }))
        .send()
        .await
        .unwrap();
    let exposed = answer.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap();
    for field in [
        "x-ratelimit-remaining",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
    ] {
        assert!(
            exposed.split(", ").any(|it| it == field),
            "{field}: {exposed}"
        );
    }
}

#[tokio::test]
async fn a_repeated_idempotency_key_is_not_counted_again() {
    let more = vec![("LIMITS_GAME_SESSION", "2".to_owned())];
    let stage = Stage::with(Options::default(), more).await;
    stage.host().await;
    for _ in 0..5 {
        let (status, body) = ask_with_a_key(&stage).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    stage
        .execute("UPDATE hytale_sessions SET state = 'created'")
        .await;
    for _ in 0..5 {
        let (status, body) = ask_with_a_key(&stage).await;
        assert_eq!(status, StatusCode::CONFLICT, "{body}");
    }
    let path = "/api/hytale/profiles";
    let account = json!({ "account_id": "host" });
    for expected in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        let (status, body) = stage.post(path, account.clone()).await;
        assert_eq!(status, expected, "{body}");
    }
}
