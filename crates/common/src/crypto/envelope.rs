//! The text form of a sealed secret: `nb1:<key id>:<base64url(nonce ‖ ciphertext
//! ‖ tag)>`. Version, key id and the place it was sealed for (table, column, row)
//! are authenticated, so an envelope copied to another row does not open.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::cipher::{self, NoRandomness};
use super::keyring::{DataKey, KeyId};

const VERSION: &str = "nb1";

/// The place that a secret is sealed for: made by [`Place::of`](super::place::Place::of)
/// and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aad<'a> {
    /// The table.
    pub(super) table: &'a str,
    /// The column.
    pub(super) column: &'a str,
    /// The row: its primary key as text.
    pub(super) row: &'a str,
}

impl Aad<'_> {
    /// Every part with its length before it, so that no two places share a form.
    fn bytes(self, key: &KeyId) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [VERSION, key.as_str(), self.table, self.column, self.row] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// Why a stored text was not opened. Never holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not an envelope of a known version.
    #[error("the stored secret is not an envelope of a known version")]
    Malformed,
    /// The ring lacks its key.
    #[error("the stored secret was sealed by key {0}, which is not on the key ring")]
    UnknownKey(KeyId),
    /// Another key, an altered text, or another place.
    #[error("the stored secret does not open: altered, moved, or sealed by another key")]
    Refused,
}

pub(super) fn seal(
    key: &DataKey,
    aad: Aad<'_>,
    secret: &SecretString,
) -> Result<String, NoRandomness> {
    let sealed = cipher::seal(
        key.bytes(),
        &aad.bytes(key.id()),
        secret.expose_secret().as_bytes(),
    )?;
    Ok(format!(
        "{VERSION}:{}:{}",
        key.id(),
        URL_SAFE_NO_PAD.encode(sealed)
    ))
}

/// The key that an envelope names.
///
/// # Errors
/// It is no envelope.
pub fn key_id(stored: &str) -> Result<KeyId, OpenError> {
    let (id, _) = parts(stored)?;
    KeyId::parse(id).ok().ok_or(OpenError::Malformed)
}

pub(super) fn open(key: &DataKey, aad: Aad<'_>, stored: &str) -> Result<SecretString, OpenError> {
    let (_, sealed) = parts(stored)?;
    let sealed = URL_SAFE_NO_PAD
        .decode(sealed)
        .ok()
        .ok_or(OpenError::Malformed)?;
    let plain = cipher::open(key.bytes(), &aad.bytes(key.id()), &sealed)
        .ok()
        .ok_or(OpenError::Refused)?;
    std::str::from_utf8(&plain)
        .map(SecretString::from)
        .ok()
        .ok_or(OpenError::Refused)
}

fn parts(stored: &str) -> Result<(&str, &str), OpenError> {
    stored
        .strip_prefix(VERSION)
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|rest| rest.split_once(':'))
        .ok_or(OpenError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::{Aad, KeyId};

    #[test]
    fn the_same_letters_divided_otherwise_are_another_place() {
        let key = KeyId::parse("k").unwrap();
        let bytes = |table, column, row| Aad { table, column, row }.bytes(&key);
        let place = bytes("panels", "api_key", "7");
        assert_ne!(place, bytes("panelsa", "pi_key", "7"));
        assert_ne!(place, bytes("panels", "api_key7", ""));
    }
}
