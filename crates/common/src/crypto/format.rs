//! What a row says about how its secret is stored. Never guessed: base64 text and
//! a plain token cannot be told apart.

use std::fmt;

use secrecy::SecretString;

use super::envelope::{Aad, OpenError};
use super::keyring::KeyRing;
use super::legacy::{self, LegacyError};
use super::master::MasterKey;

/// The row's `format` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretFormat {
    /// An [envelope](super::envelope); all that is written today.
    Envelope,
    /// The earlier backend's [format](super::legacy), set by the import.
    LegacyGcm,
    /// Unprotected, as the earlier backend stored without a usable key; set by
    /// the import.
    Plain,
}

/// The column holds a word that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format of a stored secret: {0}")]
pub struct UnknownFormat(pub String);

/// Why a stored secret was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredSecretError {
    /// The envelope.
    #[error("cannot open an envelope")]
    Envelope(#[source] OpenError),
    /// The earlier format.
    #[error("cannot open a secret of the earlier format")]
    Legacy(#[source] LegacyError),
}

impl SecretFormat {
    /// The word stored in the column.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::LegacyGcm => "legacy_gcm",
            Self::Plain => "plain",
        }
    }

    /// Reads the column.
    ///
    /// # Errors
    /// The word is unknown.
    pub fn parse(text: &str) -> Result<Self, UnknownFormat> {
        [Self::Envelope, Self::LegacyGcm, Self::Plain]
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }

    /// Opens a stored secret by the way that its row names.
    ///
    /// # Errors
    /// It does not open that way.
    pub fn open(
        self,
        ring: &KeyRing,
        master: &MasterKey,
        aad: Aad<'_>,
        stored: &str,
    ) -> Result<SecretString, StoredSecretError> {
        match self {
            Self::Envelope => ring.open(aad, stored).map_err(StoredSecretError::Envelope),
            Self::LegacyGcm => legacy::open(master, stored).map_err(StoredSecretError::Legacy),
            Self::Plain => Ok(SecretString::from(stored)),
        }
    }
}

impl fmt::Display for SecretFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
