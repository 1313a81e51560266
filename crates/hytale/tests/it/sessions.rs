//! Game sessions and profiles.

use chrono::Timelike;
use hytale::vendor::{Lost, Refusal, VendorError};
use simulators::hytale::{BodyStyle, Effect, Endpoint, TokenFlaw};
use std::time::Duration;
use uuid::Uuid;

use crate::stage::{Stage, stage, status, with};

fn profile(stage: &Stage, account: &str) -> Uuid {
    stage.hytale.account(account).unwrap().profiles[0].uuid
}

#[tokio::test]
async fn a_session_is_made_prolonged_and_ended() {
    for (created, deleted) in [(200, 204), (201, 200)] {
        let stage = with(|behaviour| {
            behaviour.created_status = created;
            behaviour.deleted_status = deleted;
        })
        .await;
        let access = stage.access_token("one");
        let first = stage
            .vendor
            .session_new(&access, profile(&stage, "one"))
            .await
            .unwrap();
        assert_ne!(first.expires_at.nanosecond() % 1_000, 0, "{first:?}");
        assert_eq!(stage.hytale.live_sessions("one"), 1);
        stage.hytale.advance(Duration::from_secs(3_000));
        let second = stage
            .vendor
            .session_refresh(&first.session_token)
            .await
            .unwrap();
        assert!(second.expires_at > first.expires_at);
        stage
            .vendor
            .session_end(&second.session_token)
            .await
            .unwrap();
        assert_eq!(stage.hytale.live_sessions("one"), 0);
        let error = stage
            .vendor
            .session_end(&second.session_token)
            .await
            .unwrap_err();
        assert!(
            matches!(
                error.refusal(),
                Some(Refusal::Unauthorized | Refusal::NotFound)
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn the_limit_is_forbidden_whatever_its_body() {
    for style in [BodyStyle::Json, BodyStyle::Text, BodyStyle::Empty] {
        let stage = with(|behaviour| {
            behaviour.session_limit = Some(1);
            behaviour.refusal_body = style;
        })
        .await;
        let access = stage.access_token("one");
        stage
            .vendor
            .session_new(&access, profile(&stage, "one"))
            .await
            .unwrap();
        let error = stage
            .vendor
            .session_new(&access, profile(&stage, "one"))
            .await
            .unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::Forbidden));
        assert_eq!(stage.requests(Endpoint::SessionNew).len(), 2);
    }
}

#[tokio::test]
async fn a_strange_profile_and_a_bad_bearer_are_told_apart() {
    let stage = stage().await;
    let access = stage.access_token("one");
    let error = stage
        .vendor
        .session_new(&access, Uuid::nil())
        .await
        .unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::NotFound));
    let bad = "ory_at_bad".to_owned().into();
    let error = stage
        .vendor
        .session_new(&bad, Uuid::nil())
        .await
        .unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::Unauthorized));
    let error = stage.vendor.profiles(&bad).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::Forbidden));
}

#[tokio::test]
async fn a_session_is_asked_for_again_only_where_there_is_surely_none() {
    for (effect, requests, live) in [
        (status(429), 2, 1),
        (status(503), 2, 1),
        (status(500), 1, 0),
        (status(502), 1, 0),
        (Effect::Closed, 1, 0),
        (Effect::ResponseLost, 1, 1),
        (Effect::Malformed, 1, 1),
        (
            Effect::Flawed {
                flaw: TokenFlaw::MissingIdentityToken,
            },
            1,
            1,
        ),
        (
            Effect::Flawed {
                flaw: TokenFlaw::UnreadableExpiresAt,
            },
            1,
            1,
        ),
    ] {
        let stage = stage().await;
        let access = stage.access_token("one");
        stage.strike_times(1, Endpoint::SessionNew, effect.clone());
        let result = stage
            .vendor
            .session_new(&access, profile(&stage, "one"))
            .await;
        assert_eq!(
            stage.requests(Endpoint::SessionNew).len(),
            requests,
            "{effect:?}"
        );
        assert_eq!(stage.hytale.live_sessions("one"), live, "{effect:?}");
        match result {
            Ok(_) => assert_eq!(requests, 2),
            Err(error) => assert!(
                matches!(error, VendorError::Lost(_)),
                "{effect:?}: {error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn a_busy_vendor_is_given_the_time_it_asks_for_or_left_alone() {
    let stage = stage().await;
    let access = stage.access_token("one");
    let busy = |seconds| Effect::Status {
        status: 429,
        retry_after: Some(seconds),
    };
    stage.strike_times(1, Endpoint::Profiles, busy(1));
    stage.vendor.profiles(&access).await.unwrap();
    let asked = stage.requests(Endpoint::Profiles);
    assert_eq!(asked.len(), 2);
    stage.hytale.clear_journal();
    stage.strike(Endpoint::Profiles, busy(60));
    let error = stage.vendor.profiles(&access).await.unwrap_err();
    assert!(
        matches!(error, VendorError::Busy { retry_after: Some(pause) } if pause.as_secs() == 60)
    );
    assert_eq!(stage.requests(Endpoint::Profiles).len(), 1);
}

#[tokio::test]
async fn reading_profiles_survives_two_failures() {
    for effect in [
        status(500),
        Effect::Closed,
        Effect::Malformed,
        Effect::Html { status: 502 },
    ] {
        let stage = stage().await;
        let access = stage.access_token("one");
        stage.strike_times(2, Endpoint::Profiles, effect.clone());
        stage.vendor.profiles(&access).await.unwrap();
        assert_eq!(stage.requests(Endpoint::Profiles).len(), 3, "{effect:?}");
    }
}

#[tokio::test]
async fn an_account_without_profiles_has_none() {
    let stage = stage().await;
    for null in [false, true] {
        stage.hytale.accounts(|accounts| {
            for account in accounts {
                account.null_profiles = null;
            }
        });
        let access = stage.access_token("none");
        assert!(
            stage
                .vendor
                .profiles(&access)
                .await
                .unwrap()
                .profiles
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_body_beyond_64_kib_is_not_read() {
    let stage = stage().await;
    let access = stage.access_token("one");
    stage.strike(Endpoint::Profiles, Effect::Huge { bytes: 65 << 10 });
    let error = stage.vendor.profiles(&access).await.unwrap_err();
    assert!(
        matches!(error, VendorError::Lost(Lost::Transport(_))),
        "{error:?}"
    );
    stage.heal();
    stage.strike(Endpoint::Profiles, Effect::Huge { bytes: 50 << 10 });
    stage.vendor.profiles(&access).await.unwrap();
}
