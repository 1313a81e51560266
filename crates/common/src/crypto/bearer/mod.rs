//! Tokens that callers send as `Authorization: Bearer` (RFC 6750): JSON Web Tokens
//! (RFC 7519) of two kinds.
//!
//! - **Our own**, signed with EdDSA (RFC 8037) by a [`SigningKey`] that the header names,
//!   for one issuer and one audience, each with an id by which it can be revoked.
//! - **The website's**, signed with HS256 by a secret that it shares with us. They name a
//!   user in `id` and hold no audience, no issuer and no id of their own.
//!
//! The algorithm is pinned by the kind, and the kind by the header: a token of one kind
//! never verifies as the other. What a token says about roles is not read. Time is an
//! argument, so that tests can set it.

mod provider;
mod sign;
mod verify;

pub use sign::{NewToken, SigningKey, SigningKeyError};
pub use verify::{InvalidBearer, Kind, Verified, kind, verify_own, verify_website};

use super::keyring::KeyId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

/// How far clocks may be apart, in seconds.
pub const TOLERANCE_SECONDS: i64 = 60;

/// The longest token that is looked at, in bytes.
pub const LONGEST: usize = 8 * 1024;

/// For whom and by whom our own tokens are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    /// `iss`, exactly.
    pub issuer: String,
    /// `aud`, exactly; where a token names several, one of them.
    pub audience: String,
}

/// SHA-256 of a token, by which a verdict about it is remembered.
#[must_use]
pub fn hash(token: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token).as_ref());
    hash
}

/// What verifies tokens that a [`SigningKey`] signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Names the key in tokens.
    pub id: KeyId,
    /// The point, compressed (RFC 8032 section 5.1.2).
    pub point: [u8; 32],
}

impl PublicKey {
    /// The key as others may read it (RFC 8037 section 2).
    #[must_use]
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.id.as_str(),
            "x": URL_SAFE_NO_PAD.encode(self.point),
        })
    }
}

#[cfg(test)]
mod tests;
