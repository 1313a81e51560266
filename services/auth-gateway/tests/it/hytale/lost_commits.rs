//! PostgreSQL commits what Hytale gave, and its answer to that is lost.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use simulators::hytale::{Endpoint, FamilyState, Options};
use testkit::wait_for;

use super::stage::Stage;

const PATIENCE: Duration = Duration::from_secs(20);

/// Lets the commit of new tokens wait until lock 42 is free.
const HOLD_COMMITS: &str = "
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER hold AFTER UPDATE ON hytale_accounts DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.access_token IS DISTINCT FROM OLD.access_token) EXECUTE FUNCTION hold();";

#[tokio::test]
async fn tokens_whose_storing_was_not_answered_are_kept_and_not_revoked() {
    let (stage, proxy) = Stage::with_fragile_database(Options::default()).await;
    stage.host().await;
    stage.execute(HOLD_COMMITS).await;
    let lock = stage.gateway.database.connect().await;
    lock.batch_execute("SELECT pg_advisory_lock(42)")
        .await
        .unwrap();
    let refreshed = stage.post("/api/hytale/refresh-token", json!({ "account_id": "host" }));
    let losing = async {
        wait_for("the commit", PATIENCE, async || {
            let held = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
                AND wait_event = 'advisory' AND query = 'COMMIT'";
            (!stage.query(held).await.is_empty()).then_some(())
        })
        .await;
        proxy.cut();
        lock.batch_execute("SELECT pg_advisory_unlock(42)")
            .await
            .unwrap();
        wait_for("the committed line", PATIENCE, async || {
            (stage.trail().await.len() == 2).then_some(())
        })
        .await;
        proxy.mend();
    };
    let ((status, body), ()) = tokio::join!(refreshed, losing);
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.asked(Endpoint::Revoke), 0);
    assert_eq!(stage.trail().await, ["TOKEN_CREATED", "TOKEN_REFRESHED"]);
    let states: Vec<_> = stage.hytale.families().iter().map(|it| it.state).collect();
    assert_eq!(states, [FamilyState::Alive]);
}
