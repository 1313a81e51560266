//! Whether a token is good, and whom it stands for.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{LONGEST, PublicKey, Realm, TOLERANCE_SECONDS, provider};
use crate::crypto::keyring::KeyId;

/// `typ` of our own tokens (RFC 9068 section 2.1).
pub(super) const TYPE: &str = "at+jwt";

/// Why a token is not good. Never holds the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum InvalidBearer {
    /// Not a token, or one of a kind that is not taken here.
    #[error("the token is not of a known kind")]
    Unknown,
    /// The signature does not hold.
    #[error("the token's signature does not hold")]
    Signature,
    /// Signed, but it does not say what it must.
    #[error("the token lacks a claim, or was made by or for somebody else")]
    Claims,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    Early,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

/// Of which kind a token says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Our own, signed by the key of this id.
    Own(KeyId),
    /// The website's.
    Website,
}

/// Whom a good token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The user.
    pub user: String,
    /// The token's own id; the website's have none.
    pub id: Option<Uuid>,
    /// When it was made, to the second.
    pub issued_at: DateTime<Utc>,
    /// When it ends, tolerance included.
    pub ends_at: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

#[derive(Deserialize)]
struct OwnClaims {
    iss: String,
    aud: Audience,
    sub: String,
    jti: Uuid,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
}

#[derive(Deserialize)]
struct WebsiteClaims {
    id: String,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
}

/// Reads the header, and nothing else.
///
/// # Errors
/// [`InvalidBearer::Unknown`].
pub fn kind(token: &str) -> Result<Kind, InvalidBearer> {
    if token.len() > LONGEST {
        return Err(InvalidBearer::Unknown);
    }
    let header = jsonwebtoken::decode_header(token);
    let header = header.ok().ok_or(InvalidBearer::Unknown)?;
    // What is critical is not understood here (RFC 7515 section 4.1.11).
    if header.crit.is_some() {
        return Err(InvalidBearer::Unknown);
    }
    match header.alg {
        Algorithm::EdDSA if is_own(&header) => {
            let id = header.kid.as_deref().and_then(|id| KeyId::parse(id).ok());
            id.map(Kind::Own).ok_or(InvalidBearer::Unknown)
        }
        Algorithm::HS256 => Ok(Kind::Website),
        _ => Err(InvalidBearer::Unknown),
    }
}

fn is_own(header: &Header) -> bool {
    let typ = header.typ.as_deref();
    typ.is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE))
}

/// Verifies a token that says to be of [`Kind::Own`] and of this key.
///
/// # Errors
/// It is not good.
pub fn verify_own(
    token: &str,
    key: &PublicKey,
    realm: &Realm,
    now: DateTime<Utc>,
) -> Result<Verified, InvalidBearer> {
    let key = DecodingKey::from_ed_der(&key.point);
    let claims: OwnClaims = signed(token, &key, Algorithm::EdDSA)?;
    if claims.iss != realm.issuer || !claims.aud.names(&realm.audience) {
        return Err(InvalidBearer::Claims);
    }
    let times = Times {
        iat: claims.iat,
        exp: claims.exp,
        nbf: claims.nbf,
    };
    times.verified(claims.sub, Some(claims.jti), now)
}

/// Verifies a token that says to be of [`Kind::Website`].
///
/// # Errors
/// It is not good.
pub fn verify_website(
    token: &str,
    secret: &SecretString,
    now: DateTime<Utc>,
) -> Result<Verified, InvalidBearer> {
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    let claims: WebsiteClaims = signed(token, &key, Algorithm::HS256)?;
    let times = Times {
        iat: claims.iat,
        exp: claims.exp,
        nbf: claims.nbf,
    };
    times.verified(claims.id, None, now)
}

/// The claims, once the signature holds.
fn signed<C: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Result<C, InvalidBearer> {
    provider::install();
    let mut validation = Validation::new(algorithm);
    // Judged below, against the caller's clock.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    jsonwebtoken::decode::<C>(token, key, &validation)
        .map(|token| token.claims)
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => InvalidBearer::Claims,
            _ => InvalidBearer::Signature,
        })
}

struct Times {
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
}

impl Times {
    fn verified(
        &self,
        user: String,
        id: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<Verified, InvalidBearer> {
        let seconds = now.timestamp();
        let ends = self.exp.saturating_add(TOLERANCE_SECONDS);
        let starts = self.nbf.map_or(self.iat, |nbf| nbf.max(self.iat));
        if user.is_empty() || user.contains('\0') {
            return Err(InvalidBearer::Claims);
        }
        if seconds >= ends {
            return Err(InvalidBearer::Expired);
        }
        if starts > seconds.saturating_add(TOLERANCE_SECONDS) {
            return Err(InvalidBearer::Early);
        }
        let time = |seconds| DateTime::from_timestamp(seconds, 0).ok_or(InvalidBearer::Claims);
        Ok(Verified {
            user,
            id,
            issued_at: time(self.iat)?,
            ends_at: time(ends)?,
        })
    }
}
