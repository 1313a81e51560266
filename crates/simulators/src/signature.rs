//! Signatures of webhooks by the Standard Webhooks scheme, which is Svix' as well: HMAC-SHA256 over
//! `{id}.{timestamp}.{body}`, as `v1,` and base64; a header holds several of them while secrets change.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use rand::RngCore as _;
use ring::hmac;
use serde::{Serialize, Serializer};

/// Seconds that a signature may be older or newer than the moment at which it arrives.
pub const TOLERANCE: i64 = 5 * 60;

/// Why a signature is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The secret is not `whsec_` and base64.
    #[error("the secret is not `whsec_` and base64")]
    UnreadableSecret,
    /// One of the three headers is missing.
    #[error("a header is missing")]
    MissingHeader,
    /// The timestamp is no number of seconds.
    #[error("the timestamp is no number of seconds")]
    UnreadableTimestamp,
    /// The timestamp is too old or too new.
    #[error("the timestamp is too old or too new")]
    OutOfTime,
    /// None of the signatures fits.
    #[error("no signature fits")]
    NoSignatureFits,
}

/// A shared secret; printed as `whsec_` and base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A new one of 24 bytes.
    pub fn random() -> Self {
        let mut bytes = vec![0; 24];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads `whsec_` and base64.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let encoded = text.strip_prefix("whsec_");
        let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
        let bytes = bytes.filter(|bytes| !bytes.is_empty());
        bytes.map(Self).ok_or(Refusal::UnreadableSecret)
    }

    /// Signs a body: `v1,` and base64.
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let tag = hmac::sign(&self.key(), &signed(id, timestamp, body));
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// Looks whether one of the signatures in a header is this secret's.
    ///
    /// # Errors
    /// None is, or the timestamp is too far from `now`.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let seconds = timestamp.parse::<i64>().ok();
        let seconds = seconds.ok_or(Refusal::UnreadableTimestamp)?;
        if now.timestamp().abs_diff(seconds) > TOLERANCE.unsigned_abs() {
            return Err(Refusal::OutOfTime);
        }
        let (key, signed) = (self.key(), signed(id, timestamp, body));
        let fits = signatures.split(' ').any(|signature| {
            let encoded = signature.strip_prefix("v1,");
            let tag = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
            tag.is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok())
        });
        if fits {
            Ok(())
        } else {
            Err(Refusal::NoSignatureFits)
        }
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "whsec_{}", STANDARD.encode(&self.0))
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn signed(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}
