//! What was found out about credentials, by their hash.
//!
//! A verdict is believed for half a second, whether it is good or not: so what was
//! revoked is refused soon after, on every replica and without any message between them.
//! A good one is believed for a minute while the [epoch](CredentialEpoch) of all
//! credentials stands still and is known to: so a credential that many requests carry
//! costs the database next to nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use store::StoreError;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::epoch::CredentialEpoch;

/// How long any verdict is believed, counted from when it was asked for.
const LIFETIME: Duration = Duration::from_millis(500);

/// How long a good one is believed at most.
const LONGEST: Duration = Duration::from_secs(60);

/// How long it is remembered that a credential was good, without its being believed.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// Verdicts that are kept at most, of each kind of credentials.
const MOST: usize = 10_000;

/// How long a request waits for a verdict.
const PATIENCE: Duration = Duration::from_secs(2);

/// SHA-256 of a credential.
pub type Hash = [u8; 32];

/// A credential that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good<T> {
    /// Whom it stands for.
    pub value: T,
    /// When it is good no longer, if that is known.
    pub ends_at: Option<DateTime<Utc>>,
}

/// A credential that is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A key that is unknown, expired or revoked, or no credential that is taken here.
    Key,
    /// A token that was good and whose time is over.
    ExpiredToken,
    /// Any other token.
    Token,
}

/// Why nothing is known of a credential now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoVerdict {
    /// The database.
    #[error("the credentials could not be looked for")]
    Store(#[source] Arc<StoreError>),
    /// The database, which takes its time.
    #[error("the look for the credentials takes too long")]
    Late,
    /// Others from the same address, which come first.
    #[error("too many credentials of this address wait to be looked for")]
    NoTurn,
    /// This process is ending.
    #[error("the look for the credentials was given up")]
    GivenUp,
}

/// Whether a credential is good.
pub type Verdict<T> = Result<Good<T>, Refused>;

/// What became of a look; shared by all who waited for it.
type Outcome<T> = Result<Verdict<T>, Arc<StoreError>>;

/// A look, when it began, and the epoch then.
type Asked<T> = (Instant, Option<i64>, watch::Receiver<Option<Outcome<T>>>);

/// See the module.
pub struct Verdicts<T> {
    entries: Mutex<HashMap<Hash, Entry<T>>>,
    epoch: Arc<CredentialEpoch>,
    /// For the metrics.
    what: &'static str,
}

struct Entry<T> {
    begun: Instant,
    /// The epoch when the look began, where it was known.
    epoch: Option<i64>,
    outcome: watch::Receiver<Option<Outcome<T>>>,
    /// When it was last found good, by an earlier look.
    good_at: Option<Instant>,
}

impl<T> Entry<T> {
    /// Whether it is still believed; `epoch` is the present one, where it is known.
    fn holds(&self, epoch: impl FnOnce(Instant) -> Option<i64>) -> bool {
        let now = Instant::now();
        match &*self.outcome.borrow() {
            Some(Ok(Ok(good))) => self.good_holds(good, now, epoch),
            _ => now - self.begun < LIFETIME,
        }
    }

    /// The same of one that is good.
    fn good_holds(
        &self,
        good: &Good<T>,
        now: Instant,
        epoch: impl FnOnce(Instant) -> Option<i64>,
    ) -> bool {
        let age = now - self.begun;
        let is_believed =
            age < LIFETIME || age < LONGEST && self.epoch.is_some() && self.epoch == epoch(now);
        is_believed && !has_ended(good)
    }

    fn is_pending(&self) -> bool {
        self.outcome.borrow().is_none()
    }

    /// When it was last found good, if it was not refused since.
    fn last_good(&self) -> Option<Instant> {
        match &*self.outcome.borrow() {
            Some(Ok(Ok(_))) => Some(self.begun),
            Some(Ok(Err(_))) => None,
            Some(Err(_)) | None => self.good_at,
        }
    }

    fn is_remembered(&self) -> bool {
        self.last_good().is_some_and(|at| at.elapsed() < REMEMBERED)
    }
}

fn has_ended<T>(good: &Good<T>) -> bool {
    good.ends_at.is_some_and(|end| end <= Utc::now())
}

impl<T: Clone + Send + Sync + 'static> Verdicts<T> {
    /// None yet. `what` names the credentials in metrics.
    pub fn new(epoch: &Arc<CredentialEpoch>, what: &'static str) -> Self {
        Self {
            entries: Mutex::default(),
            epoch: Arc::clone(epoch),
            what,
        }
    }

    /// What `of` tells of the credential, if that is known to be good.
    pub fn known<K>(&self, hash: &Hash, of: impl FnOnce(&T) -> K) -> Option<K> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(hash)?;
        let outcome = entry.outcome.borrow();
        let good = outcome.as_ref()?.as_ref().ok()?.as_ref().ok()?;
        entry
            .good_holds(good, Instant::now(), |now| self.epoch.at(now))
            .then(|| of(&good.value))
    }

    /// Whether whoever shows the credential guesses nothing: it was good a while ago, or
    /// somebody is finding that out just now.
    pub fn is_no_guess(&self, hash: &Hash) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(hash);
        entry.is_some_and(|entry| entry.is_pending() || entry.is_remembered())
    }

    /// Whether the credential is good: as is known, or as `look` finds out.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub async fn of<F>(&self, hash: Hash, look: impl Fn() -> F) -> Result<Verdict<T>, NoVerdict>
    where
        F: Future<Output = Result<Verdict<T>, StoreError>> + Send + 'static,
    {
        // A look that took its time tells what was good before it: then another one.
        for _ in 0..2 {
            let (begun, epoch, mut outcome) = self.entry(hash, &look);
            let known = timeout(PATIENCE, outcome.wait_for(Option::is_some)).await;
            let verdict = match known.as_ref().map(|known| known.as_deref()) {
                Ok(Ok(Some(Ok(verdict)))) => verdict.clone(),
                Ok(Ok(Some(Err(error)))) => return Err(NoVerdict::Store(Arc::clone(error))),
                Ok(Ok(None) | Err(_)) => return Err(NoVerdict::GivenUp),
                Err(_) => return Err(NoVerdict::Late),
            };
            let stands = epoch.is_some() && epoch == self.epoch.now();
            if verdict.is_err() || begun.elapsed() < LIFETIME || stands {
                return Ok(verdict);
            }
        }
        Err(NoVerdict::Late)
    }

    /// The look that is there or under way, or a new one.
    fn entry<F>(&self, hash: Hash, look: impl Fn() -> F) -> Asked<T>
    where
        F: Future<Output = Result<Verdict<T>, StoreError>> + Send + 'static,
    {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = |now| self.epoch.at(now);
        if let Some(entry) = entries.get(&hash).filter(|entry| entry.holds(epoch)) {
            return (entry.begun, entry.epoch, entry.outcome.clone());
        }
        make_room(&mut entries, MOST);
        let (tell, outcome) = watch::channel(None);
        let (begun, epoch) = (Instant::now(), self.epoch.now());
        let entry = Entry {
            begun,
            epoch,
            outcome: outcome.clone(),
            good_at: entries.get(&hash).and_then(Entry::last_good),
        };
        entries.insert(hash, entry);
        let (look, what) = (look(), self.what);
        // Not within the request: others may wait for it when its caller has hung up.
        tokio::spawn(async move {
            let outcome = look.await.map_err(Arc::new);
            let word = match &outcome {
                Ok(Ok(_)) => "good",
                Ok(Err(_)) => "refused",
                Err(_) => "failed",
            };
            metrics::counter!(
                "nodebyte_gateway_credential_lookups_total", "kind" => what, "outcome" => word
            )
            .increment(1);
            tell.send_replace(Some(outcome));
        });
        (begun, epoch, outcome)
    }
}

/// Verdicts about credentials that are not good go first, with those that were good too
/// long ago; then the oldest tenth: who invents credentials does not drive out those who
/// have one, and nobody has all of them looked at again for each that comes.
fn make_room<T>(entries: &mut HashMap<Hash, Entry<T>>, most: usize) {
    if entries.len() >= most {
        entries.retain(|_, entry| entry.is_pending() || entry.is_remembered());
    }
    if entries.len() >= most {
        let mut begun: Vec<Instant> = entries.values().map(|entry| entry.begun).collect();
        let tenth = begun.len() / 10;
        let (_, youngest, _) = begun.select_nth_unstable(tenth);
        let youngest = *youngest;
        entries.retain(|_, entry| entry.begun > youngest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: usize = 100;

    fn entry(begun: Instant, epoch: Option<i64>, verdict: Verdict<()>) -> Entry<()> {
        let (_, outcome) = watch::channel(Some(Ok(verdict)));
        Entry {
            begun,
            epoch,
            outcome,
            good_at: None,
        }
    }

    fn entries(count: usize, begun: Instant, verdict: &Verdict<()>) -> HashMap<Hash, Entry<()>> {
        (0..count)
            .map(|number| {
                let mut hash = Hash::default();
                hash[..8].copy_from_slice(&number.to_be_bytes());
                (hash, entry(begun, Some(1), verdict.clone()))
            })
            .collect()
    }

    fn good() -> Verdict<()> {
        Ok(Good {
            value: (),
            ends_at: None,
        })
    }

    async fn ago(time: Duration) -> Instant {
        let then = Instant::now();
        tokio::time::advance(time).await;
        then
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_verdict_holds_while_the_epoch_is_known_to_stand_still() {
        let begun = ago(Duration::from_secs(59)).await;
        let holds = |then, now, verdict| entry(begun, then, verdict).holds(|_| now);
        assert!(holds(Some(7), Some(7), good()));
        assert!(!holds(Some(7), Some(8), good()));
        assert!(!holds(Some(7), None, good()));
        assert!(!holds(None, Some(7), good()));
        assert!(!holds(None, None, good()));
        assert!(!holds(Some(7), Some(7), Err(Refused::Key)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_verdict_is_believed_for_longer_than_a_minute() {
        let begun = ago(LONGEST).await;
        assert!(!entry(begun, Some(7), good()).holds(|_| Some(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_epoch_any_verdict_holds_for_half_a_second() {
        let begun = ago(Duration::from_millis(499)).await;
        assert!(entry(begun, None, good()).holds(|_| None));
        assert!(entry(begun, None, Err(Refused::Key)).holds(|_| Some(1)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!entry(begun, None, good()).holds(|_| None));
        assert!(!entry(begun, Some(1), Err(Refused::Key)).holds(|_| Some(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_verdict_ends_with_its_credential() {
        let ended = Ok(Good {
            value: (),
            ends_at: Some(Utc::now()),
        });
        assert!(!entry(Instant::now(), Some(7), ended.clone()).holds(|_| Some(7)));
        let begun = ago(LIFETIME).await;
        assert!(!entry(begun, Some(7), ended).holds(|_| Some(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn verdicts_do_not_grow_without_bound_and_good_ones_go_last() {
        let now = Instant::now();
        let mut few = entries(FEW - 1, now, &Err(Refused::Key));
        make_room(&mut few, FEW);
        assert_eq!(few.len(), FEW - 1);

        let mut full = entries(FEW, now, &Err(Refused::Key));
        let mut kept = Hash::default();
        kept.fill(9);
        full.insert(kept, entry(now, None, good()));
        make_room(&mut full, FEW);
        assert_eq!(full.into_keys().collect::<Vec<_>>(), [kept]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_good_ones_the_oldest_tenth_makes_room() {
        let old = ago(Duration::from_secs(1)).await;
        let mut full = entries(FEW, Instant::now(), &good());
        for number in 0..FEW / 10 {
            let mut hash = Hash::default();
            hash.fill(0xff);
            hash[0] = u8::try_from(number).unwrap();
            full.insert(hash, entry(old, Some(1), good()));
        }
        make_room(&mut full, FEW);
        let left = full.values().filter(|entry| entry.begun == old).count();
        assert!(
            full.len() < FEW && full.len() >= FEW * 8 / 10 || left == 0,
            "{}",
            full.len()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_good_is_remembered_for_a_while_and_not_believed() {
        let begun = ago(LONGEST).await;
        let known = entry(begun, Some(1), good());
        assert!(!known.holds(|_| Some(1)) && known.is_remembered());
        let refused = entry(begun, Some(1), Err(Refused::Key));
        assert!(!refused.is_remembered());
        tokio::time::advance(REMEMBERED).await;
        assert!(!known.is_remembered());
    }
}
