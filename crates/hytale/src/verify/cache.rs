//! An issuer's keys, kept while they are good for something.
//!
//! A known key never waits for the vendor: what is older than an hour is renewed
//! beside the verification, and whatever the vendor answers instead of keys leaves the
//! last good ones in place. Strangers cannot make us ask: an unknown key leads to at
//! most one request a minute, whoever shows how many of them, and is itself not asked
//! for again for two minutes. A listing replaces the one before, so a key that the
//! vendor withdraws is gone within the hour; a set that nobody used for a day is
//! dropped and not trusted without asking again.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;

use super::key::KeySet;
use super::{Invalid, PublicKey, VerifyError};
use crate::vendor::{Issuer, Jwk, Refusal, VendorError};

/// Age from which a set is renewed.
const FRESH: TimeDelta = TimeDelta::hours(1);
/// A set that was not used for so long is dropped.
const UNUSED: TimeDelta = TimeDelta::days(1);
/// Shortest time between two requests.
const FLOOR: TimeDelta = TimeDelta::minutes(1);
/// The same while there is no key at all.
const EMPTY_FLOOR: TimeDelta = TimeDelta::seconds(5);
/// How long a key that was asked for and not found is remembered.
const NEGATIVE: TimeDelta = TimeDelta::minutes(2);
/// Most unknown keys remembered.
const MOST_UNKNOWN: usize = 1_024;
/// Longest wait for a listing, repetitions included.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where keys come from.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The keys that the issuer publishes now.
    async fn fetch(&self) -> Result<Vec<Jwk>, VendorError>;
}

/// See the module. Clones share the keys.
#[derive(Clone)]
pub struct KeyCache(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    source: Arc<dyn KeySource>,
    state: Mutex<State>,
    /// Held by the one who asks.
    flight: AsyncMutex<()>,
}

#[derive(Default)]
struct State {
    keys: Arc<KeySet>,
    /// Last good listing.
    listed_at: Option<DateTime<Utc>>,
    /// Last request, whatever came of it.
    asked_at: Option<DateTime<Utc>>,
    /// A request is on its way: what it brings is worth waiting for.
    in_flight: bool,
    used_at: Option<DateTime<Utc>>,
    /// The last answer was that there are none.
    unpublished: bool,
    unknown: HashMap<Box<str>, DateTime<Utc>>,
}

enum Look {
    Found {
        key: Arc<PublicKey>,
        is_stale: bool,
    },
    /// It is worth asking, or waiting for who asks.
    Ask,
    Refused(VerifyError),
}

impl KeyCache {
    /// Empty; the first token fills it.
    #[must_use]
    pub fn new(issuer: Issuer, source: Arc<dyn KeySource>) -> Self {
        Self(Arc::new(Inner {
            issuer,
            source,
            state: Mutex::default(),
            flight: AsyncMutex::default(),
        }))
    }

    /// The key of this name; without a name, the only one.
    ///
    /// # Errors
    ///
    /// [`Invalid::UnknownKey`]; [`VerifyError::KeysUnavailable`] or
    /// [`VerifyError::KeysNotPublished`] while there is no key at all.
    pub async fn key(
        &self,
        key_id: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Arc<PublicKey>, VerifyError> {
        match self.0.look(key_id, now) {
            Look::Found { key, is_stale } => {
                if is_stale {
                    self.renew_beside(now);
                }
                return Ok(key);
            }
            Look::Refused(error) => return Err(error),
            Look::Ask => {}
        }
        let _flight = self.0.flight.lock().await;
        // Whoever held it before may have brought the answer.
        if matches!(self.0.look(key_id, now), Look::Ask) {
            self.0.fetch(now).await;
            self.0.remember_if_unknown(key_id, now);
        }
        match self.0.look(key_id, now) {
            Look::Found { key, .. } => Ok(key),
            Look::Refused(error) => Err(error),
            Look::Ask => Err(VerifyError::KeysUnavailable),
        }
    }

    fn renew_beside(&self, now: DateTime<Utc>) {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let Ok(_flight) = inner.flight.try_lock() else {
                return;
            };
            if inner.change(|state| state.is_due(now)) {
                inner.fetch(now).await;
            }
        });
    }
}

impl Inner {
    fn look(&self, key_id: Option<&str>, now: DateTime<Utc>) -> Look {
        self.change(|state| {
            state.drop_unused(now);
            if let Some(key) = state.keys.get(key_id) {
                state.used_at = Some(now);
                let is_stale = state.is_due(now);
                return Look::Found { key, is_stale };
            }
            let is_remembered = key_id
                .and_then(|id| state.unknown.get(id))
                .is_some_and(|since| !has_passed(*since, now, NEGATIVE));
            if !is_remembered && (state.in_flight || state.may_ask(now)) {
                return Look::Ask;
            }
            Look::Refused(if !state.keys.is_empty() {
                Invalid::UnknownKey.into()
            } else if state.unpublished {
                VerifyError::KeysNotPublished
            } else {
                VerifyError::KeysUnavailable
            })
        })
    }

    /// Under `flight` only.
    async fn fetch(&self, now: DateTime<Utc>) {
        // Noted before: whoever gives up halfway has asked all the same.
        self.change(|state| {
            state.asked_at = Some(now);
            state.in_flight = true;
        });
        let _landing = Landing(self);
        let listing = tokio::time::timeout(PATIENCE, self.source.fetch()).await;
        let (keys, unpublished) = match listing {
            Ok(Ok(listed)) => {
                let keys = KeySet::of(&listed, self.issuer);
                let unpublished = keys.is_empty();
                (keys, unpublished)
            }
            Ok(Err(error)) => (
                KeySet::default(),
                error.refusal() == Some(Refusal::NotFound),
            ),
            Err(_elapsed) => (KeySet::default(), false),
        };
        self.change(|state| {
            state.unpublished = unpublished;
            // An empty listing or an error page does not empty the set.
            if !keys.is_empty() {
                state.keys = Arc::new(keys);
                state.listed_at = Some(now);
                state.used_at = Some(now);
            }
        });
    }

    fn remember_if_unknown(&self, key_id: Option<&str>, now: DateTime<Utc>) {
        let Some(id) = key_id else { return };
        self.change(|state| {
            if state.keys.is_empty() || state.keys.get(key_id).is_some() {
                return;
            }
            if state.unknown.len() >= MOST_UNKNOWN {
                state
                    .unknown
                    .retain(|_, since| !has_passed(*since, now, NEGATIVE));
            }
            if state.unknown.len() < MOST_UNKNOWN {
                state.unknown.insert(id.into(), now);
            }
        });
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ends a flight, also one that is given up.
struct Landing<'a>(&'a Inner);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.in_flight = false);
    }
}

impl State {
    fn drop_unused(&mut self, now: DateTime<Utc>) {
        if self
            .used_at
            .is_some_and(|used| has_passed(used, now, UNUSED))
        {
            *self = Self {
                asked_at: self.asked_at,
                in_flight: self.in_flight,
                ..Self::default()
            };
        }
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.listed_at
            .is_none_or(|listed| has_passed(listed, now, FRESH))
            && self.may_ask(now)
    }

    fn may_ask(&self, now: DateTime<Utc>) -> bool {
        let floor = if self.keys.is_empty() && !self.unpublished {
            EMPTY_FLOOR
        } else {
            FLOOR
        };
        self.asked_at
            .is_none_or(|asked| has_passed(asked, now, floor))
    }
}

/// Requests do not come in the order of their clocks: a little before `since` is not
/// later. A clock that was set far back must not stop time, though.
fn has_passed(since: DateTime<Utc>, now: DateTime<Utc>, period: TimeDelta) -> bool {
    (now - since).abs() >= period
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
