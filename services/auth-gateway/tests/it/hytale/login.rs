use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::hytale::{Effect, Endpoint, Fault};

use super::stage::{Begun, Stage, code};

#[tokio::test]
async fn a_device_login_brings_an_account_into_custody() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(body["error"], "authorization_pending");
    assert_eq!(code(&body), "AUTHORIZATION_PENDING");
    assert_eq!(body["success"], false);
    assert_eq!(body["retry_after"], 5);

    assert!(stage.hytale.approve(&begun.user_code, "one"));
    stage.pass_interval().await;
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let owner = stage.hytale.account("one").unwrap().owner.to_string();
    assert_eq!(body["account_id"], owner);
    assert_eq!(body["token_type"], "Bearer");
    assert!(body["expires_in"].as_u64().unwrap() > 3500);
    assert!(
        body["access_token"]
            .as_str()
            .unwrap()
            .starts_with("ory_at_")
    );
    assert!(body.get("refresh_token").is_none());
    assert_eq!(stage.trail().await, ["TOKEN_CREATED"]);
}

#[tokio::test]
async fn existing_clients_find_the_same_login_at_their_addresses() {
    let stage = Stage::new().await;
    let path = "/api/v1/hytale/oauth/device-code";
    let (status, begun) = stage.post(path, json!({ "account_id": "host" })).await;
    assert_eq!(status, StatusCode::OK, "{begun}");
    let user_code = begun["user_code"].as_str().unwrap();
    assert!(stage.hytale.approve(user_code, "one"));
    let poll = json!({ "account_id": "host", "device_code": begun["device_code"] });
    let (status, body) = stage.post("/api/v1/hytale/oauth/token", poll).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn a_poll_faster_than_the_interval_is_slowed_down_here() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    stage.poll(&begun).await;
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["error"], "slow_down");
    assert_eq!(stage.asked(Endpoint::DeviceToken), 1);
}

#[tokio::test]
async fn hytales_own_slow_down_makes_the_interval_longer() {
    let stage = Stage::new().await;
    stage.hytale.behaviour(|it| it.slow_down = true);
    let begun = stage.begin("host").await;
    stage.poll(&begun).await;
    stage.pass_interval().await;
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    assert_eq!(body["retry_after"], 10);
}

#[tokio::test]
async fn a_login_lives_half_an_hour_at_most_whatever_hytale_says() {
    let stage = Stage::new().await;
    stage
        .hytale
        .behaviour(|it| it.device_seconds = Some(24 * 3600));
    let (_, body) = stage.post("/api/hytale/device-code", json!({})).await;
    assert_eq!(body["expires_in"], 30 * 60, "{body}");
    let longer =
        "SELECT 1 FROM hytale_device_flows WHERE expires_at > now() + interval '30 minutes'";
    assert!(stage.query(longer).await.is_empty());
}

#[tokio::test]
async fn a_busy_hytale_says_when_a_login_is_polled_again() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    let status = 429;
    let effect = Effect::Status {
        status,
        retry_after: Some(60),
    };
    stage.fail(Endpoint::DeviceToken, effect);
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    assert_eq!(body["retry_after"], 60);
    let sooner =
        "SELECT 1 FROM hytale_device_flows WHERE next_poll_at < now() + interval '50 seconds'";
    assert!(stage.query(sooner).await.is_empty());
    // Only `slow_down` makes the interval itself longer (RFC 8628 section 3.5).
    stage.heal();
    stage.pass_interval().await;
    let (_, body) = stage.poll(&begun).await;
    assert_eq!(body["retry_after"], 5, "{body}");
}

#[tokio::test]
async fn a_success_is_answered_again_for_two_minutes_and_then_no_more() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    stage.hytale.approve(&begun.user_code, "one");
    let (_, first) = stage.poll(&begun).await;
    let (status, again) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(first["access_token"], again["access_token"]);
    assert_eq!(stage.asked(Endpoint::DeviceToken), 1);

    stage
        .execute("UPDATE hytale_device_flows SET ended_at = now() - interval '2 minutes'")
        .await;
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(code(&body), "INVALID_DEVICE_CODE");
}

#[tokio::test]
async fn an_unknown_code_is_refused_without_asking_hytale() {
    let stage = Stage::new().await;
    let body = json!({ "device_code": "ory_dc_of_somebody_else" });
    let (status, body) = stage.post("/api/hytale/token-poll", body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(code(&body), "INVALID_DEVICE_CODE");
    assert_eq!(stage.asked(Endpoint::DeviceToken), 0);
}

#[tokio::test]
async fn a_login_ends_after_fifteen_minutes_of_polling_without_asking_hytale() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    stage.poll(&begun).await;
    stage
        .execute(
            "UPDATE hytale_device_flows SET first_polled_at = now() - interval '15 minutes', \
             next_poll_at = now() - interval '1 second'",
        )
        .await;
    for _ in 0..2 {
        let (status, body) = stage.poll(&begun).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
        assert_eq!(code(&body), "EXPIRED_TOKEN");
        assert_eq!(body["error"], "expired_token");
    }
    assert_eq!(stage.asked(Endpoint::DeviceToken), 1);
    assert_eq!(stage.trail().await, ["AUTH_FAILED"], "once");
}

#[tokio::test]
async fn a_declined_login_says_so() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    assert!(stage.hytale.deny(&begun.user_code));
    for _ in 0..2 {
        let (status, body) = stage.poll(&begun).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
        assert_eq!(code(&body), "AUTH_FAILED");
        assert_eq!(body["error"], "access_denied");
    }
    assert_eq!(stage.trail().await, ["AUTH_FAILED"], "once");
}

#[tokio::test]
async fn while_hytale_is_in_trouble_a_login_stays_pending() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    stage.hytale.approve(&begun.user_code, "one");
    let status = 503;
    let effect = Effect::Status {
        status,
        retry_after: None,
    };
    stage.fail(Endpoint::DeviceToken, effect);
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    stage.heal();
    stage.pass_interval().await;
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn what_a_login_has_brought_outlives_trouble_with_the_profiles() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    stage.hytale.approve(&begun.user_code, "one");
    stage.fail(Endpoint::Profiles, Effect::Closed);
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let asked = stage.asked(Endpoint::Profiles);
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::ACCEPTED, "not slow_down: {body}");
    assert_eq!(stage.asked(Endpoint::Profiles), asked, "once an interval");
    stage.heal();
    stage.pass_interval().await;
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(
        stage.asked(Endpoint::DeviceToken),
        1,
        "the code was used once"
    );
}

#[tokio::test]
async fn a_name_that_means_another_account_is_refused_and_nothing_is_stored() {
    let stage = Stage::new().await;
    stage.host().await;
    let begun = stage.begin("host").await;
    stage.hytale.approve(&begun.user_code, "many");
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(code(&body), "AUTH_FAILED");
    assert_eq!(stage.query("SELECT 1 FROM hytale_accounts").await.len(), 1);
    assert_eq!(stage.trail().await, ["TOKEN_CREATED", "AUTH_FAILED"]);
}

#[tokio::test]
async fn an_account_of_somebody_else_is_not_taken_over_and_its_owner_is_told() {
    let stage = Stage::new().await;
    let first = stage.host().await;
    stage
        .execute(
            "DELETE FROM hytale_account_names; \
             UPDATE hytale_account_owners SET principal = 'user:somebody'",
        )
        .await;
    let begun = stage.begin("mine").await;
    stage.hytale.approve(&begun.user_code, "one");
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(code(&body), "FORBIDDEN");
    let owners = stage
        .query("SELECT principal FROM hytale_account_owners")
        .await;
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0].get::<_, String>(0), "user:somebody");
    let told = stage
        .query("SELECT body->'data'->>'account_id' FROM outbox WHERE key = 'hytale.account.login_refused'")
        .await;
    assert_eq!(
        told[0].get::<_, String>(0),
        first["account_id"].as_str().unwrap()
    );
}

#[tokio::test]
async fn no_code_and_no_token_can_be_read_in_the_database() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    stage.hytale.approve(&begun.user_code, "one");
    let (_, tokens) = stage.poll(&begun).await;
    let path = "/api/hytale/game-session";
    let (_, made) = stage.post(path, json!({ "account_id": "host" })).await;
    let secrets = [
        begun.device_code.as_str(),
        tokens["access_token"].as_str().unwrap(),
        made["session"]["session_token"].as_str().unwrap(),
        made["session"]["identity_token"].as_str().unwrap(),
    ];
    // Columns of bytes are shown so; 32 of them hold the beginning of a secret.
    let as_bytes = |secret: &str| -> String {
        let first = secret.bytes().take(16);
        first.map(|byte| format!("{byte:02x}")).collect()
    };
    let tables = ["accounts", "device_flows", "sessions", "audit"];
    for table in tables {
        let sql = format!("SELECT row_to_json(it)::text FROM hytale_{table} it");
        for row in stage.query(&sql).await {
            let text: String = row.get(0);
            assert!(!text.contains("ory_"), "{text}");
            assert!(
                secrets
                    .iter()
                    .all(|secret| !text.contains(secret) && !text.contains(&as_bytes(secret))),
                "{text}"
            );
        }
    }
}

/// Lets a poll's tokens come only after `meanwhile` has been done to its login.
async fn poll_while(stage: &Stage, begun: &Begun, meanwhile: impl Future<Output = ()>) -> Value {
    stage.fail(Endpoint::DeviceToken, Effect::Late { seconds: 3.0 });
    let slow = async {
        let (status, body) = stage.poll(begun).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    };
    let deed = async {
        stage.wait_until_asked(Endpoint::DeviceToken, 1).await;
        meanwhile.await;
    };
    tokio::join!(slow, deed).0
}

#[tokio::test]
async fn a_login_does_not_expire_while_a_poll_is_under_way() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    stage.hytale.approve(&begun.user_code, "one");
    poll_while(&stage, &begun, async {
        stage
            .execute("UPDATE hytale_device_flows SET expires_at = now() - interval '1 second'")
            .await;
        let (status, body) = stage.poll(&begun).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    })
    .await;
    assert_eq!(stage.trail().await, ["TOKEN_CREATED"]);
}

#[tokio::test]
async fn tokens_that_come_late_outrank_a_spent_code_and_an_expired_one() {
    for reason in ["invalid_code", "expired"] {
        let stage = Stage::new().await;
        let begun = stage.begin("host").await;
        stage.hytale.approve(&begun.user_code, "one");
        let sql = format!(
            "UPDATE hytale_device_flows SET state = 'failed', failure = '{reason}', \
             ended_at = now(), polling_until = NULL"
        );
        let first = poll_while(&stage, &begun, stage.execute(&sql)).await;
        let (_, again) = stage.poll(&begun).await;
        assert_eq!(first["access_token"], again["access_token"], "{reason}");
    }
}

#[tokio::test]
async fn a_refused_poll_does_not_erase_the_tokens_of_another() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    stage.hytale.approve(&begun.user_code, "one");
    stage.hytale.faults(|faults| {
        faults.add(
            Fault::new(Effect::Late { seconds: 3.0 })
                .on(Endpoint::DeviceToken)
                .times(1),
        );
        let refused = json!({ "error": "invalid_grant" });
        faults.add(
            Fault::new(Effect::Answer {
                status: 400,
                body: refused,
            })
            .on(Endpoint::DeviceToken),
        );
    });
    let first = stage.poll(&begun);
    let second = async {
        stage.wait_until_asked(Endpoint::DeviceToken, 1).await;
        stage.pass_claim().await;
        stage.poll(&begun).await
    };
    let ((status, body), (refused, _)) = tokio::join!(first, second);
    assert_eq!(refused, StatusCode::BAD_REQUEST);
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, _) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn of_two_polls_that_finish_a_login_the_slower_finds_what_the_faster_found() {
    let stage = Stage::new().await;
    let begun = stage.begin("host").await;
    stage.hytale.approve(&begun.user_code, "one");
    stage.hytale.faults(|faults| {
        let late = Fault::new(Effect::Late { seconds: 3.0 });
        faults.add(late.on(Endpoint::Profiles).times(1));
    });
    let faster = async {
        stage.wait_until_asked(Endpoint::Profiles, 1).await;
        stage.pass_claim().await;
        stage.poll(&begun).await
    };
    let ((slow, one), (fast, two)) = tokio::join!(stage.poll(&begun), faster);
    assert_eq!(fast, StatusCode::OK, "{two}");
    assert_eq!(slow, StatusCode::OK, "{one}");
    assert_eq!(one["access_token"], two["access_token"]);
}
