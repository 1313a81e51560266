//! Which sessions count against Hytale's limit.

use common::types::scope::Scope;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::hytale::{Effect, Endpoint, Options};

use super::stage::{Stage, code};
use crate::gateway::{KEY, answer};

const SESSIONS: &str = "/api/v1/hytale/sessions";
const SESSION: &str = "/api/hytale/game-session";

async fn inventory(stage: &Stage, query: &str) -> Value {
    let (status, body) = stage.gateway.get(&format!("{SESSIONS}?{query}")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

async fn make(stage: &Stage, name: &str) -> Value {
    let (status, body) = stage.post(SESSION, json!({ "account_id": name })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["session"].clone()
}

#[tokio::test]
async fn sessions_that_count_are_listed_without_their_tokens() {
    let more = vec![("HYTALE_SESSION_LIMIT", "5".to_owned())];
    let stage = Stage::with(Options::default(), more).await;
    let nothing = json!({ "success": true, "accounts": [], "sessions": [] });
    assert_eq!(inventory(&stage, "").await, nothing);
    stage.host().await;
    let (first, second) = (make(&stage, "host").await, make(&stage, "host").await);
    stage.fail(Endpoint::SessionNew, Effect::ResponseLost);
    stage.post(SESSION, json!({ "account_id": "host" })).await;
    stage.heal();
    let ended = json!({ "account_id": "host", "session_id": second["session_id"] });
    stage.send(Method::DELETE, SESSION, ended).await;

    let body = inventory(&stage, "").await;
    let account = &body["accounts"][0];
    assert_eq!(body["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&account["active"], &account["lost"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&account["limit"], &account["remaining"]),
        (&json!(5), &json!(3))
    );
    let sessions = body["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let active = sessions.iter().find(|it| it["state"] == "active").unwrap();
    assert_eq!(active["session_id"], first["session_id"]);
    assert_eq!(active["profile_id"], first["profile_id"]);
    assert!(active["expires_at"].is_string() && active["created_at"].is_string());
    let lost = sessions.iter().find(|it| it["state"] == "lost").unwrap();
    assert_eq!(lost["expires_at"], Value::Null);
    let text = body.to_string();
    assert!(!text.contains("nb1:") && !text.contains("_token"), "{text}");
}

#[tokio::test]
async fn a_caller_sees_the_sessions_of_its_own_accounts_only() {
    let stage = Stage::new().await;
    stage.host().await;
    make(&stage, "host").await;
    let stranger = stage.gateway.key("stranger", [Scope::Hytale]).await;
    let internal = stage.gateway.key("internal", [Scope::HytaleAll]).await;
    let ask = async |key: &str, query: &str| {
        let path = format!("{SESSIONS}?{query}");
        answer(stage.gateway.as_client(key, Method::GET, &path)).await
    };
    let (_, none) = ask(&stranger, "").await;
    assert_eq!(none["sessions"], json!([]));
    assert_eq!(none["accounts"], json!([]));
    let (_, all) = ask(&internal, "").await;
    assert_eq!(all["sessions"].as_array().unwrap().len(), 1);
    let account = all["sessions"][0]["account_id"].as_str().unwrap();
    let query = format!("account_id={account}");
    assert_eq!(ask(&internal, &query).await.0, StatusCode::OK);
    for query in [query, "account_id=host".to_owned()] {
        let (status, body) = ask(&stranger, &query).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    }
}

#[tokio::test]
async fn sessions_are_listed_page_by_page_account_by_account() {
    let more = vec![("HYTALE_SESSION_LIMIT", "0".to_owned())];
    let stage = Stage::with(Options::default(), more).await;
    stage.host().await;
    for _ in 0..3 {
        make(&stage, "host").await;
    }
    stage
        .execute(
            "INSERT INTO hytale_accounts (environment, account_id, state, scope, profiles) \
             VALUES ('production', '00000000-0000-0000-0000-000000000001', 'needs_login', '', '[]'); \
             INSERT INTO hytale_account_owners (environment, account_id, principal) \
             VALUES ('production', '00000000-0000-0000-0000-000000000001', 'service'); \
             INSERT INTO hytale_sessions (id, environment, account_id, profile_id, state, principal, lost, ended_at) \
             VALUES (gen_random_uuid(), 'production', '00000000-0000-0000-0000-000000000001', \
               gen_random_uuid(), 'failed', 'service', true, now())",
        )
        .await;
    let first = inventory(&stage, "limit=2").await;
    assert_eq!(first["sessions"].as_array().unwrap().len(), 2);
    let accounts = first["accounts"].as_array().unwrap();
    let of = |place: usize| (&accounts[place]["active"], &accounts[place]["lost"]);
    assert_eq!(accounts.len(), 2);
    assert_eq!(of(0), (&json!(0), &json!(1)));
    assert_eq!(
        of(1),
        (&json!(3), &json!(0)),
        "all that count, whatever the page"
    );
    assert_eq!(accounts[1]["limit"], Value::Null);
    assert_eq!(accounts[1]["remaining"], Value::Null);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = inventory(&stage, &format!("limit=3&cursor={cursor}")).await;
    assert_eq!(rest["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(rest["next_cursor"], Value::Null);
    let of_one = inventory(&stage, "account_id=host").await;
    assert_eq!(of_one["sessions"].as_array().unwrap().len(), 3);

    for wrong in ["limit=0", "cursor=1"] {
        let (status, body) = stage.gateway.get(&format!("{SESSIONS}?{wrong}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(code(&body), "INVALID_REQUEST");
    }
}

/// A session in its last minutes, whose pair Hytale renews without our hearing of it.
async fn lose_a_renewal(options: Options) -> Stage {
    let stage = Stage::with(options, Vec::new()).await;
    stage.host().await;
    make(&stage, "host").await;
    let old = "UPDATE hytale_sessions SET expires_at = now() + interval '9 minutes'";
    stage.execute(old).await;
    stage.fail(Endpoint::SessionRefresh, Effect::ResponseLost);
    let which = json!({ "account_id": "host" });
    let (status, body) = stage.send(Method::PATCH, SESSION, which).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{body}");
    stage.heal();
    assert_eq!(counts(&stage).await, (json!(1), json!(0)));
    stage
}

/// Active and lost ones of the account.
async fn counts(stage: &Stage) -> (Value, Value) {
    let body = inventory(stage, "").await;
    let account = &body["accounts"][0];
    (account["active"].clone(), account["lost"].clone())
}

#[tokio::test]
async fn a_session_whose_new_pair_got_lost_counts_on_when_the_old_one_is_dead() {
    for (method, status) in [
        (Method::PATCH, StatusCode::NOT_FOUND),
        (Method::DELETE, StatusCode::OK),
    ] {
        let mut options = Options::default();
        options.behaviour.old_session_token_dies = true;
        let stage = lose_a_renewal(options).await;
        let which = json!({ "account_id": "host" });
        let (answered, body) = stage.send(method.clone(), SESSION, which).await;
        assert_eq!(answered, status, "{body}");
        assert_eq!(counts(&stage).await, (json!(0), json!(1)), "{method}");
    }
}

#[tokio::test]
async fn a_session_whose_new_pair_got_lost_is_over_when_hytale_ends_it() {
    let stage = lose_a_renewal(Options::default()).await;
    let which = json!({ "account_id": "host" });
    let (status, body) = stage.send(Method::DELETE, SESSION, which).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(inventory(&stage, "").await["accounts"], json!([]));
}

#[tokio::test]
async fn a_session_of_which_nobody_has_said_what_became_counts_after_a_minute() {
    let stage = Stage::new().await;
    stage.host().await;
    make(&stage, "host").await;
    let asked_for = async |ago: &str| {
        let sql = format!(
            "UPDATE hytale_sessions SET state = 'created', created_at = now() - interval '{ago}'"
        );
        stage.execute(&sql).await;
    };
    asked_for("30 seconds").await;
    assert_eq!(inventory(&stage, "").await["accounts"], json!([]));
    asked_for("2 minutes").await;
    assert_eq!(counts(&stage).await, (json!(0), json!(1)));
}

#[tokio::test]
async fn a_session_whose_new_pair_was_never_asked_for_is_not_lost() {
    let stage = Stage::new().await;
    stage.host().await;
    make(&stage, "host").await;
    let old = "UPDATE hytale_sessions SET expires_at = now() + interval '9 minutes'";
    stage.execute(old).await;
    // A gateway that has no keys to prove the new pair with asks for none.
    stage.fail(Endpoint::SessionKeys, Effect::Closed);
    let replica = stage.gateway.replica().await;
    let request = stage
        .gateway
        .client
        .patch(format!("{}{SESSION}", replica.url));
    let request = request.header("X-API-Key", KEY);
    let (status, body) = answer(request.json(&json!({ "account_id": "host" }))).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{body}");
    assert_eq!(stage.asked(Endpoint::SessionRefresh), 0);
    stage.heal();
    stage.hytale.end_sessions("one");
    let which = json!({ "account_id": "host" });
    let (status, body) = stage.send(Method::PATCH, SESSION, which).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    assert_eq!(inventory(&stage, "").await["accounts"], json!([]));
}
