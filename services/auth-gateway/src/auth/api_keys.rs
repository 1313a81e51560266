//! Keys of clients, looked for in the database by their hash.

use std::sync::Arc;

use common::crypto::api_key::KeyHash;
use slog::{Logger, debug};
use store::{Store, StoreError, ValidApiKey};

use super::epoch::CredentialEpoch;
use super::verdicts::{Good, NoVerdict, Refused, Verdict, Verdicts};

/// Looks for keys.
pub struct ApiKeys {
    store: Store,
    verdicts: Verdicts<ValidApiKey>,
    log: Logger,
}

impl ApiKeys {
    /// Looks in this database.
    pub fn new(store: &Store, epoch: &Arc<CredentialEpoch>, log: &Logger) -> Self {
        Self {
            store: store.clone(),
            verdicts: Verdicts::new(epoch, "api-key"),
            log: log.clone(),
        }
    }

    /// The key of this hash, if it is known to be good.
    pub fn known(&self, hash: &KeyHash) -> Option<ValidApiKey> {
        self.verdicts.known(hash)
    }

    /// Whether whoever shows this key guesses nothing.
    pub fn is_no_guess(&self, hash: &KeyHash) -> bool {
        self.verdicts.is_no_guess(hash)
    }

    /// The key of this hash, if it is good.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub async fn of(&self, hash: KeyHash) -> Result<Verdict<ValidApiKey>, NoVerdict> {
        let look = || look(self.store.clone(), hash, self.log.clone());
        self.verdicts.of(hash, look).await
    }
}

async fn look(
    store: Store,
    hash: KeyHash,
    log: Logger,
) -> Result<Verdict<ValidApiKey>, StoreError> {
    let Some(key) = store.api_key_valid(&hash).await? else {
        return Ok(Err(Refused::Key));
    };
    if key.use_unnoted {
        let id = key.id;
        // Whoever waits for the verdict does not wait for the note.
        tokio::spawn(async move {
            if let Err(error) = store.api_key_used(id).await {
                debug!(log, "use of an API key not noted"; "key" => %id, "error" => %error);
            }
        });
    }
    Ok(Ok(Good {
        ends_at: key.expires_at,
        value: key,
    }))
}
