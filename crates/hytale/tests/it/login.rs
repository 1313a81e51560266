//! Device flows.

use hytale::vendor::{GrantHint, Poll, Refusal, TokenSet, VendorError};
use secrecy::ExposeSecret;
use simulators::hytale::{Effect, Endpoint, Shapes};
use std::time::Duration;

use crate::stage::{Stage, stage, status, with};

async fn logged_in(stage: &Stage, account: &str) -> TokenSet {
    let code = stage.vendor.device_code().await.unwrap();
    assert!(stage.hytale.approve(&code.user_code, account));
    match stage.vendor.poll(&code.device_code).await.unwrap() {
        Poll::Tokens(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_login_is_pending_until_the_human_approves() {
    let stage = stage().await;
    let code = stage.vendor.device_code().await.unwrap();
    assert_eq!(code.user_code.len(), 8);
    assert_eq!(code.expires_in, Duration::from_secs(600));
    assert_eq!(code.interval, Duration::from_secs(5));
    assert!(
        code.verification_uri_complete
            .unwrap()
            .contains(&code.user_code)
    );
    let poll = stage.vendor.poll(&code.device_code).await.unwrap();
    assert!(matches!(poll, Poll::Pending), "{poll:?}");
    assert!(stage.hytale.approve(&code.user_code, "many"));
    let Poll::Tokens(tokens) = stage.vendor.poll(&code.device_code).await.unwrap() else {
        panic!("no tokens");
    };
    assert!(tokens.refresh_token.is_some() && tokens.id_token.is_some());
    assert!(tokens.token_type.eq_ignore_ascii_case("bearer"));
    assert_eq!(tokens.scope, hytale::vendor::SCOPES);
    let profiles = stage.vendor.profiles(&tokens.access_token).await.unwrap();
    let account = stage.hytale.account("many").unwrap();
    assert_eq!(profiles.owner, account.owner);
    assert_eq!(profiles.profiles.len(), 3);
    assert_eq!(profiles.profiles[0].uuid, account.profiles[0].uuid);
}

#[tokio::test]
async fn the_guides_shapes_are_read_as_well() {
    let stage = with(|behaviour| {
        behaviour.shapes = Shapes::Guide;
        behaviour.complete_uri = false;
    })
    .await;
    let code = stage.vendor.device_code().await.unwrap();
    assert_eq!(code.expires_in, Duration::from_secs(900));
    assert_eq!(code.verification_uri_complete, None);
    let pending = stage.vendor.poll(&code.device_code).await.unwrap();
    assert!(matches!(pending, Poll::Pending));
    assert!(stage.hytale.approve(&code.user_code, "one"));
    let tokens = stage.vendor.poll(&code.device_code).await.unwrap();
    assert!(matches!(tokens, Poll::Tokens(_)));
}

#[tokio::test]
async fn asked_too_soon_the_vendor_says_slow_down() {
    let stage = with(|behaviour| behaviour.slow_down = true).await;
    let code = stage.vendor.device_code().await.unwrap();
    stage.vendor.poll(&code.device_code).await.unwrap();
    let poll = stage.vendor.poll(&code.device_code).await.unwrap();
    assert!(matches!(poll, Poll::SlowDown), "{poll:?}");
}

#[tokio::test]
async fn a_declined_login_is_declined_with_either_status() {
    for status in [403, 400] {
        let stage = with(|behaviour| behaviour.access_denied_status = status).await;
        let code = stage.vendor.device_code().await.unwrap();
        assert!(stage.hytale.deny(&code.user_code));
        let error = stage.vendor.poll(&code.device_code).await.unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::AccessDenied));
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn expired_used_and_unknown_codes_end_the_flow() {
    let stage = stage().await;
    let code = stage.vendor.device_code().await.unwrap();
    assert!(stage.hytale.expire(&code.user_code));
    let error = stage.vendor.poll(&code.device_code).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::ExpiredToken));

    let code = stage.vendor.device_code().await.unwrap();
    assert!(stage.hytale.approve(&code.user_code, "one"));
    stage.vendor.poll(&code.device_code).await.unwrap();
    for used in [code.device_code, "ory_dc_unknown".to_owned().into()] {
        let error = stage.vendor.poll(&used).await.unwrap_err();
        let refusal = error.refusal().unwrap();
        assert!(matches!(refusal, Refusal::InvalidGrant { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_poll_is_one_request_whatever_comes_of_it() {
    let stage = stage().await;
    let code = stage.vendor.device_code().await.unwrap();
    for effect in [status(500), status(503), status(429), Effect::Closed] {
        stage.heal();
        stage.hytale.clear_journal();
        let is_429 = effect == status(429);
        stage.strike(Endpoint::DeviceToken, effect);
        let error = stage.vendor.poll(&code.device_code).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert_eq!(matches!(error, VendorError::Busy { .. }), is_429);
        assert_eq!(stage.requests(Endpoint::DeviceToken).len(), 1);
    }
    stage.heal();
    let poll = stage.vendor.poll(&code.device_code).await.unwrap();
    assert!(matches!(poll, Poll::Pending));
}

#[tokio::test]
async fn a_new_code_is_asked_for_again_after_a_failure() {
    let stage = stage().await;
    stage.strike_times(2, Endpoint::DeviceAuth, status(502));
    stage.vendor.device_code().await.unwrap();
    assert_eq!(stage.requests(Endpoint::DeviceAuth).len(), 3);
}

#[tokio::test]
async fn a_revoked_family_refreshes_no_more() {
    let stage = stage().await;
    let tokens = logged_in(&stage, "one").await;
    let refresh_token = tokens.refresh_token.unwrap();
    stage.vendor.revoke(&refresh_token).await.unwrap();
    let error = stage.vendor.refresh(&refresh_token).await.unwrap_err();
    assert!(
        matches!(error.refusal(), Some(Refusal::InvalidGrant { hint }) if hint != GrantHint::Expired),
        "{error:?}"
    );
    stage
        .hytale
        .behaviour(|behaviour| behaviour.revocation = false);
    let error = stage.vendor.revoke(&refresh_token).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::NotFound));
    assert!(!refresh_token.expose_secret().is_empty());
}
