//! Keys of clients, looked for in the database by their hash.
//!
//! What was found is believed for half a second, whether the key is good or not: so a
//! revoked key is refused soon after, on every replica and without any message between
//! them, and a key that many requests carry costs two statements a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::crypto::api_key::KeyHash;
use slog::{Logger, debug};
use store::{Store, StoreError, ValidApiKey};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a verdict is believed, counted from when it was asked for.
const LIFETIME: Duration = Duration::from_millis(500);

/// Verdicts that are kept at most.
const MOST: usize = 10_000;

/// What became of a look; shared by all who waited for it.
type Verdict = Result<Option<ValidApiKey>, Arc<StoreError>>;

/// Why nothing is known of a key now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoVerdict {
    /// The database.
    #[error("the key could not be looked for")]
    Store(#[source] Arc<StoreError>),
    /// This process is ending.
    #[error("the look for the key was given up")]
    GivenUp,
}

/// Looks for keys.
pub struct KeyVerdicts {
    store: Store,
    entries: Mutex<HashMap<KeyHash, Entry>>,
    log: Logger,
}

struct Entry {
    begun: Instant,
    verdict: watch::Receiver<Option<Verdict>>,
}

impl Entry {
    fn is_fresh(&self) -> bool {
        self.begun.elapsed() < LIFETIME
    }

    fn is_good(&self) -> bool {
        matches!(&*self.verdict.borrow(), Some(Ok(Some(_))))
    }
}

impl KeyVerdicts {
    /// Looks in this database.
    pub fn new(store: &Store, log: &Logger) -> Self {
        Self {
            store: store.clone(),
            entries: Mutex::default(),
            log: log.clone(),
        }
    }

    /// The valid key of this hash; `None` where it is unknown, expired or revoked.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub async fn of(&self, hash: KeyHash) -> Result<Option<ValidApiKey>, NoVerdict> {
        let mut verdict = self.entry(hash);
        let known = verdict.wait_for(Option::is_some).await;
        match known.as_deref() {
            Ok(Some(Ok(key))) => Ok(key.clone()),
            Ok(Some(Err(error))) => Err(NoVerdict::Store(Arc::clone(error))),
            Ok(None) | Err(_) => Err(NoVerdict::GivenUp),
        }
    }

    /// The verdict that is there or under way, or a new one.
    fn entry(&self, hash: KeyHash) -> watch::Receiver<Option<Verdict>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&hash).filter(|entry| entry.is_fresh()) {
            return entry.verdict.clone();
        }
        make_room(&mut entries);
        let (tell, verdict) = watch::channel(None);
        let entry = Entry {
            begun: Instant::now(),
            verdict: verdict.clone(),
        };
        entries.insert(hash, entry);
        // Not within the request: others may wait for it when its caller has hung up.
        tokio::spawn(look(self.store.clone(), hash, tell, self.log.clone()));
        verdict
    }
}

/// Old verdicts go first, then those about keys that are not good: who invents keys
/// does not drive out those who have one.
fn make_room(entries: &mut HashMap<KeyHash, Entry>) {
    if entries.len() >= MOST {
        entries.retain(|_, entry| entry.is_fresh());
    }
    if entries.len() >= MOST {
        entries.retain(|_, entry| entry.is_good());
    }
    if entries.len() >= MOST {
        entries.clear();
    }
}

async fn look(store: Store, hash: KeyHash, tell: watch::Sender<Option<Verdict>>, log: Logger) {
    let verdict = store.api_key_valid(&hash).await.map_err(Arc::new);
    let outcome = match &verdict {
        Ok(Some(_)) => "good",
        Ok(None) => "refused",
        Err(_) => "failed",
    };
    metrics::counter!("nodebyte_gateway_key_lookups_total", "outcome" => outcome).increment(1);
    let unnoted = match &verdict {
        Ok(Some(key)) if key.use_unnoted => Some(key.id),
        _ => None,
    };
    tell.send_replace(Some(verdict));
    if let Some(key) = unnoted
        && let Err(error) = store.api_key_used(key).await
    {
        debug!(log, "use of an API key not noted"; "key" => %key, "error" => %error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::types::scope::Scopes;
    use uuid::Uuid;

    fn entries(
        count: usize,
        begun: Instant,
        found: Option<ValidApiKey>,
    ) -> HashMap<KeyHash, Entry> {
        (0..count)
            .map(|number| {
                let mut hash = KeyHash::default();
                hash[..8].copy_from_slice(&number.to_be_bytes());
                let (_, verdict) = watch::channel(Some(Ok(found.clone())));
                (hash, Entry { begun, verdict })
            })
            .collect()
    }

    fn good() -> Option<ValidApiKey> {
        Some(ValidApiKey {
            id: Uuid::nil(),
            client: Uuid::nil(),
            scopes: Scopes::NONE,
            servers: Arc::default(),
            use_unnoted: false,
        })
    }

    #[test]
    fn verdicts_do_not_grow_without_bound_and_good_ones_go_last() {
        let now = Instant::now();
        let mut few = entries(MOST - 1, now, None);
        make_room(&mut few);
        assert_eq!(few.len(), MOST - 1);

        let mut full = entries(MOST, now, None);
        let mut kept = KeyHash::default();
        kept.fill(9);
        full.extend(entries(1, now, good()).into_values().map(|it| (kept, it)));
        make_room(&mut full);
        assert_eq!(full.into_keys().collect::<Vec<_>>(), [kept]);

        let mut all_good = entries(MOST, now, good());
        make_room(&mut all_good);
        assert!(all_good.is_empty());
    }

    #[test]
    fn old_verdicts_make_room_for_new_ones() {
        let Some(before) = Instant::now().checked_sub(LIFETIME) else {
            return;
        };
        let mut full = entries(MOST, before, good());
        make_room(&mut full);
        assert!(full.is_empty());
    }
}
