//! Data keys: many open, one seals.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::cipher::{self, KeyBytes, NoRandomness};
use super::envelope::{self, Aad, OpenError};

/// Names a data key in the envelopes that it sealed: 1 to 32 lower-case letters
/// and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// The text cannot name a data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id is 1 to 32 lower-case letters and digits")]
pub struct KeyIdError;

impl KeyId {
    /// Reads an id.
    ///
    /// # Errors
    /// It has other characters, or is empty or too long.
    pub fn parse(text: &str) -> Result<Self, KeyIdError> {
        let fits = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyIdError)
        }
    }

    /// A new id, of 16 characters.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn random() -> Result<Self, NoRandomness> {
        let bytes = cipher::random::<8>()?;
        Ok(Self(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// The id as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that seals secrets. Cannot be printed; stored only as
/// [`MasterKey::wrap`](super::master::MasterKey::wrap) gives it.
#[derive(Clone)]
pub struct DataKey {
    id: KeyId,
    bytes: KeyBytes,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({}, …)", self.id)
    }
}

impl DataKey {
    /// A new random key under a new random id.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self {
            id: KeyId::random()?,
            bytes: Zeroizing::new(cipher::random()?),
        })
    }

    pub(super) fn from_parts(id: KeyId, bytes: KeyBytes) -> Self {
        Self { id, bytes }
    }

    pub(super) fn bytes(&self) -> &KeyBytes {
        &self.bytes
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }
}

/// All data keys of an installation. The active one seals, every one opens.
#[derive(Debug, Clone)]
pub struct KeyRing {
    active: DataKey,
    retired: BTreeMap<KeyId, DataKey>,
}

impl KeyRing {
    /// A ring that seals with `active` and also opens what `retired` sealed.
    #[must_use]
    pub fn new(active: DataKey, retired: impl IntoIterator<Item = DataKey>) -> Self {
        let retired = retired
            .into_iter()
            .map(|key| (key.id.clone(), key))
            .collect();
        Self { active, retired }
    }

    /// The key that seals.
    #[must_use]
    pub fn active(&self) -> &KeyId {
        &self.active.id
    }

    /// Whether it has the key of that id.
    #[must_use]
    pub fn has(&self, id: &KeyId) -> bool {
        *id == self.active.id || self.retired.contains_key(id)
    }

    /// Seals a secret for one place in the database.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn seal(&self, aad: Aad<'_>, secret: &SecretString) -> Result<String, NoRandomness> {
        envelope::seal(&self.active, aad, secret)
    }

    /// Opens what stands at one place in the database.
    ///
    /// # Errors
    /// It is no envelope, its key is not on the ring, or it does not open: the key
    /// is another, the text was altered, or it was sealed for another place.
    pub fn open(&self, aad: Aad<'_>, stored: &str) -> Result<SecretString, OpenError> {
        let id = envelope::key_id(stored)?;
        let key = if id == self.active.id {
            Some(&self.active)
        } else {
            self.retired.get(&id)
        };
        envelope::open(key.ok_or(OpenError::UnknownKey(id))?, aad, stored)
    }

    /// Whether an envelope should be sealed anew because its key is retired.
    ///
    /// # Errors
    /// It is no envelope.
    pub fn is_outdated(&self, stored: &str) -> Result<bool, OpenError> {
        Ok(envelope::key_id(stored)? != self.active.id)
    }
}
