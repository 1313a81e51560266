//! A refresh token is spent by one request, and its error says what is sure.

use hytale::vendor::{GrantHint, Lost, NotSent, Refusal, VendorError};
use secrecy::ExposeSecret;
use simulators::hytale::{Effect, Endpoint};
use std::time::Duration;

use crate::stage::{HASTY, build, stage, status, with};

#[tokio::test]
async fn a_refresh_gives_a_new_token_and_the_old_one_dies() {
    let stage = stage().await;
    let old = stage.refresh_token("one");
    let tokens = stage.vendor.refresh(&old).await.unwrap();
    let new = tokens.refresh_token.unwrap();
    assert_ne!(old.expose_secret(), new.expose_secret());
    stage.vendor.profiles(&tokens.access_token).await.unwrap();
    let error = stage.vendor.refresh(&old).await.unwrap_err();
    let hint = GrantHint::AlreadyUsed;
    assert_eq!(error.refusal(), Some(Refusal::InvalidGrant { hint }));
    assert!(error.said().unwrap().contains("already used"));
}

#[tokio::test]
async fn a_refresh_without_a_new_token_keeps_the_old_one() {
    let stage = with(|behaviour| behaviour.rotation = false).await;
    let token = stage.refresh_token("one");
    for _ in 0..2 {
        let tokens = stage.vendor.refresh(&token).await.unwrap();
        assert!(tokens.refresh_token.is_none());
    }
}

#[tokio::test]
async fn dead_tokens_are_told_apart() {
    let stage = stage().await;
    let token = stage.refresh_token("one");
    stage.hytale.advance(Duration::from_secs(31 * 24 * 3600));
    let error = stage.vendor.refresh(&token).await.unwrap_err();
    let hint = GrantHint::Expired;
    assert_eq!(error.refusal(), Some(Refusal::InvalidGrant { hint }));
    let unknown = "ory_rt_unknown".to_owned().into();
    let error = stage.vendor.refresh(&unknown).await.unwrap_err();
    let hint = GrantHint::Malformed;
    assert_eq!(error.refusal(), Some(Refusal::InvalidGrant { hint }));
}

#[tokio::test]
async fn a_concurrent_use_may_be_repeated() {
    let stage = stage().await;
    let token = stage.refresh_token("one");
    stage.strike_times(1, Endpoint::RefreshToken, Effect::ConcurrentUse);
    let error = stage.vendor.refresh(&token).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::ConcurrentUse));
    assert!(error.is_transient());
    stage.vendor.refresh(&token).await.unwrap();
}

#[tokio::test]
async fn a_failed_refresh_is_one_request_and_ambiguous_unless_the_vendor_says_otherwise() {
    let stage = build(|_| {}, HASTY).await;
    let seconds = 60.0;
    for effect in [
        status(408),
        status(500),
        status(502),
        status(503),
        status(504),
        Effect::Html { status: 503 },
        Effect::Html { status: 200 },
        Effect::Closed,
        Effect::ResponseLost,
        Effect::Malformed,
        Effect::Hang,
        Effect::ResponseHangs,
        Effect::Late { seconds },
        Effect::Huge { bytes: 80 << 10 },
    ] {
        // A client of its own, whose breaker knows nothing of the others.
        let stage = build(|_| {}, HASTY).await;
        let token = stage.refresh_token("one");
        stage.strike(Endpoint::RefreshToken, effect.clone());
        let error = stage.vendor.refresh(&token).await.unwrap_err();
        assert!(
            matches!(error, VendorError::Lost(_)),
            "{effect:?}: {error:?}"
        );
        assert_eq!(
            stage.requests(Endpoint::RefreshToken).len(),
            1,
            "{effect:?}"
        );
    }
    let token = stage.refresh_token("one");
    stage.strike(
        Endpoint::RefreshToken,
        Effect::Status {
            status: 429,
            retry_after: Some(7),
        },
    );
    let error = stage.vendor.refresh(&token).await.unwrap_err();
    let VendorError::Busy { retry_after } = error else {
        panic!("{error:?}");
    };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
    assert_eq!(stage.requests(Endpoint::RefreshToken).len(), 1);
}

#[tokio::test]
async fn what_a_lost_answer_had_done_is_told_by_asking_again() {
    let stage = stage().await;
    let token = stage.refresh_token("one");
    stage.strike_times(1, Endpoint::RefreshToken, Effect::ResponseLost);
    let error = stage.vendor.refresh(&token).await.unwrap_err();
    assert!(
        matches!(error, VendorError::Lost(Lost::Transport(_))),
        "{error:?}"
    );
    let error = stage.vendor.refresh(&token).await.unwrap_err();
    let hint = GrantHint::AlreadyUsed;
    assert_eq!(error.refusal(), Some(Refusal::InvalidGrant { hint }));
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let stage = stage().await;
    let token = stage.refresh_token("one");
    let vendor = stage.vendor.clone();
    stage.hytale.stop().await;
    let error = vendor.refresh(&token).await.unwrap_err();
    assert!(
        matches!(error, VendorError::NotSent(NotSent::NoConnection(_))),
        "{error:?}"
    );
}
