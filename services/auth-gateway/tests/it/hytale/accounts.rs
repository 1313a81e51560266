use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::hytale::{Effect, Endpoint, FamilyState};

use super::stage::{Stage, code};

const ACCOUNTS: &str = "/api/v1/hytale/accounts";

#[tokio::test]
async fn accounts_are_listed_page_by_page_without_their_tokens() {
    let stage = Stage::new().await;
    stage.host().await;
    stage.login_as("many", "other").await;
    let (status, first) = stage.gateway.get(&format!("{ACCOUNTS}?limit=1")).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    assert_eq!(first["accounts"].as_array().unwrap().len(), 1);
    let next = first["next"].as_str().unwrap();
    let (_, second) = stage
        .gateway
        .get(&format!("{ACCOUNTS}?limit=1&after={next}"))
        .await;
    assert_ne!(first["accounts"][0]["id"], second["accounts"][0]["id"]);
    for account in [&first["accounts"][0], &second["accounts"][0]] {
        assert_eq!(account["state"], "live");
        assert_eq!(account["owners"], json!(["service"]));
        assert!(account["refresh_expires_at"].is_string());
    }
    for text in [first.to_string(), second.to_string()] {
        assert!(!text.contains("nb1:") && !text.contains("ory_"), "{text}");
    }
}

#[tokio::test]
async fn an_account_that_needs_a_login_says_so() {
    let stage = Stage::new().await;
    stage.host().await;
    stage.hytale.revoke_account("one");
    stage
        .post("/api/hytale/refresh-token", json!({ "account_id": "host" }))
        .await;
    let (status, body) = stage.gateway.get(&format!("{ACCOUNTS}/host")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["account"]["state"], "needs_login");
    assert!(body["account"]["failure"].is_string());
}

#[tokio::test]
async fn an_account_given_up_is_ended_at_hytale_and_erased_but_for_its_trail() {
    let stage = Stage::new().await;
    stage.host().await;
    stage
        .post("/api/hytale/game-session", json!({ "account_id": "host" }))
        .await;
    let path = format!("{ACCOUNTS}/host");
    let (status, body) = stage.send(Method::DELETE, &path, json!({})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.hytale.live_sessions("one"), 0);
    assert_eq!(stage.asked(Endpoint::Revoke), 1);
    for table in ["accounts", "account_owners", "account_names", "sessions"] {
        let left = stage.query(&format!("SELECT 1 FROM hytale_{table}")).await;
        assert!(left.is_empty(), "{table}");
    }
    assert_eq!(
        stage.trail().await,
        [
            "TOKEN_CREATED",
            "SESSION_CREATED",
            "SESSION_DELETED",
            "TOKEN_DELETED"
        ]
    );
    let (status, _) = stage.send(Method::DELETE, &path, json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_account_is_given_up_even_if_hytale_is_away() {
    let stage = Stage::new().await;
    stage.host().await;
    stage.fail(Endpoint::Revoke, Effect::Closed);
    let path = format!("{ACCOUNTS}/host");
    let (status, body) = stage.send(Method::DELETE, &path, json!({})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(
        stage
            .query("SELECT 1 FROM hytale_accounts")
            .await
            .is_empty()
    );
    assert_eq!(revoked_by_the_trail(&stage).await, (false, 0));
}

/// Whether Hytale took the revocation, and how many answers had got lost before it.
async fn revoked_by_the_trail(stage: &Stage) -> (bool, i64) {
    let line = "SELECT details FROM hytale_audit WHERE event_type = 'TOKEN_DELETED'";
    let details: Value = stage.query(line).await[0].get(0);
    let (revoked, losses) = (&details["revoked"], &details["after_losses"]);
    (revoked.as_bool().unwrap(), losses.as_i64().unwrap())
}

#[tokio::test]
async fn an_account_is_ended_at_hytale_also_while_it_is_too_early_to_spend_its_token() {
    let busy = Effect::Status {
        status: 503,
        retry_after: Some(60),
    };
    for (effect, losses) in [(busy, 0), (Effect::ResponseLost, 1)] {
        let stage = Stage::new().await;
        stage.host().await;
        stage.fail(Endpoint::RefreshToken, effect);
        let account = json!({ "account_id": "host" });
        let (status, body) = stage.post("/api/hytale/refresh-token", account).await;
        assert!(status.is_server_error(), "{body}");
        let path = format!("{ACCOUNTS}/host");
        let (status, body) = stage.send(Method::DELETE, &path, json!({})).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let states: Vec<_> = stage.hytale.families().iter().map(|it| it.state).collect();
        assert_eq!(states, [FamilyState::Revoked]);
        assert_eq!(revoked_by_the_trail(&stage).await, (true, losses));
    }
}

#[tokio::test]
async fn an_account_whose_token_is_being_spent_is_not_given_up_meanwhile() {
    let stage = Stage::new().await;
    stage.host().await;
    stage
        .execute(
            "UPDATE hytale_accounts SET spend = 'sending', spend_until = now() + interval '1 minute'",
        )
        .await;
    let path = format!("{ACCOUNTS}/host");
    let (status, body) = stage.send(Method::DELETE, &path, json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert_eq!(stage.query("SELECT 1 FROM hytale_accounts").await.len(), 1);
}

#[tokio::test]
async fn a_token_that_somebody_shows_is_validated() {
    let stage = Stage::new().await;
    stage.host().await;
    let (_, made) = stage
        .post("/api/hytale/game-session", json!({ "account_id": "host" }))
        .await;
    let identity = made["session"]["identity_token"].as_str().unwrap();
    for path in [
        "/api/hytale/validate-token",
        "/api/v1/hytale/oauth/validate",
    ] {
        let (status, body) = stage.post(path, json!({ "token": identity })).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["valid"], true);
        assert_eq!(body["profile_id"], stage.profile("one", 0));
        assert_eq!(body["username"], "ServerOperator");
    }
    let path = "/api/hytale/validate-token";
    let (signed, signature) = identity.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let altered = format!("{signed}.{first}{}", &signature[1..]);
    let (status, body) = stage.post(path, json!({ "token": altered })).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    assert_eq!(code(&body), "INVALID_TOKEN");
    let claims = json!({ "iss": "https://sessions.hytale.com", "sub": stage.profile("one", 0),
        "scope": "hytale:server", "exp": 1_700_000_000, "iat": 1_600_000_000 });
    let old = stage.hytale.sign(&claims, None);
    let (status, body) = stage.post(path, json!({ "token": old })).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    assert_eq!(code(&body), "EXPIRED_TOKEN");
    let (status, body) = stage
        .post(path, json!({ "token": identity, "type": "join" }))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
}

#[tokio::test]
async fn an_account_that_needs_a_login_is_given_up_with_its_sessions() {
    let stage = Stage::new().await;
    stage.host().await;
    stage
        .post("/api/hytale/game-session", json!({ "account_id": "host" }))
        .await;
    stage
        .execute("UPDATE hytale_accounts SET state = 'needs_login', refresh_token = NULL")
        .await;
    let path = format!("{ACCOUNTS}/host");
    let (status, body) = stage.send(Method::DELETE, &path, json!({})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.hytale.live_sessions("one"), 0);
}

#[tokio::test]
async fn the_trail_tells_which_sessions_of_an_account_given_up_may_live_on() {
    let stage = Stage::new().await;
    stage.host().await;
    stage
        .post("/api/hytale/game-session", json!({ "account_id": "host" }))
        .await;
    stage.fail(Endpoint::SessionDelete, Effect::Closed);
    let path = format!("{ACCOUNTS}/host");
    let (status, body) = stage.send(Method::DELETE, &path, json!({})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let told = stage
        .query(
            "SELECT details->>'outcome' FROM hytale_audit WHERE event_type = 'SESSION_DELETED' \
             ORDER BY created_at, id",
        )
        .await;
    let told: Vec<String> = told.iter().map(|row| row.get(0)).collect();
    assert_eq!(told, ["failed", "abandoned"]);
}

#[tokio::test]
async fn tokens_that_a_login_brings_meanwhile_are_not_erased_with_those_given_up() {
    let stage = Stage::new().await;
    stage.host().await;
    stage.fail(Endpoint::Revoke, Effect::Late { seconds: 3.0 });
    let path = format!("{ACCOUNTS}/host");
    let given_up = stage.send(Method::DELETE, &path, json!({}));
    let login = async {
        stage.wait_until_asked(Endpoint::Revoke, 1).await;
        stage.host().await
    };
    let ((status, body), _) = tokio::join!(given_up, login);
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    let path = "/api/hytale/refresh-token";
    let (status, body) = stage.post(path, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}
