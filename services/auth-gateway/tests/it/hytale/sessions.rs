use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::hytale::{BodyStyle, Effect, Endpoint, Fault, Options, SignatureFlaw, TokenFlaw};

use super::stage::{Stage, code};
use crate::gateway::answer;

pub const SESSION: &str = "/api/hytale/game-session";

fn refusal(status: u16) -> Effect {
    Effect::Status {
        status,
        retry_after: None,
    }
}

/// Whether Hytale may hold the session that failed.
async fn is_lost(stage: &Stage) -> bool {
    let sql = "SELECT lost FROM hytale_sessions WHERE state = 'failed'";
    stage.query(sql).await[0].get(0)
}

async fn make(stage: &Stage) -> Value {
    let (status, body) = stage.post(SESSION, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["session"].clone()
}

pub async fn ask_with_a_key(stage: &Stage) -> (StatusCode, Value) {
    let request = stage.gateway.request(Method::POST, SESSION);
    let body = json!({ "account_id": "host" });
    answer(request.header("Idempotency-Key", "boot-17").json(&body)).await
}

async fn age(stage: &Stage) {
    stage
        .execute("UPDATE hytale_sessions SET expires_at = now() + interval '9 minutes'")
        .await;
}

#[tokio::test]
async fn a_session_is_made_refreshed_and_ended() {
    let stage = Stage::new().await;
    stage.host().await;
    let made = make(&stage).await;
    assert_eq!(made["profile_id"], stage.profile("one", 0));
    assert_eq!(stage.hytale.live_sessions("one"), 1);

    age(&stage).await;
    let which = json!({ "account_id": "host", "session_id": made["session_id"] });
    let (status, body) = stage.send(Method::PATCH, SESSION, which.clone()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_ne!(body["session"]["session_token"], made["session_token"]);
    assert_eq!(body["session"]["session_id"], made["session_id"]);

    for _ in 0..2 {
        let (status, body) = stage.send(Method::DELETE, SESSION, which.clone()).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    assert_eq!(stage.hytale.live_sessions("one"), 0);
    assert_eq!(stage.asked(Endpoint::SessionDelete), 1);
    assert_eq!(
        stage.trail().await,
        [
            "TOKEN_CREATED",
            "SESSION_CREATED",
            "SESSION_REFRESHED",
            "SESSION_DELETED"
        ]
    );
}

#[tokio::test]
async fn existing_clients_find_sessions_at_their_addresses() {
    let stage = Stage::new().await;
    stage.host().await;
    let base = "/api/v1/hytale/oauth/game-session";
    let by_query = format!(
        "{base}/new?account_id=host&profile_uuid={}",
        stage.profile("one", 0)
    );
    let (status, body) = stage.post(&by_query, json!({})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let which = json!({ "account_id": "host", "profile_uuid": stage.profile("one", 0) });
    let (status, same) = stage.post(&format!("{base}/refresh"), which.clone()).await;
    assert_eq!(status, StatusCode::OK, "{same}");
    assert_eq!(same["session"], body["session"], "too early for a new pair");
    assert_eq!(stage.asked(Endpoint::SessionRefresh), 0);
    let (status, body) = stage.post(&format!("{base}/delete"), which).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn where_several_sessions_fit_their_ids_are_answered() {
    let stage = Stage::new().await;
    stage.host().await;
    let first = make(&stage).await;
    let second = make(&stage).await;
    let which = json!({ "account_id": "host" });
    let (status, body) = stage.send(Method::DELETE, SESSION, which).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    let ids = body["details"]["session_ids"].as_array().unwrap();
    assert!(ids.contains(&first["session_id"]) && ids.contains(&second["session_id"]));
}

#[tokio::test]
async fn the_limit_is_told_apart_whatever_the_refusals_body() {
    for style in [BodyStyle::Json, BodyStyle::Text, BodyStyle::Empty] {
        let mut options = Options::default();
        options.behaviour.session_limit = Some(1);
        options.behaviour.refusal_body = style;
        let stage = Stage::with(options, Vec::new()).await;
        stage.host().await;
        make(&stage).await;
        let (status, body) = stage.post(SESSION, json!({ "account_id": "host" })).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
        assert_eq!(code(&body), "SESSION_LIMIT_EXCEEDED");
        assert_eq!(body["entitlement_required"], "sessions.unlimited_servers");
        assert_eq!(stage.asked(Endpoint::RefreshToken), 0);
    }
}

#[tokio::test]
async fn a_refusal_that_cannot_be_told_apart_spends_no_token_and_is_no_lost_session() {
    let stage = Stage::new().await;
    stage.host().await;
    let refused = refusal(403);
    stage.fail(Endpoint::SessionNew, refused);
    stage.fail(Endpoint::Profiles, Effect::Closed);
    let (status, body) = stage.post(SESSION, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert_eq!(stage.asked(Endpoint::RefreshToken), 0);
    assert!(!is_lost(&stage).await);
}

#[tokio::test]
async fn an_access_token_that_died_before_its_time_is_renewed_once() {
    let stage = Stage::new().await;
    stage.host().await;
    let effect = refusal(401);
    stage.hytale.faults(|faults| {
        faults.add(Fault::new(effect.clone()).on(Endpoint::SessionNew).times(1));
        faults.add(Fault::new(effect).on(Endpoint::Profiles).times(1));
    });
    make(&stage).await;
    assert_eq!(stage.asked(Endpoint::RefreshToken), 1);
}

#[tokio::test]
async fn a_token_that_gets_lost_on_the_way_to_a_session_is_no_lost_session() {
    let stage = Stage::new().await;
    stage.host().await;
    let unauthorized = refusal(401);
    stage.fail(Endpoint::SessionNew, unauthorized.clone());
    stage.fail(Endpoint::Profiles, unauthorized);
    stage.fail(Endpoint::RefreshToken, Effect::ResponseLost);
    let (status, body) = stage.post(SESSION, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert!(!is_lost(&stage).await);
}

#[tokio::test]
async fn a_lost_answer_is_remembered_as_a_session_that_may_exist() {
    let stage = Stage::new().await;
    stage.host().await;
    stage.fail(Endpoint::SessionNew, Effect::ResponseLost);
    let (status, body) = stage.post(SESSION, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{body}");
    assert!(is_lost(&stage).await);
    let outcome = &stage
        .query("SELECT details->>'outcome' FROM hytale_audit WHERE event_type = 'SESSION_CREATED'")
        .await[0];
    assert_eq!(outcome.get::<_, String>(0), "failed");
}

#[tokio::test]
async fn a_session_that_hytale_has_ended_is_not_found_and_lapses() {
    let stage = Stage::new().await;
    stage.host().await;
    make(&stage).await;
    age(&stage).await;
    stage.hytale.end_sessions("one");
    let which = json!({ "account_id": "host" });
    let (status, body) = stage.send(Method::PATCH, SESSION, which.clone()).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    assert_eq!(code(&body), "SESSION_NOT_FOUND");
    let (status, _) = stage.send(Method::DELETE, SESSION, which).await;
    assert_eq!(status, StatusCode::OK);
    let row = &stage
        .query("SELECT state, session_token IS NULL FROM hytale_sessions")
        .await[0];
    assert_eq!(
        (row.get::<_, String>(0), row.get::<_, bool>(1)),
        ("lapsed".to_owned(), true)
    );
}

#[tokio::test]
async fn an_account_with_several_profiles_needs_one_named_or_selected() {
    let stage = Stage::new().await;
    stage.login_as("many", "host").await;
    let (status, body) = stage.post(SESSION, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    let second = stage.profile("many", 1);
    let choice = json!({ "account_id": "host", "profile_id": second });
    stage.post("/api/hytale/select-profile", choice).await;
    let made = make(&stage).await;
    assert_eq!(made["profile_id"], second);
}

#[tokio::test]
async fn the_trail_refuses_to_be_changed() {
    let stage = Stage::new().await;
    stage.host().await;
    let database = stage.gateway.database.connect().await;
    for sql in [
        "UPDATE hytale_audit SET event_type = 'TOKEN_DELETED'",
        "DELETE FROM hytale_audit",
        "DELETE FROM hytale_audit_default",
        "TRUNCATE hytale_audit",
    ] {
        let refused = database.batch_execute(sql).await.unwrap_err();
        let message = refused.as_db_error().unwrap().message().to_owned();
        assert!(message.contains("append-only"), "{sql}: {message}");
    }
}

#[tokio::test]
async fn a_pair_that_is_not_what_it_must_be_is_neither_stored_nor_answered() {
    let stage = Stage::new().await;
    stage.host().await;
    for flaw in [
        TokenFlaw::WrongIssuer,
        TokenFlaw::WrongSubject,
        TokenFlaw::WrongIdentitySubject,
        TokenFlaw::WrongSessionSubject,
        TokenFlaw::WrongScope,
        TokenFlaw::Expired,
        TokenFlaw::Signature(SignatureFlaw::BadSignature),
    ] {
        let effect = Effect::Flawed { flaw };
        stage.fail(Endpoint::SessionNew, effect);
        let (status, body) = stage.post(SESSION, json!({ "account_id": "host" })).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY, "{flaw:?}: {body}");
        assert_eq!(code(&body), "INTEGRATION_ERROR");
        stage.heal();
    }
    let stored = stage
        .query("SELECT 1 FROM hytale_sessions WHERE state <> 'failed' OR session_token IS NOT NULL")
        .await;
    assert!(stored.is_empty());
    assert_eq!(stage.hytale.live_sessions("one"), 0, "given back");
}

/// Does `deed` while an answer of `endpoint` is on its way to `request`.
async fn meanwhile<A, B>(
    stage: &Stage,
    endpoint: Endpoint,
    request: impl Future<Output = A>,
    deed: impl Future<Output = B>,
) -> (A, B) {
    stage.hytale.faults(|faults| {
        faults.add(
            Fault::new(Effect::Late { seconds: 3.0 })
                .on(endpoint)
                .times(1),
        );
    });
    let before = stage.asked(endpoint);
    let deed = async {
        stage.wait_until_asked(endpoint, before + 1).await;
        deed.await
    };
    tokio::join!(request, deed)
}

#[tokio::test]
async fn a_session_whose_pair_is_being_renewed_is_not_ended_meanwhile() {
    let stage = Stage::new().await;
    stage.host().await;
    make(&stage).await;
    age(&stage).await;
    let which = json!({ "account_id": "host" });
    let renewed = stage.send(Method::PATCH, SESSION, which.clone());
    let ended = stage.send(Method::DELETE, SESSION, which.clone());
    let ((renewed, _), (ended, body)) =
        meanwhile(&stage, Endpoint::SessionRefresh, renewed, ended).await;
    assert_eq!(renewed, StatusCode::OK);
    assert_eq!(ended, StatusCode::CONFLICT, "{body}");
    let (status, body) = stage.send(Method::DELETE, SESSION, which).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.hytale.live_sessions("one"), 0);
}

#[tokio::test]
async fn a_new_pair_that_nobody_keeps_is_given_back() {
    let stage = Stage::new().await;
    stage.host().await;
    let which = json!({ "account_id": "host" });
    let gone = stage.execute("DELETE FROM hytale_sessions");
    let made = stage.post(SESSION, which.clone());
    let ((status, body), ()) = meanwhile(&stage, Endpoint::SessionNew, made, gone).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    assert_eq!(stage.hytale.live_sessions("one"), 0);

    make(&stage).await;
    age(&stage).await;
    let gone = stage.execute("DELETE FROM hytale_sessions");
    let renewed = stage.send(Method::PATCH, SESSION, which);
    let ((status, body), ()) = meanwhile(&stage, Endpoint::SessionRefresh, renewed, gone).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    assert_eq!(code(&body), "SESSION_NOT_FOUND");
    assert_eq!(stage.hytale.live_sessions("one"), 0);
}

#[tokio::test]
async fn a_session_that_could_not_be_ended_can_be_ended_at_once_when_hytale_is_back() {
    let stage = Stage::new().await;
    stage.host().await;
    make(&stage).await;
    stage.fail(Endpoint::SessionDelete, Effect::Closed);
    let which = json!({ "account_id": "host" });
    let (status, body) = stage.send(Method::DELETE, SESSION, which.clone()).await;
    assert!(status.is_server_error(), "{status}: {body}");
    stage.heal();
    let (status, body) = stage.send(Method::DELETE, SESSION, which).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.hytale.live_sessions("one"), 0);
}

#[tokio::test]
async fn a_late_release_does_not_free_the_claim_of_somebody_else() {
    let more = vec![("HYTALE_REQUEST_TIMEOUT_SECONDS", "1".to_owned())];
    let stage = Stage::with(Options::default(), more).await;
    stage.host().await;
    make(&stage).await;
    age(&stage).await;
    let other = "UPDATE hytale_sessions SET claimed_until = now() + interval '1 hour'";
    let renewed = stage.send(Method::PATCH, SESSION, json!({ "account_id": "host" }));
    let ((status, body), ()) = meanwhile(
        &stage,
        Endpoint::SessionRefresh,
        renewed,
        stage.execute(other),
    )
    .await;
    assert!(status.is_server_error(), "{status}: {body}");
    let claimed = stage
        .query("SELECT 1 FROM hytale_sessions WHERE claimed_until IS NOT NULL")
        .await;
    assert_eq!(claimed.len(), 1);
}

#[tokio::test]
async fn a_renewed_pair_that_cannot_be_believed_is_given_back_and_its_claim_too() {
    let stage = Stage::new().await;
    stage.host().await;
    make(&stage).await;
    age(&stage).await;
    let flaw = TokenFlaw::WrongSubject;
    stage.fail(Endpoint::SessionRefresh, Effect::Flawed { flaw });
    let which = json!({ "account_id": "host" });
    let (status, body) = stage.send(Method::PATCH, SESSION, which.clone()).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{body}");
    assert_eq!(stage.hytale.live_sessions("one"), 0);
    stage.heal();
    let (status, body) = stage.send(Method::PATCH, SESSION, which).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "not under way: {body}");
}

#[tokio::test]
async fn a_repeated_key_needs_no_hytale_and_is_free_when_its_session_is_over() {
    let stage = Stage::new().await;
    stage.host().await;
    let (_, first) = ask_with_a_key(&stage).await;
    stage.age_access_token().await;
    stage.fail(Endpoint::RefreshToken, Effect::Closed);
    let (status, again) = ask_with_a_key(&stage).await;
    assert_eq!(status, StatusCode::OK, "{again}");
    assert_eq!(first, again);
    stage.heal();

    let ended = json!({ "account_id": "host", "session_id": first["session"]["session_id"] });
    stage.send(Method::DELETE, SESSION, ended).await;
    let (status, second) = ask_with_a_key(&stage).await;
    assert_eq!(status, StatusCode::OK, "{second}");
    assert_ne!(
        first["session"]["session_id"],
        second["session"]["session_id"]
    );
    stage
        .execute("UPDATE hytale_sessions SET expires_at = now() - interval '1 second'")
        .await;
    let (status, third) = ask_with_a_key(&stage).await;
    assert_eq!(status, StatusCode::OK, "{third}");
    assert_ne!(
        second["session"]["session_id"],
        third["session"]["session_id"]
    );
}
