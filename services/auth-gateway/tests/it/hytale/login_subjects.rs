//! Whom the `id_token` of a login names.

use reqwest::StatusCode;
use simulators::hytale::{Effect, Endpoint, Options};

use super::stage::{Begun, Stage, code};

const FOREIGN: &str = "nodebyte_hytale_foreign_subjects_total";

const AWAY: Effect = Effect::Status {
    status: 503,
    retry_after: None,
};

/// A login that is approved, and whose `id_token` names somebody else.
async fn approved(match_subject: bool) -> (Stage, Begun) {
    let more = vec![("HYTALE_MATCH_SUBJECT", match_subject.to_string())];
    let stage = Stage::with(Options::default(), more).await;
    stage.hytale.behaviour(|it| it.foreign_subject = true);
    let begun = stage.begin("host").await;
    assert!(stage.hytale.approve(&begun.user_code, "one"));
    (stage, begun)
}

#[tokio::test]
async fn an_id_token_of_another_subject_is_counted_and_changes_nothing() {
    let (stage, begun) = approved(false).await;
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.gateway.figure(FOREIGN).await, Some(1.0));
    let kept = "SELECT 1 FROM hytale_device_flows WHERE id_token IS NOT NULL";
    assert!(stage.query(kept).await.is_empty());
}

#[tokio::test]
async fn where_it_is_asked_for_an_id_token_of_another_subject_ends_the_login() {
    let (stage, begun) = approved(true).await;
    // What came is judged the same when the account is known only later.
    stage.fail(Endpoint::Profiles, AWAY);
    let (status, _) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    stage.heal();
    stage.pass_interval().await;
    let (_, body) = stage.poll(&begun).await;
    assert_eq!(code(&body), "INTEGRATION_ERROR", "{body}");
    assert_eq!(stage.gateway.figure(FOREIGN).await, Some(1.0));
    assert_eq!(stage.trail().await, ["AUTH_FAILED"]);
    assert!(
        stage
            .query("SELECT 1 FROM hytale_accounts")
            .await
            .is_empty()
    );
    let left = "SELECT 1 FROM hytale_device_flows WHERE id_token IS NOT NULL \
        OR access_token IS NOT NULL OR refresh_token IS NOT NULL";
    assert!(stage.query(left).await.is_empty());
    let (_, again) = stage.poll(&begun).await;
    assert_eq!(code(&again), "INTEGRATION_ERROR", "{again}");
}

#[tokio::test]
async fn where_it_is_asked_for_an_id_token_of_the_account_is_welcome() {
    let (stage, begun) = approved(true).await;
    stage.hytale.behaviour(|it| it.foreign_subject = false);
    let (status, body) = stage.poll(&begun).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(stage.gateway.figure(FOREIGN).await, None);
}

#[tokio::test]
async fn an_id_token_is_judged_by_the_time_at_which_it_came() {
    let (stage, begun) = approved(false).await;
    stage.fail(Endpoint::Profiles, AWAY);
    stage.poll(&begun).await;
    let sealed = "SELECT id_token FROM hytale_device_flows";
    let sealed: Option<String> = stage.query(sealed).await[0].get(0);
    assert!(!sealed.unwrap().starts_with("ey"), "it is not readable");
    // Whatever the clock says now: it was good when it came, and would not be a day later.
    stage
        .execute("UPDATE hytale_device_flows SET exchanged_at = now() + interval '1 day'")
        .await;
    stage.heal();
    stage.pass_interval().await;
    let (_, body) = stage.poll(&begun).await;
    assert_eq!(code(&body), "INTEGRATION_ERROR", "{body}");
}
