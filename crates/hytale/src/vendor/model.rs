//! What the vendor gives us.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// A device flow that has begun.
#[derive(Clone)]
pub struct DeviceCode {
    /// What is polled with. Nobody but us may know it.
    pub device_code: SecretString,
    /// What the human types, shown to the letter: it is case-sensitive.
    pub user_code: String,
    /// Where the human goes; an `http` or `https` address, as it came.
    pub verification_uri: String,
    /// The same with the code in it, where the vendor offers that.
    pub verification_uri_complete: Option<String>,
    /// How long the code lives, from the answer on. Whoever polls must keep this
    /// deadline by its own clock: the vendor may answer "pending" beyond it.
    pub expires_in: Duration,
    /// Shortest pause between two polls, at least 1 s.
    pub interval: Duration,
}

/// Hides the user code too: who has it can approve the flow with another account.
impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCode")
            .field("verification_uri", &self.verification_uri)
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// What one poll of a device flow brought.
#[derive(Debug, Clone)]
pub enum Poll {
    /// The human approved. These tokens are answered once.
    Tokens(TokenSet),
    /// Not yet; ask again after the interval.
    Pending,
    /// Not yet, and asked too soon: the interval is 5 s longer from now on.
    SlowDown,
}

/// Tokens of an account. `Debug` shows none of them.
#[derive(Debug, Clone)]
pub struct TokenSet {
    /// For account data and new game sessions. Opaque.
    pub access_token: SecretString,
    /// Single use: its first use kills it. Absent in a refresh's reply, the one that
    /// was sent stays good.
    pub refresh_token: Option<SecretString>,
    /// Life of the access token, from the answer on.
    pub expires_in: Duration,
    /// Scopes granted, separated by spaces; empty if not said.
    pub scope: String,
    /// `bearer`, in whatever case.
    pub token_type: String,
    /// Who logged in, signed by the OAuth host.
    pub id_token: Option<SecretString>,
}

/// The profiles of an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Profiles {
    /// The account; no profile's id.
    pub owner: Uuid,
    /// Empty for an account without a licence of the game.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub profiles: Vec<Profile>,
}

/// A profile, which game sessions are made for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Profile {
    /// Its id.
    pub uuid: Uuid,
    /// The player's name.
    #[serde(deserialize_with = "storable")]
    pub username: String,
}

/// PostgreSQL cannot hold U+0000; nobody misses it.
pub(super) fn without_nul(text: String) -> String {
    match text.contains('\0') {
        true => text.replace('\0', ""),
        false => text,
    }
}

fn storable<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(without_nul)
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Profile>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A game session's pair of tokens. `Debug` shows neither. Not verified
/// yet: see `verify`.
#[derive(Debug, Clone)]
pub struct SessionTokens {
    /// For refreshing and ending the session.
    pub session_token: SecretString,
    /// What the game server shows as its identity.
    pub identity_token: SecretString,
    /// When both end, as the reply has it; the tokens' own `exp` may be earlier.
    pub expires_at: DateTime<Utc>,
}

/// Whose keys are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Issuer {
    /// The session service: Ed25519.
    Sessions,
    /// The OAuth host: RSA or Ed25519, if it publishes keys at all.
    OAuth,
}

impl Issuer {
    /// For labels and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::OAuth => "oauth",
        }
    }
}

/// A public key as published (RFC 7517). Nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Jwk {
    /// `OKP` or `RSA`.
    pub kty: String,
    /// Its name.
    #[serde(default)]
    pub kid: Option<String>,
    /// Algorithm, if pinned.
    #[serde(default)]
    pub alg: Option<String>,
    /// `sig`, if said.
    #[serde(default, rename = "use")]
    pub purpose: Option<String>,
    /// Curve of an `OKP` key.
    #[serde(default)]
    pub crv: Option<String>,
    /// The point of an `OKP` key, base64url.
    #[serde(default)]
    pub x: Option<String>,
    /// Modulus of an `RSA` key, base64url.
    #[serde(default)]
    pub n: Option<String>,
    /// Exponent of an `RSA` key, base64url.
    #[serde(default)]
    pub e: Option<String>,
}
