//! Signed tokens, sound and flawed, and the keys that sign them.

use serde_json::{Value, json};
use simulators::hytale::{Effect, Endpoint, Fault, Hytale, SignatureFlaw, TokenFlaw};

use super::{
    jwt,
    support::{create, keys, profile, text, usual},
};

async fn session(hytale: &Hytale) -> Value {
    let access = hytale.login("one").access_token;
    let (status, session) = create(hytale, &access, &profile(hytale, "one")).await;
    assert_eq!(status, 200);
    session
}

async fn flawed(hytale: &Hytale, flaw: TokenFlaw) -> Value {
    let fault = Fault::new(Effect::Flawed { flaw })
        .on(Endpoint::SessionNew)
        .times(1);
    hytale.faults(|faults| faults.add(fault));
    session(hytale).await
}

#[actix_web::test]
async fn a_rotated_key_stays_published_or_goes() {
    let hytale = usual().await;
    let old = session(&hytale).await;
    let old = text(&old, "identityToken");
    let kid = hytale.rotate_keys(true);
    let published = keys(&hytale.sessions_url()).await;
    assert_eq!((published.len(), &published[0]["kid"]), (2, &json!(kid)));
    assert!(jwt::verified(old, &published).is_some());
    let new = session(&hytale).await;
    let new = text(&new, "identityToken");
    assert_eq!(jwt::header(new)["kid"], kid);
    assert!(jwt::verified(new, &published).is_some());
    hytale.rotate_keys(false);
    let published = keys(&hytale.sessions_url()).await;
    assert_eq!(published.len(), 1);
    assert!(jwt::verified(new, &published).is_none());
    let key = &published[0];
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"], &key["crv"]),
        (
            &json!("OKP"),
            &json!("EdDSA"),
            &json!("sig"),
            &json!("Ed25519")
        )
    );
}

#[actix_web::test]
async fn signatures_can_be_flawed() {
    let hytale = usual().await;
    let published = keys(&hytale.sessions_url()).await;
    for (flaw, alg) in [
        (SignatureFlaw::WrongKid, "EdDSA"),
        (SignatureFlaw::NoKid, "EdDSA"),
        (SignatureFlaw::WrongAlg, "HS256"),
        (SignatureFlaw::NoAlg, "none"),
        (SignatureFlaw::BadSignature, "EdDSA"),
        (SignatureFlaw::ForeignKey, "EdDSA"),
    ] {
        let session = flawed(&hytale, TokenFlaw::Signature(flaw)).await;
        for field in ["identityToken", "sessionToken"] {
            let token = text(&session, field);
            assert_eq!(jwt::header(token)["alg"], alg);
            assert!(jwt::verified(token, &published).is_none(), "{flaw:?}");
        }
    }
    let sound = session(&hytale).await;
    assert!(jwt::verified(text(&sound, "sessionToken"), &published).is_some());
}

#[actix_web::test]
async fn claims_and_fields_can_be_flawed() {
    let hytale = usual().await;
    let claims = |session: &Value| jwt::claims(text(session, "identityToken"));
    let flaw = |flaw| flawed(&hytale, flaw);
    assert_eq!(
        claims(&flaw(TokenFlaw::WrongIssuer).await)["iss"],
        "https://sessions.hytale.com/"
    );
    assert_ne!(
        claims(&flaw(TokenFlaw::WrongSubject).await)["sub"],
        profile(&hytale, "one")
    );
    assert_eq!(
        claims(&flaw(TokenFlaw::UnreadableSubject).await)["sub"],
        "somebody"
    );
    assert_eq!(
        claims(&flaw(TokenFlaw::WrongScope).await)["scope"],
        "hytale:client"
    );
    let late = claims(&flaw(TokenFlaw::Expired).await);
    assert!(late["exp"].as_i64() < late["iat"].as_i64());
    assert_eq!(
        claims(&flaw(TokenFlaw::MissingExpiry).await).get("exp"),
        None
    );
    assert_eq!(
        flaw(TokenFlaw::MissingIdentityToken)
            .await
            .get("identityToken"),
        None
    );
    assert_eq!(
        flaw(TokenFlaw::MissingSessionToken)
            .await
            .get("sessionToken"),
        None
    );
    assert_eq!(
        flaw(TokenFlaw::MissingExpiresAt).await.get("expiresAt"),
        None
    );
    assert_eq!(
        flaw(TokenFlaw::UnreadableExpiresAt).await["expiresAt"],
        "in an hour"
    );
}

#[actix_web::test]
async fn one_token_of_a_pair_can_be_flawed_alone() {
    let hytale = usual().await;
    let sound = session(&hytale).await;
    let first = ("identityToken", "sessionToken");
    let second = ("sessionToken", "identityToken");
    for (flaw, claim, (flawed_one, other)) in [
        (TokenFlaw::WrongIdentitySubject, "sub", first),
        (TokenFlaw::WrongSessionSubject, "sub", second),
        (TokenFlaw::IdentityEndsSooner, "exp", first),
        (TokenFlaw::SessionEndsSooner, "exp", second),
    ] {
        let pair = flawed(&hytale, flaw).await;
        let of = |pair: &Value, field| jwt::claims(text(pair, field));
        let wrong = &of(&pair, flawed_one)[claim];
        assert_ne!(wrong, &of(&pair, other)[claim], "{flaw:?}");
        assert_eq!(
            of(&pair, other)["sub"],
            of(&sound, other)["sub"],
            "{flaw:?}"
        );
        let ends = of(&pair, other)["exp"].as_i64();
        assert!(ends >= of(&sound, other)["exp"].as_i64(), "{flaw:?}");
    }
}

#[actix_web::test]
async fn any_claims_can_be_signed() {
    let hytale = usual().await;
    let claims = json!({ "aud": "a server", "exp": 1 });
    let published = keys(&hytale.sessions_url()).await;
    assert_eq!(
        jwt::verified(&hytale.sign(&claims, None), &published),
        Some(claims.clone())
    );
    let bad = hytale.sign(&claims, Some(SignatureFlaw::BadSignature));
    assert_eq!(jwt::verified(&bad, &published), None);
}

#[actix_web::test]
async fn a_seed_makes_everything_the_same_in_every_run() {
    let (one, two) = (usual().await, usual().await);
    assert_eq!(session(&one).await, session(&two).await);
    assert_eq!(
        one.families()[0].refresh_tokens,
        two.families()[0].refresh_tokens
    );
}
