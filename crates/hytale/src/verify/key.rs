//! Published keys, checked and prepared for verification.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::Invalid;
use crate::vendor::{Issuer, Jwk};

/// Longest name of a key that is remembered, in bytes.
pub(super) const LONGEST_KEY_ID: usize = 128;

/// 2,048 bits, in bytes.
const SHORTEST_MODULUS: usize = 256;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// RSA with PKCS#1 padding and SHA-256.
    Rs256,
}

impl Algorithm {
    /// As headers and keys name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    /// Whether an issuer may sign so: the session service only by Ed25519, the OAuth
    /// host by whichever key it publishes.
    pub(super) fn signs_for(self, issuer: Issuer) -> bool {
        self == Self::EdDsa || issuer == Issuer::OAuth
    }
}

/// A key that a signature can be checked with.
pub struct PublicKey(Kind);

enum Kind {
    /// Decompressed once, which is a sixth of a verification.
    Ed25519(Box<VerifyingKey>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Ed25519(_) => "PublicKey(Ed25519)",
            Kind::Rsa(_) => "PublicKey(RSA)",
        })
    }
}

impl PublicKey {
    /// An Ed25519 key from its 32 bytes. `None` for no point of the curve, and for
    /// points of small order, under which anything can be signed.
    #[must_use]
    pub fn ed25519(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        (!key.is_weak()).then(|| Self(Kind::Ed25519(Box::new(key))))
    }

    /// A key that signs tokens of this issuer, or `None`: another kind, another use,
    /// or nonsense.
    #[must_use]
    pub fn of(jwk: &Jwk, issuer: Issuer) -> Option<Self> {
        if jwk
            .purpose
            .as_deref()
            .is_some_and(|purpose| purpose != "sig")
        {
            return None;
        }
        let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => Self::ed25519(&bytes(jwk.x.as_deref())?.try_into().ok()?)?,
            ("RSA", _) => {
                let n = bytes(jwk.n.as_deref()).filter(|n| n.len() >= SHORTEST_MODULUS)?;
                let e = bytes(jwk.e.as_deref())?;
                Self(Kind::Rsa(RsaPublicKeyComponents { n, e }))
            }
            _ => return None,
        };
        let algorithm = key.algorithm();
        let is_named_so = match jwk.alg.as_deref() {
            None => true,
            // RFC 9864 calls it by its curve.
            Some("Ed25519") => algorithm == Algorithm::EdDsa,
            Some(name) => name == algorithm.name(),
        };
        (is_named_so && algorithm.signs_for(issuer)).then_some(key)
    }

    /// The one algorithm that it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Kind::Ed25519(_) => Algorithm::EdDsa,
            Kind::Rsa(_) => Algorithm::Rs256,
        }
    }

    /// Whether the signature of the message holds.
    ///
    /// # Errors
    ///
    /// [`Invalid::Signature`] if not.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Invalid> {
        match &self.0 {
            Kind::Ed25519(key) => Signature::from_slice(signature)
                .and_then(|signature| key.verify(message, &signature))
                .map_err(|_says_nothing| Invalid::Signature),
            Kind::Rsa(key) => key
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .map_err(|_says_nothing| Invalid::Signature),
        }
    }
}

fn bytes(text: Option<&str>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

/// The usable keys of one listing.
#[derive(Debug, Default)]
pub struct KeySet {
    named: HashMap<Box<str>, Arc<PublicKey>>,
    /// What a token without a key's name can only mean.
    only: Option<Arc<PublicKey>>,
}

impl KeySet {
    /// What can be used of a listing for an issuer's tokens. The first of two keys
    /// with the same name counts.
    #[must_use]
    pub fn of(listed: &[Jwk], issuer: Issuer) -> Self {
        let mut named = HashMap::new();
        let mut usable = Vec::new();
        for jwk in listed {
            let Some(key) = PublicKey::of(jwk, issuer).map(Arc::new) else {
                continue;
            };
            usable.push(Arc::clone(&key));
            match jwk.kid.as_deref() {
                Some(id) if id.len() <= LONGEST_KEY_ID => {
                    named.entry(id.into()).or_insert(key);
                }
                _ => {}
            }
        }
        let only = usable.pop().filter(|_| usable.is_empty());
        Self { named, only }
    }

    /// The key of this name; without a name, the only one.
    #[must_use]
    pub fn get(&self, key_id: Option<&str>) -> Option<Arc<PublicKey>> {
        match key_id {
            Some(id) => self.named.get(id).cloned(),
            None => self.only.clone(),
        }
    }

    /// Whether nothing can be verified with it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.only.is_none()
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
pub(super) mod tests;
