//! Making tokens of our own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{PublicKey, Realm, provider};
use crate::crypto::cipher::NoRandomness;
use crate::crypto::keyring::KeyId;

/// What a token says (RFC 7519 section 4.1, RFC 9068 section 2).
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// The user, `sub`.
    pub user: &'a str,
    /// The token's own id, `jti`.
    pub id: Uuid,
    /// `iat`, to the second.
    pub issued_at: DateTime<Utc>,
    /// `exp`, to the second.
    pub expires_at: DateTime<Utc>,
}

/// The stored key is none, or could not be used. Never holds the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing key cannot be used")]
pub struct SigningKeyError;

/// Signs tokens. Cannot be printed; stored only sealed.
pub struct SigningKey {
    id: KeyId,
    pkcs8: Zeroizing<Vec<u8>>,
    public: [u8; 32],
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, …)", self.id)
    }
}

impl SigningKey {
    /// A new random key under a new random id.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn generate() -> Result<Self, NoRandomness> {
        let id = KeyId::random()?;
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let pkcs8 = pkcs8.ok().ok_or(NoRandomness)?;
        Self::of(id, Zeroizing::new(pkcs8.as_ref().to_vec()))
            .ok()
            .ok_or(NoRandomness)
    }

    /// The key of this id that [`secret`](Self::secret) gave.
    ///
    /// # Errors
    /// The text is none of those.
    pub fn from_secret(id: KeyId, secret: &SecretString) -> Result<Self, SigningKeyError> {
        let pkcs8 = URL_SAFE_NO_PAD.decode(secret.expose_secret());
        Self::of(id, Zeroizing::new(pkcs8.ok().ok_or(SigningKeyError)?))
    }

    fn of(id: KeyId, pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, SigningKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8);
        let pair = pair.ok().ok_or(SigningKeyError)?;
        let public = pair.public_key().as_ref().try_into();
        let public = public.ok().ok_or(SigningKeyError)?;
        Ok(Self { id, pkcs8, public })
    }

    /// The whole key as text, to be sealed.
    #[must_use]
    pub fn secret(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(&*self.pkcs8).into()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What verifies its tokens.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey {
            id: self.id.clone(),
            point: self.public,
        }
    }

    /// Signs a token.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn sign(
        &self,
        token: &NewToken<'_>,
        realm: &Realm,
    ) -> Result<SecretString, SigningKeyError> {
        provider::install();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(super::verify::TYPE.to_owned());
        header.kid = Some(self.id.to_string());
        let claims = json!({
            "iss": realm.issuer,
            "aud": realm.audience,
            "sub": token.user,
            "jti": token.id,
            "iat": token.issued_at.timestamp(),
            "exp": token.expires_at.timestamp(),
        });
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&self.pkcs8))
            .map(SecretString::from)
            .ok()
            .ok_or(SigningKeyError)
    }
}
