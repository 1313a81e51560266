//! Replacing the keys that seal secrets, while services run.
//!
//! A new data key seals from the moment that it is stored; the ones before it open until
//! nothing needs them. `reseal` goes through everything that is sealed otherwise, `kept`
//! says how a value is kept, [`status`] counts. Whoever reads a value that was sealed by a
//! key younger than the keys it has read reads the keys again.

mod kept;
mod reseal;
mod status;

pub use reseal::{Progress, Tally, Unreadable};
pub use status::{ColumnStatus, KeyStatus, Opened, Status, status};

use crate::vault::{Vault, VaultError};
use common::crypto::keyring::{DataKey, KeyId};
use common::crypto::master::MasterKey;
use common::types::caller::Actor;
use reseal::Scope;
use std::sync::Arc;
use std::time::Duration;
use store::{Dropped, Rewrapped, Store, StoreError};

/// How long a data key is kept that seals no more: longer than any process holds keys that
/// it has read, requests to Hytale and waiting for PostgreSQL included.
pub const AT_REST: Duration = Duration::from_secs(15 * 60);

/// Why keys were not replaced. Never holds one.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// PostgreSQL could not be asked.
    #[error("the keys or what they seal cannot be read or stored")]
    Store(#[from] StoreError),
    /// The data keys cannot be opened, or nothing can be sealed.
    #[error("the data keys cannot be used")]
    Vault(#[from] VaultError),
    /// A data key is still wrapped by the `ENCRYPTION_KEY` before this one.
    #[error(
        "data key {0} is still wrapped by ENCRYPTION_KEY_OLD; `nodebyte keys rewrap` goes first"
    )]
    WrappedByOld(String),
    /// Somebody else changed the keys at the same moment.
    #[error("somebody else has changed the data keys at the same moment; try again")]
    Overtaken,
}

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The data key that seals now.
    pub key: String,
    /// Whether this rotation made it; else it went on with an earlier one.
    pub is_new: bool,
    /// What was sealed anew, and what was not.
    pub tally: Tally,
}

/// What a change of `ENCRYPTION_KEY` came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrap {
    /// The data keys that were wrapped anew.
    pub keys: Vec<String>,
    /// Values that the master key itself had sealed.
    pub tally: Tally,
}

/// How far a rotation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To the end of one that is under way, or else to a new key.
    GoOnOrBegin,
    /// To a new key in any case.
    Begin,
    /// To the end of one that is under way, if there is one.
    GoOn,
}

/// Replaces keys.
pub struct Rotation<'a> {
    /// Where they lie.
    pub store: &'a Store,
    /// What wraps them.
    pub master: Arc<MasterKey>,
    /// Who does it, for the trail of administration.
    pub actor: &'a Actor,
}

impl Rotation<'_> {
    /// Seals everything anew with the data key that seals, which is a new one unless values
    /// are left that an earlier rotation did not come to. Running again goes on.
    ///
    /// # Errors
    /// See [`RotationError`]; what was sealed anew by then is.
    pub async fn rotate(
        &self,
        wish: Wish,
        told: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Rotated, RotationError> {
        let vault = self.vault().await?;
        self.refuse_wrapped_by_old().await?;
        let is_new = match wish {
            Wish::Begin => true,
            Wish::GoOn => false,
            Wish::GoOnOrBegin => !reseal::is_under_way(self.store, &vault).await?,
        };
        if is_new {
            self.add_key(vault.active()).await?;
        }
        let (key, tally) = self.reseal(Scope::All, told).await?;
        Ok(Rotated { key, is_new, tally })
    }

    /// Wraps the data keys that only the `ENCRYPTION_KEY` before this one opens with this
    /// one, all or none, and seals as envelopes what it had sealed itself.
    ///
    /// # Errors
    /// See [`RotationError`]; a data key that opens with neither is one.
    pub async fn rewrap(
        &self,
        told: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Rewrap, RotationError> {
        let mut keys = Vec::new();
        for row in self.store.data_keys().await? {
            let id = KeyId::parse(&row.kid).map_err(VaultError::KeyId)?;
            if self.master.has_wrapped(&id, &row.wrapped) {
                continue;
            }
            let key = self.master.unwrap(&id, &row.wrapped);
            let key = key.map_err(VaultError::Unwrap)?;
            keys.push(Rewrapped {
                after: self.master.wrap(&key).map_err(VaultError::Randomness)?,
                before: row.wrapped,
                kid: row.kid,
            });
        }
        if !keys.is_empty() && !self.store.data_keys_rewrap(&keys, self.actor).await? {
            return Err(RotationError::Overtaken);
        }
        let (_, tally) = self.reseal(Scope::OfTheMaster, told).await?;
        let keys = keys.into_iter().map(|key| key.kid).collect();
        Ok(Rewrap { keys, tally })
    }

    /// Drops the data keys that nothing needs any more; see [`AT_REST`].
    ///
    /// # Errors
    /// PostgreSQL cannot be asked.
    pub async fn drop_old(&self) -> Result<Dropped, StoreError> {
        self.store.data_keys_drop(AT_REST, self.actor).await
    }

    async fn vault(&self) -> Result<Vault, VaultError> {
        Vault::open(self.store, Some(Arc::clone(&self.master))).await
    }

    /// A process that has the old key alone could not open a data key that is wrapped by the
    /// new one; [`Rotation::rewrap`] is what says that there is none.
    async fn refuse_wrapped_by_old(&self) -> Result<(), RotationError> {
        for row in self.store.data_keys().await? {
            let id = KeyId::parse(&row.kid).map_err(VaultError::KeyId)?;
            if !self.master.has_wrapped(&id, &row.wrapped) {
                return Err(RotationError::WrappedByOld(row.kid));
            }
        }
        Ok(())
    }

    async fn add_key(&self, replaces: Option<&KeyId>) -> Result<(), RotationError> {
        let key = DataKey::generate().map_err(VaultError::Randomness)?;
        let wrapped = self.master.wrap(&key).map_err(VaultError::Randomness)?;
        let kid = key.id().as_str();
        let replaces = replaces.map(KeyId::as_str);
        let added = self
            .store
            .data_key_replace(kid, &wrapped, replaces, self.actor);
        match added.await? {
            true => Ok(()),
            false => Err(RotationError::Overtaken),
        }
    }
}
