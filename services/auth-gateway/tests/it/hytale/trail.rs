//! What the audit trail tells, and who may read it.

use reqwest::Method;
use serde_json::json;
use simulators::hytale::{Effect, Endpoint};

use super::stage::Stage;

const SESSION: &str = "/api/hytale/game-session";

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
