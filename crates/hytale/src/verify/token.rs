//! A compact JWS (RFC 7515, section 3.1), taken apart strictly.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

use super::expected::RawClaims;
use super::key::{Algorithm, LONGEST_KEY_ID};
use super::{Claims, Expected, Invalid, KeySet, PublicKey};
use crate::vendor::Issuer;

/// Longest token that is looked at, in bytes. The vendor's have about 500, with a
/// profile's skin and entitlements some more.
pub const LONGEST_TOKEN: usize = 16 << 10;

/// A token whose header is acceptable; nothing is proven yet.
pub(super) struct Token<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    signed: &'a [u8],
    payload: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    typ: Option<Cow<'a, str>>,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that must be understood (RFC 7515, section 4.1.11): we know none.
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

impl<'a> Token<'a> {
    /// # Errors
    ///
    /// [`Invalid::TooLong`], [`Invalid::Malformed`], [`Invalid::Algorithm`]; a key's
    /// name beyond all bounds is [`Invalid::UnknownKey`].
    pub(super) fn parse(text: &'a str, issuer: Issuer) -> Result<Self, Invalid> {
        if text.len() > LONGEST_TOKEN {
            return Err(Invalid::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Invalid::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Invalid::Malformed)?;
        let header = decode(header)?;
        let header: Header<'_> =
            serde_json::from_slice(&header).map_err(|_quotes_it| Invalid::Malformed)?;
        let algorithm = [Algorithm::EdDsa, Algorithm::Rs256]
            .into_iter()
            .find(|known| header.alg == known.name() && known.signs_for(issuer))
            .ok_or(Invalid::Algorithm)?;
        let is_jwt = header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        if header.crit.is_some() || !is_jwt {
            return Err(Invalid::Algorithm);
        }
        if header
            .kid
            .as_ref()
            .is_some_and(|id| id.len() > LONGEST_KEY_ID)
        {
            return Err(Invalid::UnknownKey);
        }
        Ok(Self {
            algorithm,
            key_id: header.kid,
            signed: signed.as_bytes(),
            payload,
            signature: decode(signature)?,
        })
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// # Errors
    ///
    /// [`Invalid::Algorithm`] if the key signs in another way, [`Invalid::Signature`],
    /// then [`Invalid::Malformed`].
    pub(super) fn proven_claims(&self, key: &PublicKey) -> Result<RawClaims, Invalid> {
        if key.algorithm() != self.algorithm {
            return Err(Invalid::Algorithm);
        }
        key.verify(self.signed, &self.signature)?;
        serde_json::from_slice(&decode(self.payload)?).map_err(|_quotes_it| Invalid::Malformed)
    }
}

/// Verifies with keys at hand; asks nobody.
///
/// # Errors
///
/// [`Invalid`].
pub fn verify_with(
    keys: &KeySet,
    token: &str,
    expected: &Expected,
    now: DateTime<Utc>,
) -> Result<Claims, Invalid> {
    let token = Token::parse(token, expected.issuer())?;
    let key = keys.get(token.key_id()).ok_or(Invalid::UnknownKey)?;
    expected.check(token.proven_claims(&key)?, now)
}

/// Strict: no padding, no stray bits at the end, so that a token has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, Invalid> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_quotes_it| Invalid::Malformed)
}
