//! Opens and seals what lies sealed in the database, with the data keys that lie
//! there too, wrapped by the master key (`ENCRYPTION_KEY`).
//!
//! A stored secret is bound to its place (table, column, row), so it opens nowhere
//! else. The first secret that is sealed makes the first data key.

use common::crypto::NoRandomness;
use common::crypto::envelope::{Aad, OpenError};
use common::crypto::format::{SecretFormat, StoredSecretError, UnknownFormat};
use common::crypto::keyring::{DataKey, KeyId, KeyIdError, KeyRing};
use common::crypto::legacy;
use common::crypto::master::{MasterKey, UnwrapError};
use common::crypto::place::Place;
use common::types::id::PanelId;
use secrecy::SecretString;
use std::sync::Arc;
use store::{DataKeyRow, Store, StoreError};

/// A key of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelKey {
    /// For the Application API.
    Application,
    /// For the Client API.
    Client,
}

impl PanelKey {
    /// Where such keys lie.
    fn place(self) -> Place {
        match self {
            Self::Application => Place::PanelApplicationKey,
            Self::Client => Place::PanelClientKey,
        }
    }
}

/// Why a secret was neither opened nor sealed. Never holds it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// PostgreSQL could not be asked.
    #[error("the data keys cannot be read or stored")]
    Store(#[source] StoreError),
    /// There is no master key.
    #[error("there is no ENCRYPTION_KEY, without which no secret is stored or opened")]
    NoMasterKey,
    /// Nothing has been sealed here yet, so there is nothing to open with.
    #[error("there is no active data key")]
    NoDataKey,
    /// A data key's row has an id that no data key has.
    #[error("a data key has an impossible id")]
    KeyId(#[source] KeyIdError),
    /// A data key does not open.
    #[error("a data key cannot be opened")]
    Unwrap(#[source] UnwrapError),
    /// The row names a format that this version does not know.
    #[error("the format of a stored secret is unknown")]
    Format(#[source] UnknownFormat),
    /// The secret does not open.
    #[error("a stored secret cannot be opened")]
    Open(#[source] StoredSecretError),
    /// The operating system gave no randomness.
    #[error("nothing can be sealed")]
    Randomness(#[source] NoRandomness),
}

impl VaultError {
    /// Whether another process, with the installation's `ENCRYPTION_KEY`, would not meet
    /// this: there is none here, or another.
    #[must_use]
    pub fn lacks_the_key(&self) -> bool {
        matches!(self, Self::NoMasterKey | Self::Unwrap(_))
    }

    /// The data key that a secret was sealed by, where the vault has none of that id: it may
    /// be younger than what the vault has read.
    #[must_use]
    pub fn unknown_key(&self) -> Option<&KeyId> {
        match self {
            Self::Open(StoredSecretError::Envelope(OpenError::UnknownKey(key))) => Some(key),
            _ => None,
        }
    }
}

/// The keys of an installation, as they were when the vault was opened.
pub struct Vault {
    master: Option<Arc<MasterKey>>,
    ring: Option<KeyRing>,
}

impl Vault {
    /// Reads the data keys. Without a master key, or before the first secret was
    /// sealed, the vault opens only what needs no data key.
    ///
    /// # Errors
    /// PostgreSQL cannot be asked, or a data key does not open with `master`.
    pub async fn open(store: &Store, master: Option<Arc<MasterKey>>) -> Result<Self, VaultError> {
        let ring = match &master {
            Some(master) => ring(master, store.data_keys().await.map_err(VaultError::Store)?)?,
            None => None,
        };
        Ok(Self { master, ring })
    }

    /// The same, able to seal: makes the first data key where there is none.
    ///
    /// # Errors
    /// As [`Vault::open`]; [`VaultError::NoMasterKey`].
    pub async fn open_to_seal(
        store: &Store,
        master: Option<Arc<MasterKey>>,
    ) -> Result<Self, VaultError> {
        let master = master.ok_or(VaultError::NoMasterKey)?;
        let vault = Self::open(store, Some(Arc::clone(&master))).await?;
        if vault.ring.is_some() {
            return Ok(vault);
        }
        let key = DataKey::generate().map_err(VaultError::Randomness)?;
        let wrapped = master.wrap(&key).map_err(VaultError::Randomness)?;
        let added = store.data_key_add_first(key.id().as_str(), &wrapped).await;
        added.map_err(VaultError::Store)?;
        // Read anew: another process may have made its first key meanwhile.
        Self::open(store, Some(master)).await
    }

    /// Opens a stored setting in the way that its row names.
    ///
    /// # Errors
    /// It does not open that way.
    pub fn setting(
        &self,
        key: &str,
        value: &str,
        format: &str,
    ) -> Result<SecretString, VaultError> {
        self.open_as(Place::Setting.of(key), value, format)
    }

    /// Opens what is stored at one place in the way that its row names.
    ///
    /// # Errors
    /// It does not open that way.
    pub(crate) fn open_as(
        &self,
        place: Aad<'_>,
        value: &str,
        format: &str,
    ) -> Result<SecretString, VaultError> {
        match SecretFormat::parse(format).map_err(VaultError::Format)? {
            SecretFormat::Plain => Ok(SecretString::from(value)),
            SecretFormat::Envelope => self.unseal(place, value),
            SecretFormat::LegacyGcm => {
                let master = self.master.as_ref().ok_or(VaultError::NoMasterKey)?;
                legacy::open(master, value)
                    .map_err(|error| VaultError::Open(StoredSecretError::Legacy(error)))
            }
        }
    }

    /// Seals a setting, to be stored with the format `envelope`.
    ///
    /// # Errors
    /// There is no key to seal with.
    pub fn seal_setting(&self, key: &str, value: &SecretString) -> Result<String, VaultError> {
        self.seal(Place::Setting.of(key), value)
    }

    /// Opens a panel's stored key.
    ///
    /// # Errors
    /// It does not open.
    pub fn panel_key(
        &self,
        key: PanelKey,
        panel: PanelId,
        stored: &str,
    ) -> Result<SecretString, VaultError> {
        self.unseal(key.place().of(&panel.to_string()), stored)
    }

    /// Seals a panel's key, to be stored in that panel's row and no other.
    ///
    /// # Errors
    /// There is no key to seal with.
    pub fn seal_panel_key(
        &self,
        key: PanelKey,
        panel: PanelId,
        value: &SecretString,
    ) -> Result<String, VaultError> {
        self.seal(key.place().of(&panel.to_string()), value)
    }

    /// Opens what lies sealed at one place in the database.
    ///
    /// # Errors
    /// It does not open.
    pub fn unseal(&self, place: Aad<'_>, stored: &str) -> Result<SecretString, VaultError> {
        let refused = |error: OpenError| VaultError::Open(StoredSecretError::Envelope(error));
        self.keys()?.open(place, stored).map_err(refused)
    }

    /// Seals a secret, to be stored at that place and no other.
    ///
    /// # Errors
    /// There is no key to seal with.
    pub fn seal(&self, place: Aad<'_>, value: &SecretString) -> Result<String, VaultError> {
        self.keys()?
            .seal(place, value)
            .map_err(VaultError::Randomness)
    }

    /// Whether it has the data key of that id.
    #[must_use]
    pub fn has(&self, key: &KeyId) -> bool {
        self.ring.as_ref().is_some_and(|ring| ring.has(key))
    }

    /// The data key that seals.
    pub(crate) fn active(&self) -> Option<&KeyId> {
        self.ring.as_ref().map(KeyRing::active)
    }

    /// What opens whatever these keys do, be they all or not.
    pub(crate) fn of_some(master: Arc<MasterKey>, mut keys: Vec<DataKey>) -> Self {
        let ring = keys.pop().map(|key| KeyRing::new(key, keys));
        Self {
            master: Some(master),
            ring,
        }
    }

    fn keys(&self) -> Result<&KeyRing, VaultError> {
        let missing = match self.master {
            Some(_) => VaultError::NoDataKey,
            None => VaultError::NoMasterKey,
        };
        self.ring.as_ref().ok_or(missing)
    }
}

fn ring(master: &MasterKey, rows: Vec<DataKeyRow>) -> Result<Option<KeyRing>, VaultError> {
    let mut active = None;
    let mut retired = Vec::new();
    for row in rows {
        let id = KeyId::parse(&row.kid).map_err(VaultError::KeyId)?;
        let key = master
            .unwrap(&id, &row.wrapped)
            .map_err(VaultError::Unwrap)?;
        if row.active {
            active = Some(key);
        } else {
            retired.push(key);
        }
    }
    Ok(active.map(|active| KeyRing::new(active, retired)))
}
