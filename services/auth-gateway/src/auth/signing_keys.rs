//! The public halves of the keys that sign our own tokens.

use std::sync::Arc;
use std::time::Duration;

use common::crypto::bearer::PublicKey;
use common::crypto::keyring::KeyId;
use reach::signing;
use runtime::error_chain::ErrorChain;
use slog::{Logger, error};
use store::{Store, StoreError};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::epoch::CredentialEpoch;

/// An unknown id is looked for no more often.
const PAUSE: Duration = Duration::from_secs(1);

/// What was read is believed no longer, whatever the epoch says.
const LONGEST: Duration = Duration::from_secs(60);

/// Reads the keys when they are first needed, when one is needed that is not there, and
/// when one may have been dropped.
pub struct SigningKeys {
    store: Store,
    epoch: Arc<CredentialEpoch>,
    read: Mutex<Option<Read>>,
    log: Logger,
}

struct Read {
    keys: Vec<PublicKey>,
    at: Instant,
    epoch: Option<i64>,
}

impl SigningKeys {
    /// Reads from this database.
    pub fn new(store: &Store, epoch: &Arc<CredentialEpoch>, log: &Logger) -> Self {
        Self {
            store: store.clone(),
            epoch: Arc::clone(epoch),
            read: Mutex::default(),
            log: log.clone(),
        }
    }

    /// The key of this id, if its tokens count.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn of(&self, id: &KeyId) -> Result<Option<PublicKey>, StoreError> {
        let mut read = self.read.lock().await;
        let epoch = self.epoch.now();
        let find = |keys: &[PublicKey]| keys.iter().find(|key| key.id == *id).cloned();
        if let Some(read) = &*read {
            let known = find(&read.keys);
            let is_current = epoch.is_some() && read.epoch == epoch && read.at.elapsed() < LONGEST;
            let is_recent = read.at.elapsed() < PAUSE;
            if (known.is_some() && is_current) || (known.is_none() && is_recent) {
                return Ok(known);
            }
        }
        // Held while asking: one look is enough for everybody.
        let read_now = self.read_now().await?;
        let found = find(&read_now.keys);
        *read = Some(read_now);
        Ok(found)
    }

    /// All keys whose tokens count, as the database said within the last second.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn all(&self) -> Result<Vec<PublicKey>, StoreError> {
        let mut read = self.read.lock().await;
        if let Some(read) = &*read
            && read.at.elapsed() < PAUSE
        {
            return Ok(read.keys.clone());
        }
        let read_now = self.read_now().await?;
        Ok(read.insert(read_now).keys.clone())
    }

    async fn read_now(&self) -> Result<Read, StoreError> {
        let (at, epoch) = (Instant::now(), self.epoch.now());
        let rows = self.store.signing_keys().await?;
        let keys = rows.iter().filter_map(|row| {
            signing::public_key(row)
                .inspect_err(|broken| {
                    error!(self.log, "a signing key cannot be used";
                        "key" => &row.id, "error" => ErrorChain(broken));
                })
                .ok()
        });
        let keys = keys.collect();
        Ok(Read { keys, at, epoch })
    }
}
