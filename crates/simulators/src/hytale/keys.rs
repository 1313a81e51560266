//! Ed25519 keys, their publication, and tokens signed with them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::source::Source;

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureFlaw {
    /// Its `kid` is of no published key.
    WrongKid,
    /// It has no `kid`.
    NoKid,
    /// `HS256`, keyed with the public key: the classic confusion.
    WrongAlg,
    /// `none`, with an empty signature.
    NoAlg,
    /// One bit of the signature is turned.
    BadSignature,
    /// Signed by a key that is not the vendor's, under the vendor's `kid`.
    ForeignKey,
}

/// A key.
struct Key {
    id: String,
    pair: Ed25519KeyPair,
    published: bool,
}

impl Key {
    fn new(source: &mut Source) -> Self {
        Self {
            id: source.key_id(),
            pair: pair(source),
            published: true,
        }
    }

    fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }
}

fn pair(source: &mut Source) -> Ed25519KeyPair {
    loop {
        // 32 bytes are a seed, always.
        if let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(&source.bytes()) {
            return pair;
        }
    }
}

/// The keys of one issuer.
pub struct Keys {
    current: Key,
    former: Vec<Key>,
    foreign: Ed25519KeyPair,
}

impl Keys {
    /// One key.
    pub fn new(source: &mut Source) -> Self {
        Self {
            current: Key::new(source),
            former: Vec::new(),
            foreign: pair(source),
        }
    }

    /// The id of the key that signs.
    pub fn current_id(&self) -> &str {
        &self.current.id
    }

    /// Signs with a new key from now on; the old one stays published, or goes with all that came before it.
    pub fn rotate(&mut self, source: &mut Source, keep_old: bool) {
        let old = std::mem::replace(&mut self.current, Key::new(source));
        self.former.push(old);
        if !keep_old {
            for key in &mut self.former {
                key.published = false;
            }
        }
    }

    /// The published set, the signing key first.
    pub fn published(&self) -> Value {
        let former = self.former.iter().filter(|key| key.published);
        let keys: Vec<Value> = std::iter::once(&self.current)
            .chain(former)
            .map(|key| {
                json!({
                    "kty": "OKP",
                    "alg": "EdDSA",
                    "use": "sig",
                    "kid": key.id,
                    "crv": "Ed25519",
                    "x": URL_SAFE_NO_PAD.encode(key.public()),
                })
            })
            .collect();
        json!({ "keys": keys })
    }

    /// The claims of a token that the signing key or a published one has signed.
    pub fn verify(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let former = self.former.iter().filter(|key| key.published);
        let sound = std::iter::once(&self.current).chain(former).any(|key| {
            UnparsedPublicKey::new(&ED25519, key.public())
                .verify(signed.as_bytes(), &signature)
                .is_ok()
        });
        let claims = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&claims).ok().filter(|_| sound)
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value, flaw: Option<SignatureFlaw>) -> String {
        let key = &self.current;
        let header = match flaw {
            Some(SignatureFlaw::WrongKid) => {
                json!({ "alg": "EdDSA", "typ": "JWT", "kid": format!("{}-unknown", key.id) })
            }
            Some(SignatureFlaw::NoKid) => json!({ "alg": "EdDSA", "typ": "JWT" }),
            Some(SignatureFlaw::WrongAlg) => {
                json!({ "alg": "HS256", "typ": "JWT", "kid": key.id })
            }
            Some(SignatureFlaw::NoAlg) => json!({ "alg": "none", "typ": "JWT", "kid": key.id }),
            _ => json!({ "alg": "EdDSA", "typ": "JWT", "kid": key.id }),
        };
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let message = signed.as_bytes();
        let signature = match flaw {
            Some(SignatureFlaw::WrongAlg) => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public());
                hmac::sign(&secret, message).as_ref().to_vec()
            }
            Some(SignatureFlaw::NoAlg) => Vec::new(),
            Some(SignatureFlaw::ForeignKey) => self.foreign.sign(message).as_ref().to_vec(),
            Some(SignatureFlaw::BadSignature) => {
                let mut signature = key.pair.sign(message).as_ref().to_vec();
                if let Some(byte) = signature.first_mut() {
                    *byte ^= 1;
                }
                signature
            }
            _ => key.pair.sign(message).as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
