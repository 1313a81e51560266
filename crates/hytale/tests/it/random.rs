//! Random valid and mutated tokens, decided as a second implementation decides.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use common::types::hytale::HytaleEnvironment;
use ed25519_dalek::{Signer, SigningKey};
use hytale::Hosts;
use hytale::vendor::Issuer;
use hytale::verify::{Audience, Expected, KeySet, verify_with};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::second::{Rules, accepts};

pub const NOW: i64 = 1_770_270_000;
pub const KEY_ID: &str = "key-1";
const PROFILE: &str = "123e4567-e89b-12d3-a456-426614174000";
const SERVER: &str = "server-1";
/// The order of the group, little-endian: added to S it gives a second signature that
/// a careless verification accepts.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub fn keys() -> KeySet {
    let point = signing_key().verifying_key();
    let x = URL_SAFE_NO_PAD.encode(point.as_bytes());
    let jwk = json!({
        "kty": "OKP", "kid": KEY_ID, "alg": "EdDSA", "use": "sig", "crv": "Ed25519", "x": x,
    });
    KeySet::of(&[serde_json::from_value(jwk).unwrap()], Issuer::Sessions)
}

pub fn sign(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = signing_key().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

pub fn good_header() -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": KEY_ID})
}

pub fn good_claims() -> Value {
    json!({
        "iss": "https://sessions.hytale.com", "sub": PROFILE, "scope": "hytale:server",
        "iat": NOW - 1_800, "exp": NOW + 1_800, "jti": "b1e6a2a4-0000-4000-8000-000000000000",
        "profile": {"username": "ServerOperator", "skin": "{}", "entitlements": ["game.base"]},
    })
}

/// Header and claims, right in most respects.
fn token(rng: &mut StdRng) -> String {
    let mut header = good_header();
    let mut claims = good_claims();
    if rng.random_bool(0.3) {
        let (name, value) = [
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("alg", json!("eddsa")),
            ("alg", Value::Null),
            ("kid", json!("key-2")),
            ("kid", Value::Null),
            ("kid", json!(1)),
            ("typ", json!("jwt")),
            ("typ", json!("JOSE")),
            ("typ", Value::Null),
            ("crit", json!(["exp"])),
            ("crit", Value::Null),
            ("jku", json!("https://evil.example/jwks.json")),
        ]
        .choose(rng)
        .cloned()
        .unwrap();
        header[name] = value;
    }
    for _ in 0..rng.random_range(0..3) {
        let name = *["iss", "sub", "aud", "scope", "exp", "nbf", "iat", "jti"]
            .choose(rng)
            .unwrap();
        claims[name] = claim(name, rng);
    }
    if rng.random_bool(0.1) {
        let names: Vec<String> = claims.as_object().unwrap().keys().cloned().collect();
        claims
            .as_object_mut()
            .unwrap()
            .remove(names.choose(rng).unwrap());
    }
    sign(&header, &claims)
}

fn claim(name: &str, rng: &mut StdRng) -> Value {
    if rng.random_bool(0.1) {
        return [
            Value::Null,
            json!(7),
            json!(""),
            json!([]),
            json!({}),
            json!(true),
        ]
        .choose(rng)
        .cloned()
        .unwrap();
    }
    let texts: &[&str] = match name {
        "iss" => &[
            "https://sessions.hytale.com",
            "https://sessions.hytale.com/",
            "HTTPS://SESSIONS.HYTALE.COM",
        ],
        "sub" => &[
            PROFILE,
            "123E4567-E89B-12D3-A456-426614174000",
            "123e4567e89b12d3a456426614174000",
            "{123e4567-e89b-12d3-a456-426614174000}",
            "123e4567-e89b-12d3-a456-42661417400g",
        ],
        "scope" => &[
            "hytale:client",
            "hytale:client hytale:server",
            "hytale:servers",
            "hytale:server\thytale:client",
            " hytale:server ",
        ],
        "aud" => &[SERVER, "server-2", "server-1 "],
        "jti" => &["x"],
        _ => return time(rng),
    };
    let text = *texts.choose(rng).unwrap();
    match name {
        "aud" if rng.random_bool(0.3) => json!([text]),
        "aud" if rng.random_bool(0.2) => json!([text, SERVER]),
        _ => json!(text),
    }
}

fn time(rng: &mut StdRng) -> Value {
    match rng.random_range(0..8) {
        0..=3 => json!(NOW + rng.random_range(-62..=62)),
        4 => json!(NOW as f64 + rng.random_range(-62.0..62.0)),
        5 => json!(
            [i64::MAX, i64::MIN, 0, -1, 1_000_000_000_000_000]
                .choose(rng)
                .unwrap()
        ),
        6 => json!([1e300, -1e300, 1e11, 0.5].choose(rng).unwrap()),
        _ => json!(u64::MAX),
    }
}

/// The text of a token with a few characters changed, or a signature of the same
/// message that means the same to the careless.
fn mutate(token: &str, rng: &mut StdRng) -> String {
    if rng.random_bool(0.1) {
        return malleable(token);
    }
    let mut text: Vec<char> = token.chars().collect();
    for _ in 0..rng.random_range(1..=2) {
        let at = rng.random_range(0..text.len());
        let c = *['A', 'z', '0', '-', '_', '.', '=', '+', '/', ' ', 'é', '\n']
            .choose(rng)
            .unwrap();
        match rng.random_range(0..5) {
            0 => text[at] = c,
            1 => text.insert(at, c),
            2 => drop(text.remove(at)),
            3 => text.truncate(at.max(1)),
            // The last character's bits that stand for nothing.
            _ => *text.last_mut().unwrap() = c,
        }
    }
    text.into_iter().collect()
}

fn malleable(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn random_tokens_are_decided_as_a_second_implementation_does() {
    let count = std::env::var("HYTALE_TOKENS").map_or(100_000, |count| count.parse().unwrap());
    let seed: u64 = rand::rng().random();
    let mut rng = StdRng::seed_from_u64(seed);
    let hosts = Hosts::of(HytaleEnvironment::Production);
    let identity = Expected::identity(&hosts);
    let join = Expected::identity(&hosts).with_audience(Audience::Required(SERVER.into()));
    let (keys, point) = (keys(), signing_key().verifying_key());
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    let mut accepted = 0;
    let mut last = token(&mut rng);
    for number in 0..count {
        if rng.random_bool(0.4) {
            last = token(&mut rng);
        }
        let shown = if rng.random_bool(0.5) {
            last.clone()
        } else {
            mutate(&last, &mut rng)
        };
        let is_join = rng.random_bool(0.3);
        let rules = Rules {
            key_id: KEY_ID,
            point: point.as_bytes(),
            iss: &hosts.session_issuer,
            audience: is_join.then_some(SERVER),
            scope: Some("hytale:server"),
        };
        let first = verify_with(&keys, &shown, if is_join { &join } else { &identity }, now);
        let second = accepts(&shown, &rules, NOW);
        assert_eq!(
            first.is_ok(),
            second,
            "token {number} of seed {seed}, {first:?}: {shown}"
        );
        accepted += usize::from(second);
    }
    assert!(
        accepted * 20 > count,
        "only {accepted} of {count} were valid"
    );
    assert!(
        accepted * 20 < count * 19,
        "{accepted} of {count} were valid"
    );
}
