//! Signed webhooks after Standard Webhooks (<https://www.standardwebhooks.com>): HMAC-SHA256
//! over `{id}.{timestamp}.{body}`. What we send carries it in `webhook-id`,
//! `webhook-timestamp` and `webhook-signature`; what Resend sends, in the same form, in
//! `svix-id`, `svix-timestamp` and `svix-signature`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use ring::hmac::{self, HMAC_SHA256};
use secrecy::SecretString;
use std::fmt;
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::cipher::{self, NoRandomness};

const MARK: &str = "whsec_";
const VERSION: &str = "v1,";
/// Bytes of a secret by the specification.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that webhooks are signed with. Cannot be printed.
#[derive(Clone)]
pub struct SigningSecret {
    text: SecretString,
    key: hmac::Key,
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// The text is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It does not begin with `whsec_`.
    #[error("a signing secret begins with whsec_")]
    Unmarked,
    /// What follows is not base64 (RFC 4648, section 4, with padding).
    #[error("a signing secret is base64 after whsec_")]
    NotBase64,
    /// It has too few or too many bytes.
    #[error("a signing secret has 24 to 64 bytes")]
    Length,
}

impl SigningSecret {
    /// A new random secret of 32 bytes.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn generate() -> Result<Self, NoRandomness> {
        let bytes = Zeroizing::new(cipher::random::<32>()?);
        let encoded = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
        let text = SecretString::from(format!("{MARK}{}", encoded.as_str()));
        Ok(Self::from_parts(text, bytes.as_slice()))
    }

    /// Reads `whsec_<base64>`.
    ///
    /// # Errors
    /// See [`SecretError`], which holds nothing of the text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(MARK).ok_or(SecretError::Unmarked)?;
        let bytes = STANDARD
            .decode(encoded)
            .map(Zeroizing::new)
            .map_err(|_shows_it| SecretError::NotBase64)?;
        if !LENGTHS.contains(&bytes.len()) {
            return Err(SecretError::Length);
        }
        Ok(Self::from_parts(SecretString::from(text), &bytes))
    }

    fn from_parts(text: SecretString, bytes: &[u8]) -> Self {
        let key = hmac::Key::new(HMAC_SHA256, bytes);
        Self { text, key }
    }

    /// `whsec_<base64>`, to be sealed, or shown once to whoever verifies with it.
    #[must_use]
    pub fn text(&self) -> &SecretString {
        &self.text
    }

    fn tag(&self, id: &str, timestamp: &str, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        context.sign()
    }
}

/// The value of the signature's header: `v1,<base64>` for each secret, separated by
/// spaces. While a secret is being replaced there are two, the newer first, so that either
/// verifies.
///
/// `id` is unique to the message, the same in each attempt, and without a full stop;
/// `timestamp` is the attempt's time in seconds since 1970.
#[must_use]
pub fn sign(id: &str, timestamp: i64, body: &[u8], secrets: &[SigningSecret]) -> String {
    let timestamp = timestamp.to_string();
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| STANDARD.encode(secret.tag(id, &timestamp, body)))
        .map(|signature| format!("{VERSION}{signature}"))
        .collect();
    signatures.join(" ")
}

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// An id that is empty or holds a full stop: where it ends, the signature would not tell.
    #[error("the id of the message is malformed")]
    Id,
    /// The timestamp is not a whole number of seconds.
    #[error("the timestamp of the message is malformed")]
    Timestamp,
    /// It was signed longer ago than is tolerated.
    #[error("the message is too old")]
    TooOld,
    /// It was signed further in the future than is tolerated.
    #[error("the message is from the future")]
    TooNew,
    /// No signature of version `v1` is by any of the secrets.
    #[error("no signature matches")]
    Signature,
}

/// Whether one of the secrets signed this message, and not long from `now`.
///
/// `id`, `timestamp` and `signatures` are the values of the headers, `body` the bytes as
/// they arrived. `tolerance` holds both ways; the specification leaves it to the receiver,
/// five minutes are usual. Signatures of other versions than `v1` are passed over. Takes
/// the same time wherever signatures differ.
///
/// # Errors
/// See [`Unverified`]. The time is only looked at where the form is right, the signature
/// only where the time is.
pub fn verify(
    id: &str,
    timestamp: &str,
    body: &[u8],
    signatures: &str,
    secrets: &[SigningSecret],
    now: DateTime<Utc>,
    tolerance: Duration,
) -> Result<(), Unverified> {
    if id.is_empty() || id.contains('.') {
        return Err(Unverified::Id);
    }
    let seconds: i64 = timestamp
        .parse()
        .map_err(|_not_a_number| Unverified::Timestamp)?;
    let tolerance = i64::try_from(tolerance.as_secs()).unwrap_or(i64::MAX);
    let age = now.timestamp().saturating_sub(seconds);
    if age > tolerance {
        return Err(Unverified::TooOld);
    }
    if age < tolerance.saturating_neg() {
        return Err(Unverified::TooNew);
    }
    let tags: Vec<hmac::Tag> = secrets
        .iter()
        .map(|secret| secret.tag(id, timestamp, body))
        .collect();
    let matches = signatures
        .split_ascii_whitespace()
        .filter_map(|signature| signature.strip_prefix(VERSION))
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .flat_map(|given| tags.iter().map(move |tag| tag.as_ref().ct_eq(&given)))
        .fold(Choice::from(0), |any, this| any | this);
    if bool::from(matches) {
        Ok(())
    } else {
        Err(Unverified::Signature)
    }
}

#[cfg(test)]
#[path = "webhook_signature_tests.rs"]
mod tests;
