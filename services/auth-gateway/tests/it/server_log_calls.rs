//! Calls that bring what game servers say: those that are repeated, and the accounts that
//! they name.

use common::types::server_limits::ServerLimits;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::gateway::{answer, error_code};
use crate::server_logs::{LOGS, Place};

impl Place {
    async fn repeat(&self, key: &str, line: &str) -> (StatusCode, Value) {
        let body = json!({ "server_uuid": self.uuid, "logs": [{ "line": line }] });
        let request = self.gateway.request(Method::POST, LOGS);
        answer(request.header("Idempotency-Key", key).json(&body)).await
    }
}

#[tokio::test]
async fn a_call_that_is_repeated_within_a_day_stores_nothing() {
    let place = Place::new().await;
    let (first, second) = tokio::join!(place.repeat("k", "a"), place.repeat("k", "a"));
    let third = place.repeat("k", "a").await;
    assert_eq!(first.0, StatusCode::CREATED, "{}", first.1);
    assert_eq!(first, second);
    assert_eq!(first, third);
    assert_eq!(place.lines("").await, ["a"]);
    place.repeat("other", "b").await;
    assert_eq!(place.count().await, 2);

    // Another caller's key is another key.
    let key = place.gateway.log_key("other", ServerLimits::All).await;
    let request = place.gateway.as_client(&key, Method::POST, LOGS);
    let body = json!({ "server_uuid": place.uuid, "logs": [{ "line": "c" }] });
    let (status, body) = answer(request.header("Idempotency-Key", "k").json(&body)).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(place.count().await, 3);

    place
        .execute("UPDATE hytale_server_log_calls SET created_at = now() - interval '25 hours'")
        .await;
    place.repeat("k", "d").await;
    assert_eq!(place.lines("").await, ["d", "c", "b", "a"]);
}

#[tokio::test]
async fn a_key_that_came_with_another_call_is_refused_and_nothing_is_stored() {
    let place = Place::new().await;
    let (status, body) = place.repeat("k", "a").await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let (status, body) = place.repeat("k", "b").await;
    assert_eq!(error_code(status, &body), "CONFLICT");
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(place.lines("").await, ["a"]);
    assert_eq!(place.repeat("k", "a").await.0, StatusCode::CREATED);

    place
        .execute("UPDATE hytale_server_log_calls SET created_at = now() - interval '25 hours'")
        .await;
    assert_eq!(place.repeat("k", "b").await.0, StatusCode::CREATED);
    assert_eq!(place.repeat("k", "a").await.0, StatusCode::CONFLICT);
    assert_eq!(place.count().await, 2);
}

#[tokio::test]
async fn lines_name_an_account_that_the_caller_may_use_or_that_ran_the_server() {
    let place = Place::new().await;
    let (theirs, ran, other) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let logs = place.gateway.log_key("logs", ServerLimits::All).await;
    for account in [theirs, ran, other] {
        place
            .execute(&format!(
                "INSERT INTO hytale_accounts (environment, account_id, state, profiles, scope) \
                 VALUES ('production', '{account}', 'needs_login', '[]', '')"
            ))
            .await;
    }
    place
        .execute(&format!(
            "INSERT INTO hytale_account_owners (environment, account_id, principal) \
             SELECT 'production', '{theirs}', 'client:' || id FROM api_clients WHERE name = 'logs'; \
             INSERT INTO hytale_account_names (environment, principal, name, account_id) \
             SELECT 'production', 'client:' || id, 'host', '{theirs}' FROM api_clients \
             WHERE name = 'logs'; \
             INSERT INTO hytale_sessions (id, environment, account_id, profile_id, server_id, state, \
               principal) \
             VALUES (gen_random_uuid(), 'production', '{ran}', gen_random_uuid(), '{}', \
               'terminated', 'service')",
            place.id
        ))
        .await;
    let say = async |account: &str| {
        let body = json!({
            "server_uuid": place.uuid, "account_id": account, "logs": [{ "line": account }],
        });
        answer(
            place
                .gateway
                .as_client(&logs, Method::POST, LOGS)
                .json(&body),
        )
        .await
    };
    for known in ["host", &theirs.to_string(), &ran.to_string(), ""] {
        let (status, body) = say(known).await;
        assert_eq!(status, StatusCode::CREATED, "{known}: {body}");
    }
    for unknown in ["any", &other.to_string(), &Uuid::new_v4().to_string()] {
        let (status, body) = say(unknown).await;
        assert_eq!(error_code(status, &body), "NOT_FOUND", "{unknown}");
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    assert_eq!(place.count().await, 4);
}
