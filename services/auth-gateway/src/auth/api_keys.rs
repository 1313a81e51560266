//! Keys of clients, looked for in the database by their hash.

use std::sync::Arc;

use common::crypto::api_key::KeyHash;
use common::types::caller::Principal;
use common::types::server_limits::ServerLimits;
use slog::{Logger, debug};
use store::{Store, StoreError};

use super::epoch::CredentialEpoch;
use super::known::Known;
use super::verdicts::{Good, NoVerdict, Refused, Verdict, Verdicts};

/// A key that is good.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Whom it stands for.
    pub known: Arc<Known>,
    /// Which servers it may write logs for.
    pub servers: Arc<ServerLimits>,
}

/// Looks for keys.
pub struct ApiKeys {
    store: Store,
    verdicts: Verdicts<ApiKey>,
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

    /// Whom the key of this hash stands for, if it is known to be good.
    pub fn known(&self, hash: &KeyHash) -> Option<Arc<Known>> {
        self.verdicts.known(hash, |key| Arc::clone(&key.known))
    }

    /// Whether whoever shows this key guesses nothing.
    pub fn is_no_guess(&self, hash: &KeyHash) -> bool {
        self.verdicts.is_no_guess(hash)
    }

    /// The key of this hash, if it is good.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub async fn of(&self, hash: KeyHash) -> Result<Verdict<ApiKey>, NoVerdict> {
        let look = || look(self.store.clone(), hash, self.log.clone());
        self.verdicts.of(hash, look).await
    }
}

async fn look(store: Store, hash: KeyHash, log: Logger) -> Result<Verdict<ApiKey>, StoreError> {
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
        value: ApiKey {
            known: Arc::new(Known::of(Principal::Client(key.client), key.scopes)),
            servers: key.servers,
        },
    }))
}
