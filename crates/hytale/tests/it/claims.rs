//! Each rule of the validator by itself.

use chrono::{DateTime, Utc};
use common::types::hytale::HytaleEnvironment;
use hytale::Hosts;
use hytale::verify::{Audience, Claims, Expected, Invalid, LONGEST_TOKEN, verify_with};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::random::{NOW, good_claims, good_header, keys, sign};

fn hosts() -> Hosts {
    Hosts::of(HytaleEnvironment::Production)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn verify(token: &str, expected: &Expected) -> Result<Claims, Invalid> {
    verify_with(&keys(), token, expected, at(NOW))
}

fn with(name: &str, value: Value) -> Result<Claims, Invalid> {
    let mut claims = good_claims();
    claims[name] = value;
    verify(
        &sign(&good_header(), &claims),
        &Expected::identity(&hosts()),
    )
}

#[test]
fn a_good_token_says_who_it_is_about() {
    let claims = verify(
        &sign(&good_header(), &good_claims()),
        &Expected::session(&hosts()),
    )
    .unwrap();
    assert_eq!(claims.profile.unwrap().to_string(), claims.subject);
    assert_eq!(claims.username.as_deref(), Some("ServerOperator"));
    assert_eq!(claims.expires_at, at(NOW + 1_800));
    assert_eq!(claims.issued_at, Some(at(NOW - 1_800)));
    assert_eq!(claims.scope, "hytale:server");
    assert!(claims.audience.is_empty());
}

#[test]
fn clocks_may_differ_by_less_than_a_minute() {
    assert_eq!(with("exp", json!(NOW - 59)).err(), None);
    assert_eq!(with("exp", json!(NOW - 60)).err(), Some(Invalid::Expired));
    assert_eq!(with("exp", Value::Null).err(), Some(Invalid::Expired));
    for name in ["nbf", "iat"] {
        assert_eq!(with(name, json!(NOW + 60)).err(), None);
        assert_eq!(with(name, json!(NOW + 61)).err(), Some(Invalid::NotYet));
    }
}

#[test]
fn the_issuer_is_compared_to_the_letter() {
    let slash = json!("https://sessions.hytale.com/");
    assert_eq!(with("iss", slash).err(), Some(Invalid::Issuer));
    assert_eq!(with("iss", Value::Null).err(), Some(Invalid::Issuer));
    let staging = Expected::identity(&Hosts::of(HytaleEnvironment::Staging));
    let token = sign(&good_header(), &good_claims());
    assert_eq!(verify(&token, &staging).err(), Some(Invalid::Issuer));
}

#[test]
fn the_subject_is_a_uuid_and_the_one_expected() {
    assert_eq!(with("sub", json!("me")).err(), Some(Invalid::Subject));
    let simple = json!("123e4567e89b12d3a456426614174000");
    assert_eq!(with("sub", simple).err(), Some(Invalid::Subject));
    let token = sign(&good_header(), &good_claims());
    let other = Expected::identity(&hosts()).with_subject(Uuid::nil());
    assert_eq!(verify(&token, &other).err(), Some(Invalid::Subject));
}

#[test]
fn an_audience_that_may_be_absent_must_be_right_where_present() {
    let token = |aud: Value| {
        let mut claims = good_claims();
        claims["aud"] = aud;
        sign(&good_header(), &claims)
    };
    let named = Expected::identity(&hosts()).with_audience(Audience::IfPresent("us".into()));
    assert!(verify(&token(Value::Null), &named).is_ok());
    assert!(verify(&token(json!("us")), &named).is_ok());
    assert!(verify(&token(json!(["us"])), &named).is_ok());
    for wrong in [json!("them"), json!(["us", "them"]), json!([])] {
        assert_eq!(verify(&token(wrong), &named).err(), Some(Invalid::Audience));
    }
    let join = Expected::join(&hosts(), "us");
    assert!(verify(&token(json!("us")), &join).is_ok());
    assert_eq!(
        verify(&token(Value::Null), &join).err(),
        Some(Invalid::Audience)
    );
}

#[test]
fn a_game_servers_token_has_its_scope() {
    assert!(with("scope", json!("hytale:client hytale:server")).is_ok());
    for wrong in [json!("hytale:client"), json!("hytale:servers"), Value::Null] {
        assert_eq!(with("scope", wrong).err(), Some(Invalid::Scope));
    }
    let token = sign(
        &good_header(),
        &json!({
            "iss": "https://sessions.hytale.com", "sub": Uuid::nil(), "exp": NOW + 1,
        }),
    );
    let any = Expected::identity(&hosts()).with_scope(None);
    assert!(verify(&token, &any).is_ok());
}

#[test]
fn the_algorithm_is_the_issuers() {
    for alg in ["none", "HS256", "RS256", "ES256", "eddsa"] {
        let token = sign(
            &json!({"alg": alg, "kid": crate::random::KEY_ID}),
            &good_claims(),
        );
        let result = verify(&token, &Expected::identity(&hosts()));
        assert_eq!(result.err(), Some(Invalid::Algorithm), "{alg}");
    }
    let token = sign(&good_header(), &good_claims());
    let result = verify(&token, &Expected::id_token(&hosts()));
    assert_eq!(result.err(), Some(Invalid::Issuer));
}

#[test]
fn a_token_says_the_algorithm_of_its_key() {
    let mut claims = good_claims();
    claims["iss"] = json!("https://oauth.accounts.hytale.com");
    claims["aud"] = json!("hytale-server");
    let id_token = |alg| {
        let token = sign(&json!({"alg": alg, "kid": crate::random::KEY_ID}), &claims);
        verify(&token, &Expected::id_token(&hosts())).err()
    };
    assert_eq!(id_token("EdDSA"), None);
    // Its issuer may sign so, too, though with another key.
    assert_eq!(id_token("RS256"), Some(Invalid::Algorithm));
}

#[test]
fn what_is_too_long_or_no_token_is_refused() {
    let identity = Expected::identity(&hosts());
    let long = "a".repeat(LONGEST_TOKEN + 1);
    assert_eq!(verify(&long, &identity).err(), Some(Invalid::TooLong));
    let token = sign(&good_header(), &good_claims());
    for wrong in [
        "",
        ".",
        "..",
        "a.b",
        &format!("{token}.x"),
        &format!("{token}="),
    ] {
        assert_eq!(
            verify(wrong, &identity).err(),
            Some(Invalid::Malformed),
            "{wrong}"
        );
    }
    let stranger = sign(
        &json!({"alg": "EdDSA", "kid": "x".repeat(129)}),
        &good_claims(),
    );
    assert_eq!(
        verify(&stranger, &identity).err(),
        Some(Invalid::UnknownKey)
    );
}

#[test]
fn claims_of_wrong_types_are_malformed() {
    for (name, value) in [
        ("exp", json!("1770270000")),
        ("scope", json!(["hytale:server"])),
        ("sub", json!(7)),
        ("aud", json!({"a": 1})),
    ] {
        assert_eq!(with(name, value).err(), Some(Invalid::Malformed), "{name}");
    }
}
