//! The earlier backend's format: base64 (padded) of `nonce[12] ‖ ciphertext ‖
//! tag[16]`, AES-256-GCM without associated data, the master key used directly.
//! Read only; what is read is sealed anew as an envelope.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::cipher::KeyBytes;
use super::master::MasterKey;

/// Why a stored text was not opened. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// Not base64, or too short to hold a nonce.
    #[error("the stored secret is not in the earlier format that its row names")]
    Malformed,
    /// Another key or an altered text.
    #[error(
        "the stored secret of the earlier format does not open: altered, or sealed by another key"
    )]
    Refused,
}

/// Opens a secret of the earlier format. An empty text stands for itself, as it
/// did there.
///
/// # Errors
/// The text is not of that format or does not open; it is never taken for the
/// secret itself.
pub fn open(key: &MasterKey, stored: &str) -> Result<SecretString, LegacyError> {
    if stored.is_empty() {
        return Ok(SecretString::from(String::new()));
    }
    let sealed = STANDARD.decode(stored).ok().ok_or(LegacyError::Malformed)?;
    let (nonce, text) = sealed
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(LegacyError::Malformed)?;
    key.all()
        .find_map(|key| decrypt(key, *nonce, text))
        .ok_or(LegacyError::Refused)
}

fn decrypt(key: &KeyBytes, nonce: [u8; NONCE_LEN], text: &[u8]) -> Option<SecretString> {
    // Opened in place: what a wrong key leaves behind is no ciphertext any more.
    let mut text = Zeroizing::new(text.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice()).ok()?);
    let plain = key.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
    std::str::from_utf8(plain).map(SecretString::from).ok()
}
