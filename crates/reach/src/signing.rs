//! The key that signs access tokens, sealed in the database, and its rotation.
//!
//! One key signs; those before it verify until the last token that they signed has
//! ended. The first token makes the first key, and a token that would be signed by a key
//! older than [`LIFE`] makes a new one.

use crate::vault::{Vault, VaultError};
use chrono::Utc;
use common::crypto::bearer::{PublicKey, SigningKey, SigningKeyError};
use common::crypto::keyring::{KeyId, KeyIdError};
use common::crypto::master::MasterKey;
use common::crypto::place::Place;
use common::types::caller::Actor;
use std::sync::Arc;
use std::time::Duration;
use store::{NewSigningKey, SigningKeyRow, Store, StoreError};

/// How long a key signs.
pub const LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// The longest that a token is valid, tolerance included: how long a key that signs no
/// more still verifies.
pub const OVERLAP: Duration = Duration::from_secs(31 * 24 * 3600);

/// Why nothing can be signed. Never holds a key.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// PostgreSQL could not be asked.
    #[error("the signing keys cannot be read or stored")]
    Store(#[from] StoreError),
    /// The stored key does not open, or cannot be sealed.
    #[error("the signing key cannot be opened or sealed")]
    Vault(#[from] VaultError),
    /// A row has an id that no key has.
    #[error("a signing key has an impossible id")]
    KeyId(#[source] KeyIdError),
    /// The key cannot be used, or none can be made.
    #[error("nothing can be signed")]
    Key(#[source] SigningKeyError),
}

/// What verifies the tokens of a stored key.
///
/// # Errors
/// The row is none of ours.
pub fn public_key(row: &SigningKeyRow) -> Result<PublicKey, SigningError> {
    let point = row.public.as_slice().try_into();
    Ok(PublicKey {
        id: KeyId::parse(&row.id).map_err(SigningError::KeyId)?,
        point: point.ok().ok_or(SigningError::Key(SigningKeyError))?,
    })
}

/// The key that signs now; makes one where there is none, or where it has signed for
/// [`LIFE`].
///
/// # Errors
/// See [`SigningError`]; without a master key there is no signing.
pub async fn current(
    store: &Store,
    master: Option<Arc<MasterKey>>,
    actor: &Actor,
) -> Result<SigningKey, SigningError> {
    let signing = signing(store).await?;
    let is_old = signing.as_ref().is_none_or(|row| {
        let age = Utc::now().signed_duration_since(row.created_at);
        age.to_std().is_ok_and(|age| age >= LIFE)
    });
    if is_old {
        return replace(store, master, signing, actor).await;
    }
    open(store, master, signing).await
}

/// Makes a new key that signs from now on.
///
/// # Errors
/// See [`SigningError`].
pub async fn rotate(
    store: &Store,
    master: Option<Arc<MasterKey>>,
    actor: &Actor,
) -> Result<SigningKey, SigningError> {
    let signing = signing(store).await?;
    replace(store, master, signing, actor).await
}

/// The row of the key that signs.
async fn signing(store: &Store) -> Result<Option<SigningKeyRow>, SigningError> {
    let mut rows = store.signing_keys().await?.into_iter();
    Ok(rows.next().filter(|row| row.retired_at.is_none()))
}

async fn open(
    store: &Store,
    master: Option<Arc<MasterKey>>,
    signing: Option<SigningKeyRow>,
) -> Result<SigningKey, SigningError> {
    let row = signing.ok_or(SigningError::Store(StoreError::NotFound("signing key")))?;
    let vault = Vault::open(store, master).await?;
    let secret = vault.unseal(Place::SigningKey.of(&row.id), &row.secret)?;
    let id = KeyId::parse(&row.id).map_err(SigningError::KeyId)?;
    SigningKey::from_secret(id, &secret).map_err(SigningError::Key)
}

async fn replace(
    store: &Store,
    master: Option<Arc<MasterKey>>,
    before: Option<SigningKeyRow>,
    actor: &Actor,
) -> Result<SigningKey, SigningError> {
    let key =
        SigningKey::generate().map_err(|none| SigningError::Vault(VaultError::Randomness(none)))?;
    let vault = Vault::open_to_seal(store, master.clone()).await?;
    let id = key.id().to_string();
    let new = NewSigningKey {
        secret: vault.seal(Place::SigningKey.of(&id), &key.secret())?,
        public: key.public().point,
        id,
        replaces: before.map(|row| row.id),
        overlap: OVERLAP,
    };
    if store.signing_key_create(&new, actor).await? {
        return Ok(key);
    }
    // Another process has made one meanwhile, which is as new.
    let signing = signing(store).await?;
    open(store, master, signing).await
}
