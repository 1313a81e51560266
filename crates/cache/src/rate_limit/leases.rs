//! The leases of many buckets, and the requests that wait for one.

use super::lease::{Lease, Step};
use super::recent::Recent;
use super::{Answer, RateDecision, RateRule, Wish};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

/// Buckets of which tokens are held at most; of others, each is taken by itself.
const MOST: usize = 100_000;

/// So that threads seldom wait for each other, and for nobody who clears up.
const SHARDS: usize = 16;

/// What becomes of a request.
pub(super) enum Taken {
    /// It is decided.
    Decided(RateDecision),
    /// The shared bucket's answer decides; none will come if the channel closes.
    Wait(oneshot::Receiver<RateDecision>),
    /// There is nothing here, and no use in asking.
    Alone,
    /// It has no lease, because it is taken from too seldom, or too many others have
    /// one: the shared bucket is asked for the one token.
    Single,
}

/// What to do after an answer.
pub(super) struct Settled {
    /// Others wait by now: ask again.
    pub(super) again: bool,
    /// To be given back.
    pub(super) surplus: Option<Rest>,
}

/// Tokens to give back.
pub(super) struct Rest {
    pub(super) name: Arc<str>,
    pub(super) rule: RateRule,
    pub(super) tokens: u32,
}

impl Rest {
    /// What the bucket is told.
    pub(super) fn wish(&self) -> Wish<'_> {
        Wish {
            name: &self.name,
            rule: self.rule,
            wanted: -i64::from(self.tokens),
        }
    }
}

struct Entry {
    name: Arc<str>,
    lease: Lease,
    waiting: Vec<oneshot::Sender<RateDecision>>,
}

/// Boxed, since a map has room for more than are there.
type Shard = HashMap<Arc<str>, Box<Entry>>;

/// See the module.
pub(super) struct Leases {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    recent: Recent,
    /// Other processes that are taken to use the same buckets.
    others: u32,
}

impl Leases {
    pub(super) fn new(others: u32, now: Instant) -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            recent: Recent::new(now),
            others,
        }
    }

    /// Decides about a request to the bucket `name`. Where a name comes back, the caller
    /// asks the shared bucket on behalf of all: [`wish`](Self::wish), then
    /// [`settle`](Self::settle).
    pub(super) fn take(
        &self,
        name: &str,
        rule: RateRule,
        may_ask: bool,
        now: Instant,
    ) -> (Taken, Option<Arc<str>>) {
        let hash = self.hasher.hash_one(name);
        let mut shard = self.shard(hash);
        if let Some(entry) = shard.get_mut(name) {
            return entry.take(rule, may_ask, now);
        }
        if !may_ask {
            return (Taken::Alone, None);
        }
        let came = self.recent.came(hash, now);
        if !came || shard.len() >= MOST / SHARDS {
            return (Taken::Single, None);
        }
        let name: Arc<str> = name.into();
        let entry = Entry {
            name: Arc::clone(&name),
            lease: Lease::new(rule, self.others, (hash >> 32) as u32, now),
            waiting: Vec::new(),
        };
        let entry = shard.entry(name).or_insert(Box::new(entry));
        entry.take(rule, may_ask, now)
    }

    /// Decides about a request from what is held or known of the bucket here, if that is
    /// enough; otherwise nothing is taken. With a name, as [`take`](Self::take).
    pub(super) fn take_at_hand(
        &self,
        name: &str,
        rule: RateRule,
        may_ask: bool,
        now: Instant,
    ) -> Option<(RateDecision, Option<Arc<str>>)> {
        let mut shard = self.shard(self.hasher.hash_one(name));
        let entry = shard.get_mut(name)?;
        let (decision, ask) = entry.lease.take_at_hand(rule, may_ask, now)?;
        Some((decision, ask.then(|| Arc::clone(&entry.name))))
    }

    /// How many tokens to ask for, and by which rule.
    pub(super) fn wish(&self, name: &str) -> Option<(RateRule, u32)> {
        let mut shard = self.shard(self.hasher.hash_one(name));
        let entry = shard.get_mut(name)?;
        let waiting = u32::try_from(entry.waiting.len()).unwrap_or(u32::MAX);
        let wanted = entry.lease.wish(waiting);
        Some((entry.lease.rest().0, wanted))
    }

    /// Hands out what was answered to a wish; `None`: nothing was.
    pub(super) fn settle(
        &self,
        name: &Arc<str>,
        wanted: u32,
        answer: Option<Answer>,
        now: Instant,
    ) -> Settled {
        let mut shard = self.shard(self.hasher.hash_one(name));
        let nothing = Settled {
            again: false,
            surplus: None,
        };
        let Some(entry) = shard.get_mut(name) else {
            return nothing;
        };
        let Entry { lease, waiting, .. } = &mut **entry;
        let Some(answer) = answer else {
            // They learn it by the end of their channels.
            waiting.clear();
            lease.asked();
            return nothing;
        };
        lease.learn(wanted, answer, now);
        for tell in mem::take(waiting) {
            if let Some(decision) = lease.serve(now) {
                if tell.send(decision).is_err() {
                    lease.unserve();
                }
            } else if let Some(refusal) = lease.refusal(now) {
                // Who has hung up needs no refusal.
                let _ = tell.send(refusal);
            } else {
                waiting.push(tell);
            }
        }
        let again = !waiting.is_empty();
        if !again {
            lease.asked();
        }
        let tokens = lease.surplus();
        let (rule, _) = lease.rest();
        let surplus = (tokens > 0).then(|| Rest {
            name: Arc::clone(name),
            rule,
            tokens,
        });
        Settled { again, surplus }
    }

    /// Ends the leases that nobody takes from, and says what to give back.
    pub(super) fn end_idle(&self, now: Instant) -> Vec<Rest> {
        self.end(|lease| lease.is_idle(now))
    }

    /// Ends all of them.
    pub(super) fn end_all(&self) -> Vec<Rest> {
        self.end(|_| true)
    }

    fn end(&self, ends: impl Fn(&Lease) -> bool) -> Vec<Rest> {
        let mut rests = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|name, entry| {
                let ends = ends(&entry.lease);
                let (rule, tokens) = entry.lease.rest();
                if ends && tokens > 0 {
                    let name = Arc::clone(name);
                    rests.push(Rest { name, rule, tokens });
                }
                !ends
            });
            if shard.capacity() / 4 > shard.len() {
                let room = shard.len() * 2;
                shard.shrink_to(room);
            }
        }
        rests
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // Other bits than those by which the map itself finds its way.
        let place = (hash % SHARDS as u64) as usize;
        self.shards[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn take(&mut self, rule: RateRule, may_ask: bool, now: Instant) -> (Taken, Option<Arc<str>>) {
        let (taken, ask) = match self.lease.take(rule, may_ask, now) {
            Step::Decided { decision, ask } => (Taken::Decided(decision), ask),
            Step::Wait { ask } => {
                let (tell, decided) = oneshot::channel();
                self.waiting.push(tell);
                (Taken::Wait(decided), ask)
            }
            Step::Alone => (Taken::Alone, false),
        };
        (taken, ask.then(|| Arc::clone(&self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::lease::IDLE;
    use super::*;

    const RULE: RateRule = RateRule {
        capacity: 2_000,
        per_second: 1.0,
    };

    fn answer(granted: u32, left: u32) -> Option<Answer> {
        Some(Answer {
            granted,
            left,
            next: std::time::Duration::from_secs(u64::from(left == 0)),
            full: std::time::Duration::from_secs(60),
        })
    }

    /// Leases of somebody who came a moment ago.
    fn known() -> (Leases, Instant) {
        let now = Instant::now();
        let leases = Leases::new(1, now);
        let (taken, ask) = leases.take("it", RULE, true, now);
        assert!(matches!(taken, Taken::Single) && ask.is_none());
        (leases, now)
    }

    #[test]
    fn one_asks_for_all_who_wait_and_each_gets_an_answer() {
        let (leases, now) = known();
        let mut waiting = Vec::new();
        for turn in 0..3 {
            let (taken, ask) = leases.take("it", RULE, true, now);
            assert_eq!(ask.is_some(), turn == 0, "single flight");
            let Taken::Wait(decided) = taken else {
                panic!("nothing is held");
            };
            waiting.push(decided);
        }
        let (_, wanted) = leases.wish("it").unwrap();
        assert_eq!(wanted, 3);
        let settled = leases.settle(&"it".into(), wanted, answer(2, 0), now);
        assert!(!settled.again && settled.surplus.is_none());
        let allowed: Vec<bool> = waiting
            .iter_mut()
            .map(|decided| decided.try_recv().unwrap().allowed)
            .collect();
        assert_eq!(allowed, [true, true, false]);
    }

    #[test]
    fn who_comes_while_the_bucket_is_asked_is_asked_for_again() {
        let (leases, now) = known();
        let (_first, _) = leases.take("it", RULE, true, now);
        let (_, wanted) = leases.wish("it").unwrap();
        let (second, ask) = leases.take("it", RULE, true, now);
        assert!(ask.is_none());
        let settled = leases.settle(&"it".into(), wanted, answer(wanted, 99), now);
        assert!(settled.again);
        let (_, wanted) = leases.wish("it").unwrap();
        assert!(
            !leases
                .settle(&"it".into(), wanted, answer(wanted, 90), now)
                .again
        );
        let Taken::Wait(mut decided) = second else {
            panic!("nothing is held");
        };
        assert!(decided.try_recv().unwrap().allowed);
    }

    #[test]
    fn tokens_of_those_who_hung_up_are_given_back_beyond_a_lease() {
        let (leases, now) = known();
        for _ in 0..50 {
            leases.take("it", RULE, true, now);
        }
        let (_, wanted) = leases.wish("it").unwrap();
        assert_eq!(wanted, 50);
        let settled = leases.settle(&"it".into(), wanted, answer(50, 900), now);
        assert_eq!(settled.surplus.unwrap().tokens, 30);
        let rests = leases.end_idle(now + IDLE);
        assert_eq!(rests.len(), 1);
        assert_eq!(rests[0].tokens, 20);
        assert!(leases.end_idle(now + IDLE).is_empty(), "forgotten");
    }

    #[test]
    fn without_an_answer_all_learn_that_they_are_alone() {
        let (leases, now) = known();
        let (taken, _) = leases.take("it", RULE, true, now);
        let (_, wanted) = leases.wish("it").unwrap();
        leases.settle(&"it".into(), wanted, None, now);
        let Taken::Wait(mut decided) = taken else {
            panic!("nothing is held");
        };
        assert!(decided.try_recv().is_err());
        let (taken, ask) = leases.take("it", RULE, false, now);
        assert!(matches!(taken, Taken::Alone) && ask.is_none());
    }

    #[test]
    fn buckets_with_leases_do_not_grow_without_bound() {
        let (leases, now) = known();
        let mut full = 0;
        for number in 0..MOST + MOST / 4 {
            leases.take(&number.to_string(), RULE, true, now);
            let (taken, _) = leases.take(&number.to_string(), RULE, true, now);
            full += usize::from(matches!(taken, Taken::Single));
        }
        assert!(full >= MOST / 4, "{full}");
        let kept: usize = leases
            .shards
            .iter()
            .map(|it| it.lock().unwrap().len())
            .sum();
        assert!(kept <= MOST);
        leases.end_all();
        let room: usize = leases
            .shards
            .iter()
            .map(|it| it.lock().unwrap().capacity())
            .sum();
        assert!(room < 1_000, "{room}");
    }
}
