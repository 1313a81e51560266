use super::*;
use chrono::{DateTime, Duration, Utc};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap()
}

fn realm() -> Realm {
    Realm {
        issuer: "https://nodebyte.example".to_owned(),
        audience: "nodebyte".to_owned(),
    }
}

fn signed_by(key: &SigningKey) -> String {
    let token = NewToken {
        user: "cm5",
        id: Uuid::nil(),
        issued_at: now(),
        expires_at: now() + Duration::hours(1),
    };
    let token = key.sign(&token, &realm()).unwrap();
    token.expose_secret().to_owned()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn website(secret: &str, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn website_claims() -> Value {
    let now = now().timestamp();
    json!({"id": "cm5", "email": "a@b.example", "roles": ["SUPER_ADMIN"], "isSystemAdmin": true,
           "iat": now, "nbf": now, "exp": now + 3600})
}

fn hs256() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

#[test]
fn a_token_verifies_with_the_key_that_signed_it_and_no_other() {
    let key = SigningKey::generate().unwrap();
    let token = signed_by(&key);
    assert_eq!(kind(&token), Ok(Kind::Own(key.id().clone())));
    let verified = verify_own(&token, &key.public(), &realm(), now()).unwrap();
    assert_eq!(verified.user, "cm5");
    assert_eq!(verified.id, Some(Uuid::nil()));
    assert_eq!(verified.issued_at, now());

    let other = SigningKey::generate().unwrap();
    let refused = verify_own(&token, &other.public(), &realm(), now());
    assert_eq!(refused, Err(InvalidBearer::Signature));
}

#[test]
fn a_key_comes_back_from_its_secret_and_is_not_printed() {
    let key = SigningKey::generate().unwrap();
    let again = SigningKey::from_secret(key.id().clone(), &key.secret()).unwrap();
    assert_eq!(again.public(), key.public());
    assert_eq!(signed_by(&again), signed_by(&key));
    assert!(!format!("{key:?}").contains(key.secret().expose_secret()));
    for poor in ["", "AAAA", "é", &key.secret().expose_secret()[1..]] {
        let refused = SigningKey::from_secret(key.id().clone(), &poor.to_owned().into());
        assert!(refused.is_err());
    }
}

#[test]
fn a_token_for_or_by_somebody_else_is_refused() {
    let key = SigningKey::generate().unwrap();
    let token = signed_by(&key);
    for other in [
        Realm {
            issuer: "https://nodebyte.example/".to_owned(),
            ..realm()
        },
        Realm {
            audience: "node".to_owned(),
            ..realm()
        },
    ] {
        let refused = verify_own(&token, &key.public(), &other, now());
        assert_eq!(refused, Err(InvalidBearer::Claims));
    }
}

#[test]
fn times_are_taken_with_a_minute_of_tolerance() {
    let key = SigningKey::generate().unwrap();
    let token = signed_by(&key);
    let at = |seconds| {
        let now = now() + Duration::seconds(seconds);
        verify_own(&token, &key.public(), &realm(), now).err()
    };
    assert_eq!(at(3600 + 59), None);
    assert_eq!(at(3600 + 60), Some(InvalidBearer::Expired));
    assert_eq!(at(-60), None);
    assert_eq!(at(-61), Some(InvalidBearer::Early));
}

#[test]
fn every_change_of_a_token_is_noticed() {
    let key = SigningKey::generate().unwrap();
    let token = signed_by(&key);
    for at in 0..token.len() {
        for with in ['A', '.', '-'] {
            let mut changed: Vec<char> = token.chars().collect();
            if changed[at] == with {
                continue;
            }
            changed[at] = with;
            let changed: String = changed.into_iter().collect();
            let good = matches!(kind(&changed), Ok(Kind::Own(_)))
                && verify_own(&changed, &key.public(), &realm(), now()).is_ok();
            assert!(!good, "{at} {with}");
        }
    }
}

#[test]
fn the_websites_tokens_verify_with_its_secret() {
    let secret: SecretString = "a secret that the website shares".to_owned().into();
    let token = website(secret.expose_secret(), &hs256(), &website_claims());
    assert_eq!(kind(&token), Ok(Kind::Website));
    let verified = verify_website(&token, &secret, now()).unwrap();
    assert_eq!((verified.user.as_str(), verified.id), ("cm5", None));
    let other: SecretString = "another".to_owned().into();
    let refused = verify_website(&token, &other, now());
    assert_eq!(refused, Err(InvalidBearer::Signature));
    let late = now() + Duration::seconds(3660);
    assert_eq!(
        verify_website(&token, &secret, late),
        Err(InvalidBearer::Expired)
    );
}

#[test]
fn a_website_token_without_what_it_must_say_is_refused() {
    let secret: SecretString = "shared".to_owned().into();
    for (name, value) in [
        ("id", Value::Null),
        ("id", json!(7)),
        ("id", json!("")),
        ("id", json!("a\0b")),
        ("exp", Value::Null),
        ("exp", json!("later")),
        ("iat", Value::Null),
        ("iat", json!(i64::MIN)),
        ("nbf", json!("now")),
    ] {
        let mut claims = website_claims();
        claims[name] = value.clone();
        let token = website("shared", &hs256(), &claims);
        let refused = verify_website(&token, &secret, now());
        assert_eq!(refused, Err(InvalidBearer::Claims), "{name} {value}");
    }
}

#[test]
fn the_algorithm_is_not_the_tokens_choice() {
    let key = SigningKey::generate().unwrap();
    let id = key.id().as_str();
    // The public key taken for a shared secret.
    let point = String::from_utf8_lossy(&key.public().point).into_owned();
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS384"}),
        json!({"alg": "HS512", "kid": id}),
        json!({"alg": "RS256", "kid": id}),
        json!({"alg": "EdDSA", "typ": "JWT", "kid": id}),
        json!({"alg": "EdDSA", "typ": "at+jwt"}),
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "../etc"}),
        json!({"alg": "HS256", "crit": ["exp"]}),
        json!({}),
    ] {
        let token = website(&point, &header, &website_claims());
        assert_eq!(kind(&token), Err(InvalidBearer::Unknown), "{header}");
    }
    let confused = website(
        &point,
        &json!({"alg": "HS256", "kid": id, "typ": "at+jwt"}),
        &website_claims(),
    );
    assert_eq!(kind(&confused), Ok(Kind::Website));
    let refused = verify_own(&confused, &key.public(), &realm(), now());
    assert_eq!(refused, Err(InvalidBearer::Signature));
}

#[test]
fn what_is_no_token_is_refused_without_a_look_at_keys() {
    let long = "a".repeat(LONGEST + 1);
    for text in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "nbk_01234567_",
        "é.é.é",
        &long,
    ] {
        assert_eq!(kind(text), Err(InvalidBearer::Unknown));
    }
}

#[test]
fn a_public_key_is_published_as_rfc_8037_has_it() {
    let key = SigningKey::generate().unwrap().public();
    let jwk = key.jwk();
    assert_eq!(jwk["kty"], "OKP");
    assert_eq!(jwk["crv"], "Ed25519");
    assert_eq!(jwk["kid"], key.id.as_str());
    let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    assert_eq!(x, key.point);
    assert_eq!(jwk.get("d"), None);
}
