//! The master key (`ENCRYPTION_KEY`): it wraps data keys and nothing else, save
//! that it is the key that the earlier format was sealed with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::cipher::{self, KeyBytes, NoRandomness};
use super::keyring::{DataKey, KeyId};

const WRAPPED_PREFIX: &str = "nbk1:";

/// 32 bytes that an operator keeps, and while they are changed those before them, which
/// still open and wrap nothing any more. Cannot be printed.
pub struct MasterKey {
    bytes: KeyBytes,
    previous: Option<KeyBytes>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Why a text is no master key. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Neither of the two forms.
    #[error("is neither 64 hex digits nor base64")]
    NeitherForm,
    /// Hex, but too short or too long.
    #[error("has {digits} hex digits, where 64 are needed")]
    WrongHexLength {
        /// How many there are.
        digits: usize,
    },
    /// Base64, but of too few or too many bytes.
    #[error("is base64 of {bytes} bytes, where 32 are needed")]
    WrongBase64Length {
        /// How many there are.
        bytes: usize,
    },
}

/// Why a wrapped data key was not unwrapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// Not written by [`MasterKey::wrap`].
    #[error("data key {0} is not stored in a known form")]
    Malformed(KeyId),
    /// Another master key wrapped it, its id was exchanged, or it was altered.
    #[error("data key {0} does not open with this master key (ENCRYPTION_KEY)")]
    Refused(KeyId),
}

impl MasterKey {
    /// Reads a key: 64 hex digits, or base64 (standard alphabet, padded). A text
    /// of hex digits only is always read as hex: 64 of them are valid base64 too,
    /// of 48 bytes that nobody meant.
    ///
    /// # Errors
    /// Which form it has, and how many bytes, where that is not 32.
    pub fn parse(text: &SecretString) -> Result<Self, MasterKeyError> {
        let text = text.expose_secret().trim();
        if text.is_empty() {
            return Err(MasterKeyError::NeitherForm);
        }
        if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return decode_hex(text).ok_or(MasterKeyError::WrongHexLength { digits: text.len() });
        }
        let bytes = STANDARD
            .decode(text)
            .ok()
            .ok_or(MasterKeyError::NeitherForm)?;
        let bytes = Zeroizing::new(bytes);
        <[u8; 32]>::try_from(bytes.as_slice())
            .map(Self::of_bytes)
            .ok()
            .ok_or(MasterKeyError::WrongBase64Length { bytes: bytes.len() })
    }

    fn of_bytes(bytes: [u8; 32]) -> Self {
        Self {
            bytes: Zeroizing::new(bytes),
            previous: None,
        }
    }

    /// The same key, which also opens what only the one before it does.
    #[must_use]
    pub fn with_previous(self, previous: Self) -> Self {
        Self {
            previous: Some(previous.bytes),
            ..self
        }
    }

    /// A new random key as 64 hex digits, for an operator to keep.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn generate() -> Result<SecretString, NoRandomness> {
        let bytes = Zeroizing::new(cipher::random::<32>()?);
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(SecretString::from(digits))
    }

    /// The form in which a data key is stored, bound to its id.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn wrap(&self, key: &DataKey) -> Result<String, NoRandomness> {
        let sealed = cipher::seal(&self.bytes, &wrap_aad(key.id()), key.bytes().as_slice())?;
        Ok(format!(
            "{WRAPPED_PREFIX}{}",
            URL_SAFE_NO_PAD.encode(sealed)
        ))
    }

    /// The data key `id` from its stored form, by this key or the one before it.
    ///
    /// # Errors
    /// The form is unknown, or the key opens with neither.
    pub fn unwrap(&self, id: &KeyId, wrapped: &str) -> Result<DataKey, UnwrapError> {
        let sealed = wrapped
            .strip_prefix(WRAPPED_PREFIX)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .ok_or_else(|| UnwrapError::Malformed(id.clone()))?;
        self.all()
            .find_map(|key| cipher::open(key, &wrap_aad(id), &sealed).ok())
            .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok())
            .map(|bytes| DataKey::from_parts(id.clone(), Zeroizing::new(bytes)))
            .ok_or_else(|| UnwrapError::Refused(id.clone()))
    }

    /// Whether the stored form of the data key `id` opens without the key before this one.
    #[must_use]
    pub fn has_wrapped(&self, id: &KeyId, wrapped: &str) -> bool {
        let alone = Self {
            bytes: self.bytes.clone(),
            previous: None,
        };
        alone.unwrap(id, wrapped).is_ok()
    }

    /// This key and the one before it; for the earlier format, which used them directly.
    pub(super) fn all(&self) -> impl Iterator<Item = &KeyBytes> {
        [&self.bytes].into_iter().chain(&self.previous)
    }
}

fn wrap_aad(id: &KeyId) -> Vec<u8> {
    [b"nodebyte data key\0", id.as_str().as_bytes()].concat()
}

/// `None` where there are not 64 digits.
fn decode_hex(text: &str) -> Option<MasterKey> {
    let mut key = Zeroizing::new([0; 32]);
    if text.len() != 2 * key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        for &digit in pair {
            *byte = *byte << 4 | u8::try_from(char::from(digit).to_digit(16)?).ok()?;
        }
    }
    Some(MasterKey {
        bytes: key,
        previous: None,
    })
}
