//! Tokens of a vendor that is asked for its keys.

use hytale::vendor::{Poll, SessionTokens};
use hytale::verify::{Expected, Invalid, Verifier, VerifyError};
use secrecy::ExposeSecret;
use simulators::hytale::{Effect, Endpoint, SignatureFlaw, TokenFlaw};
use std::time::Duration;

use crate::stage::{Stage, stage, status, with};

async fn session(stage: &Stage) -> SessionTokens {
    let access = stage.access_token("one");
    let profile = stage.hytale.account("one").unwrap().profiles[0].uuid;
    stage.vendor.session_new(&access, profile).await.unwrap()
}

async fn verify(
    stage: &Stage,
    verifier: &Verifier,
    tokens: &SessionTokens,
) -> Result<(), VerifyError> {
    let profile = stage.hytale.account("one").unwrap().profiles[0].uuid;
    for (token, expected) in [
        (&tokens.identity_token, Expected::identity(&stage.hosts)),
        (&tokens.session_token, Expected::session(&stage.hosts)),
    ] {
        let expected = expected.with_subject(profile);
        let claims = verifier
            .verify(token.expose_secret(), &expected, stage.now())
            .await?;
        assert_eq!(claims.profile, Some(profile));
    }
    Ok(())
}

#[tokio::test]
async fn a_sessions_tokens_are_the_vendors_until_they_expire() {
    let stage = stage().await;
    let verifier = Verifier::new(&stage.vendor);
    let tokens = session(&stage).await;
    verify(&stage, &verifier, &tokens).await.unwrap();
    assert_eq!(stage.requests(Endpoint::SessionKeys).len(), 1);
    stage.hytale.advance(Duration::from_secs(3_600 + 60));
    let error = verify(&stage, &verifier, &tokens).await.unwrap_err();
    assert!(
        matches!(error, VerifyError::Invalid(Invalid::Expired)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_new_key_is_learned_when_its_first_token_comes() {
    let stage = stage().await;
    let verifier = Verifier::new(&stage.vendor);
    let old = session(&stage).await;
    verify(&stage, &verifier, &old).await.unwrap();
    stage.hytale.rotate_keys(true);
    stage.hytale.advance(Duration::from_secs(60));
    let new = session(&stage).await;
    verify(&stage, &verifier, &new).await.unwrap();
    verify(&stage, &verifier, &old).await.unwrap();
    assert_eq!(stage.requests(Endpoint::SessionKeys).len(), 2);
}

#[tokio::test]
async fn a_known_key_works_while_the_vendor_fails() {
    let stage = stage().await;
    let verifier = Verifier::new(&stage.vendor);
    verify(&stage, &verifier, &session(&stage).await)
        .await
        .unwrap();
    stage.strike(Endpoint::SessionKeys, status(500));
    for _ in 0..3 {
        stage.hytale.advance(Duration::from_secs(2 * 3_600));
        verify(&stage, &verifier, &session(&stage).await)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn without_any_keys_nothing_is_known() {
    let stage = stage().await;
    let verifier = Verifier::new(&stage.vendor);
    stage.strike(Endpoint::SessionKeys, status(500));
    let tokens = session(&stage).await;
    let error = verify(&stage, &verifier, &tokens).await.unwrap_err();
    assert!(matches!(error, VerifyError::KeysUnavailable), "{error:?}");
}

#[tokio::test]
async fn a_forged_token_is_not_the_vendors() {
    let stage = stage().await;
    let verifier = Verifier::new(&stage.vendor);
    let signature = |flaw| TokenFlaw::Signature(flaw);
    for (flaw, expected) in [
        (signature(SignatureFlaw::WrongKid), Invalid::UnknownKey),
        (signature(SignatureFlaw::WrongAlg), Invalid::Algorithm),
        (signature(SignatureFlaw::NoAlg), Invalid::Algorithm),
        (signature(SignatureFlaw::BadSignature), Invalid::Signature),
        (signature(SignatureFlaw::ForeignKey), Invalid::Signature),
        (TokenFlaw::WrongIssuer, Invalid::Issuer),
        (TokenFlaw::WrongSubject, Invalid::Subject),
        (TokenFlaw::UnreadableSubject, Invalid::Subject),
        (TokenFlaw::WrongScope, Invalid::Scope),
        (TokenFlaw::Expired, Invalid::Expired),
        (TokenFlaw::MissingExpiry, Invalid::Expired),
    ] {
        stage.heal();
        stage.strike(Endpoint::SessionNew, Effect::Flawed { flaw });
        let tokens = session(&stage).await;
        let error = verify(&stage, &verifier, &tokens).await.unwrap_err();
        assert!(
            matches!(error, VerifyError::Invalid(found) if found == expected),
            "{flaw:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_id_token_is_verified_by_the_keys_of_the_oauth_host_if_there_are_any() {
    for published in [true, false] {
        let stage = with(|behaviour| behaviour.oauth_keys = published).await;
        let verifier = Verifier::new(&stage.vendor);
        let code = stage.vendor.device_code().await.unwrap();
        assert!(stage.hytale.approve(&code.user_code, "one"));
        let Poll::Tokens(tokens) = stage.vendor.poll(&code.device_code).await.unwrap() else {
            panic!("no tokens");
        };
        let id_token = tokens.id_token.unwrap();
        let expected = Expected::id_token(&stage.hosts);
        let result = verifier
            .verify(id_token.expose_secret(), &expected, stage.now())
            .await;
        match result {
            Ok(claims) => {
                assert!(published);
                let owner = stage.hytale.account("one").unwrap().owner;
                assert_eq!(claims.subject, owner.to_string());
            }
            Err(error) => {
                assert!(!published, "{error:?}");
                assert!(matches!(error, VerifyError::KeysNotPublished), "{error:?}");
            }
        }
    }
}
