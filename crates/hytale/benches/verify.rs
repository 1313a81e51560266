//! Whole verifications beside the least that they need.
//!
//! One side is [`verify_with`]: size, header, key, signature, claims, times. The other is
//! ed25519-dalek alone, with the key decompressed and the signature taken apart before.
//! Both see the same thousand tokens, in turns of a few milliseconds, so that what else the
//! machine does falls on both. The last line of the output is the median of the rounds:
//! `{"verify_over_raw": …}`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measure that fails says so by panicking"
)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use common::types::hytale::HytaleEnvironment;
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use hytale::Hosts;
use hytale::vendor::Issuer;
use hytale::verify::{Expected, KeySet, verify_with};
use serde_json::json;
use std::hint::black_box;
use std::time::{Duration, Instant};
use uuid::Uuid;

const NOW: i64 = 1_770_270_000;
const KEY_ID: &str = "2026-02-05";
const TOKENS: usize = 1_000;
const ROUNDS: usize = 9;
/// Tokens that one side verifies before it is the other's turn.
const TURN: usize = 100;

/// A token, and what the raw side needs of it.
struct Token {
    text: String,
    signed: Vec<u8>,
    signature: Signature,
}

fn main() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let hosts = Hosts::of(HytaleEnvironment::Production);
    let tokens: Vec<Token> = (0..TOKENS).map(|_| token(&key, &hosts)).collect();
    let whole = Whole::new(&key, &hosts);
    let raw = key.verifying_key();
    let mut ratios = Vec::new();
    for round in 0..=ROUNDS {
        let (mut of_whole, mut of_raw) = (Duration::ZERO, Duration::ZERO);
        for turn in tokens.chunks(TURN) {
            of_whole += time(|| turn.iter().for_each(|token| whole.verify(token)));
            of_raw += time(|| turn.iter().for_each(|token| verify_raw(&raw, token)));
        }
        let ratio = of_raw.as_secs_f64() / of_whole.as_secs_f64();
        let each = of_whole.as_secs_f64() * 1e6 / 1e3;
        // The first round warms up.
        if round > 0 {
            println!("round {round}: {each:.1} µs a token, {ratio:.3} of raw");
            ratios.push(ratio);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("{{\"verify_over_raw\": {:.3}}}", ratios[ROUNDS / 2]);
}

struct Whole {
    keys: KeySet,
    expected: Expected,
    now: DateTime<Utc>,
}

impl Whole {
    fn new(key: &SigningKey, hosts: &Hosts) -> Self {
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let jwk = json!({
            "kty": "OKP", "kid": KEY_ID, "alg": "EdDSA", "use": "sig", "crv": "Ed25519", "x": x,
        });
        Self {
            keys: KeySet::of(&[serde_json::from_value(jwk).unwrap()], Issuer::Sessions),
            expected: Expected::identity(hosts),
            now: DateTime::from_timestamp(NOW, 0).unwrap(),
        }
    }

    fn verify(&self, token: &Token) {
        let claims = verify_with(&self.keys, black_box(&token.text), &self.expected, self.now);
        black_box(claims.expect("a good token"));
    }
}

fn verify_raw(key: &VerifyingKey, token: &Token) {
    let proven = key.verify(black_box(&token.signed), &token.signature);
    proven.expect("a good signature");
}

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// As long as the vendor's.
fn token(key: &SigningKey, hosts: &Hosts) -> Token {
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": KEY_ID });
    let claims = json!({
        "iss": hosts.session_issuer, "sub": Uuid::new_v4(), "scope": "hytale:server",
        "iat": NOW - 1_800, "exp": NOW + 1_800, "jti": Uuid::new_v4(),
        "profile": { "username": "ServerOperator", "skin": "{}", "entitlements": ["game.base"] },
    });
    let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
    let signed = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    );
    let signature = key.sign(signed.as_bytes());
    Token {
        text: format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())),
        signed: signed.into_bytes(),
        signature,
    }
}
