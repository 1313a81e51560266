//! Why a setting cannot be used, and why it was not changed.

use crate::vault::VaultError;
use common::crypto::master::MasterKeyError;
use common::types::setting::{Invalid, Setting};
use std::sync::Arc;
use store::StoreError;

/// Why a setting cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// PostgreSQL could not be asked.
    #[error("the stored settings cannot be read")]
    Store(#[source] StoreError),
    /// `ENCRYPTION_KEY` is no key.
    #[error("ENCRYPTION_KEY cannot be used")]
    MasterKey(#[source] MasterKeyError),
    /// The keys that open settings cannot be had.
    #[error("the stored settings cannot be opened")]
    Vault(#[source] VaultError),
    /// A stored setting does not open.
    #[error("the stored setting {key} cannot be used")]
    Setting {
        /// Its key.
        key: String,
        /// Why not.
        #[source]
        reason: Arc<VaultError>,
    },
    /// A stored key of a panel does not open.
    #[error("a stored key of panel {panel} cannot be used")]
    PanelKey {
        /// The panel's name.
        panel: String,
        /// Why not.
        #[source]
        reason: VaultError,
    },
    /// The panel has no key for its Application API.
    #[error("panel {0} has no application key")]
    NoApplicationKey(String),
    /// Nothing says where the panel `default` is.
    #[error(
        "no panel is configured: neither the setting pterodactyl_url nor PTERODACTYL_URL is set"
    )]
    NoDefaultPanel,
}

impl SettingsError {
    /// See [`VaultError::lacks_the_key`].
    #[must_use]
    pub fn lacks_the_key(&self) -> bool {
        match self {
            Self::Vault(reason) | Self::PanelKey { reason, .. } => reason.lacks_the_key(),
            Self::Setting { reason, .. } => reason.lacks_the_key(),
            _ => false,
        }
    }
}

/// Why settings may not be changed like this; nothing was.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// They have changed since the caller read them.
    #[error("the settings have changed meanwhile")]
    Outdated,
    /// An address would change to another origin, for which this secret was not given.
    #[error("{key} belongs to the present address; with another one it must be given anew", key = .0.key)]
    KeyNeeded(&'static Setting),
    /// The value is none.
    #[error("{key} {1}", key = .0.key)]
    Invalid(&'static Setting, #[source] Invalid),
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// They may not be changed like this.
    #[error("the settings were not changed")]
    Refused(#[source] Refused),
    /// They cannot be read, sealed or stored.
    #[error("the settings cannot be changed")]
    Settings(#[source] SettingsError),
}
