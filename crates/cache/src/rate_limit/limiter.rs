//! Rate limits with an answer in any case.
//!
//! While Redis answers, one bucket is shared by all processes: exact to the request
//! ([`RateLimiter::take`]), or served from leases of tokens that are held here
//! ([`RateLimiter::take_leased`]). What Redis does not decide in time is decided here:
//! each process then holds its share of the limit. What it grants after that, within
//! the time of any other operation, is given back.

use super::ahead::Ahead;
use super::breaker::Breaker;
use super::bucket::Bucket;
use super::lease::largest;
use super::leases::{Leases, Rest, Taken};
use super::{Answer, RateDecision, RateRule, Told, Wish, ask};
use crate::connection::{Cache, CacheError};
use crate::line::{Line, Unanswered};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use moka::sync::Cache as Buckets;
use slog::{Logger, info, warn};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Buckets that a process remembers while it counts for itself.
const MOST_BUCKETS: u64 = 100_000;

/// Between two looks for leases that lie idle.
const SWEEP: Duration = Duration::from_millis(250);

/// Leases that are given back at once; they share a connection.
const GIVEN_BACK_AT_ONCE: usize = 64;

/// How long leases that are due for renewal are collected. They serve meanwhile; who takes
/// hundreds a second may empty one, and then waits for the rest of this time.
const AHEAD_PAUSE: Duration = Duration::from_millis(3);

/// Buckets that are asked in one call at most: Redis does nothing else meanwhile.
const AHEAD_AT_ONCE: usize = 64;

/// Between two looks whether there still is a limiter.
const AHEAD_LOOK: Duration = Duration::from_secs(1);

/// A decision, and who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    /// What the request may do.
    pub decision: RateDecision,
    /// Whether all processes were counted together.
    pub shared: bool,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct RateLimiter(Arc<Inner>);

struct Inner {
    cache: Cache,
    line: Line,
    sharers: u32,
    local: Buckets<String, Arc<Mutex<Bucket>>>,
    leases: Leases,
    breaker: Breaker,
    ahead: Ahead,
    /// Where leases are asked for, whichever thread needs them.
    home: Handle,
    log: Logger,
}

impl RateLimiter {
    /// `sharers` (at least 1) processes are taken to share a limit while they cannot
    /// count together; Redis has `patience` for each decision. Leases are looked after on
    /// the runtime that this is called on.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use]
    pub fn new(cache: Cache, sharers: u32, patience: Duration, log: &Logger) -> Self {
        let (home, now) = (Handle::current(), Instant::now());
        let inner = Arc::new(Inner {
            line: Line::new(&cache, patience, home.clone()),
            cache,
            sharers: sharers.max(1),
            local: Buckets::new(MOST_BUCKETS),
            leases: Leases::new(sharers.saturating_sub(1), now),
            breaker: Breaker::new(now),
            ahead: Ahead::default(),
            home,
            log: log.clone(),
        });
        inner.home.spawn(sweep(Arc::downgrade(&inner)));
        inner.home.spawn(renew_ahead(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// Takes one token from the bucket `name` under `rule`, exactly; see
    /// [`Cache::take_token`].
    pub async fn take(&self, name: &str, rule: RateRule) -> Ruling {
        match self.0.ask_one(name, rule, 1).await {
            Some(answer) => Ruling {
                decision: answer.of_one(),
                shared: true,
            },
            None => self.0.alone(name, rule),
        }
    }

    /// Gives one token back that [`take`](Self::take) has given, to whom gave it. If Redis
    /// does not hear of it, it comes back by itself, as if it had been used.
    pub async fn give_back(&self, name: &str, rule: RateRule, given: Ruling) {
        if given.shared {
            self.0.put_back(name, rule).await;
        } else {
            self.0.here(name, rule, -1);
        }
    }

    /// Takes one token as [`take`](Self::take) does, but from a lease if one is held: at
    /// most 20 tokens, or a hundredth of the limit, which were taken from the shared bucket
    /// together. They are renewed in the background before they run out, and given back
    /// when nobody takes one for a second. So within any time the limit is exceeded by no
    /// more than one lease a process, and no more than that lies unused; what remains is
    /// then a lower bound, unless others use more of it than we do. Of a limit below 200,
    /// where a lease is one token, each is taken exactly.
    pub async fn take_leased(&self, name: &str, rule: RateRule) -> Ruling {
        if largest(rule) <= 1 {
            return Box::pin(self.take(name, rule)).await;
        }
        if let Some(ruling) = self.take_at_hand(name, rule) {
            return ruling;
        }
        let now = Instant::now();
        let may_ask = self.0.breaker.allows(now);
        let (taken, ask) = self.0.leases.take(name, rule, may_ask, now);
        match (ask, &taken) {
            (Some(name), Taken::Decided(_)) => self.0.ahead.push(name),
            (Some(name), _) => {
                self.0.home.spawn(renew(Arc::clone(&self.0), name));
            }
            (None, _) => {}
        }
        let decision = match taken {
            Taken::Decided(decision) => decision,
            Taken::Wait(decided) => match decided.await {
                Ok(decision) => decision,
                // Redis did not answer in time.
                Err(_) => return self.0.alone(name, rule),
            },
            Taken::Alone => return self.0.alone(name, rule),
            // Boxed, here and above: what it needs is not carried along where it is not.
            Taken::Single => return Box::pin(self.take(name, rule)).await,
        };
        Ruling {
            decision,
            shared: true,
        }
    }

    /// As [`take_leased`](Self::take_leased), where that can be decided without asking
    /// anybody; otherwise nothing is taken.
    #[must_use]
    pub fn take_at_hand(&self, name: &str, rule: RateRule) -> Option<Ruling> {
        if largest(rule) <= 1 {
            return None;
        }
        let now = Instant::now();
        let may_ask = self.0.breaker.allows(now);
        let (decision, ask) = self.0.leases.take_at_hand(name, rule, may_ask, now)?;
        if let Some(name) = ask {
            self.0.ahead.push(name);
        }
        Some(Ruling {
            decision,
            shared: true,
        })
    }

    /// Gives all leases back, because this process ends.
    pub async fn close(&self) {
        let rests = self.0.leases.end_all();
        self.0.return_leases(rests).await;
    }
}

/// Asks the shared bucket on behalf of all who wait for it here.
async fn renew(inner: Arc<Inner>, name: Arc<str>) {
    loop {
        let Some((rule, wanted)) = inner.leases.wish(&name) else {
            return;
        };
        let answer = inner.ask_one(&name, rule, i64::from(wanted)).await;
        let settled = inner.leases.settle(&name, wanted, answer, Instant::now());
        if let Some(surplus) = settled.surplus {
            inner.return_leases(vec![surplus]).await;
        }
        if !settled.again {
            return;
        }
    }
}

/// Renews leases that still serve, those of a few milliseconds together: so they cost one
/// wake of a thread and one write to Redis, and not each.
async fn renew_ahead(inner: Weak<Inner>) {
    loop {
        let Some(due) = inner.upgrade().map(|inner| inner.ahead.wake()) else {
            return;
        };
        // Not for ever: nobody wakes us when there is no limiter any more.
        if timeout(AHEAD_LOOK, due.notified()).await.is_err() {
            continue;
        }
        // While some come, nobody needs to wake us for more.
        loop {
            sleep(AHEAD_PAUSE).await;
            let Some(inner) = inner.upgrade() else {
                return;
            };
            let due = inner.ahead.take();
            if due.is_empty() {
                break;
            }
            for names in due.chunks(AHEAD_AT_ONCE) {
                let names = names.to_vec();
                inner.home.spawn(renew_all(Arc::clone(&inner), names));
            }
        }
    }
}

/// Asks many shared buckets in one call.
async fn renew_all(inner: Arc<Inner>, names: Vec<Arc<str>>) {
    let due: Vec<(Arc<str>, RateRule, u32)> = names
        .into_iter()
        .filter_map(|name| {
            let (rule, wanted) = inner.leases.wish(&name)?;
            Some((name, rule, wanted))
        })
        .collect();
    let wishes: Vec<Wish<'_>> = due
        .iter()
        .map(|(name, rule, wanted)| Wish {
            name,
            rule: *rule,
            wanted: i64::from(*wanted),
        })
        .collect();
    let answers = inner.ask(&wishes).await.unwrap_or_default();
    let (mut surplus, now) = (Vec::new(), Instant::now());
    for (place, (name, _, wanted)) in due.into_iter().enumerate() {
        let answer = answers.get(place).copied();
        let settled = inner.leases.settle(&name, wanted, answer, now);
        surplus.extend(settled.surplus);
        if settled.again {
            inner.home.spawn(renew(Arc::clone(&inner), name));
        }
    }
    inner.return_leases(surplus).await;
}

/// Gives back what Redis grants after it was decided here: it would count twice.
fn refuse(
    inner: Arc<Inner>,
    late: BoxFuture<'static, Result<Vec<Told>, CacheError>>,
    mut rests: Vec<Rest>,
) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        // Redis has the time of any other operation for it.
        let Ok(told) = late.await else {
            return;
        };
        for (rest, told) in rests.iter_mut().zip(told) {
            rest.tokens = Answer::of(told).granted;
        }
        rests.retain(|rest| rest.tokens > 0);
        // It has just answered, so it is told whatever the breaker says.
        let wishes: Vec<Wish<'_>> = rests.iter().map(Rest::wish).collect();
        if !wishes.is_empty() {
            inner.tell(&wishes).await;
        }
    })
}

/// Makes ready, and gives idle leases back for as long as there is a limiter.
async fn sweep(inner: Weak<Inner>) {
    if let Some(line) = inner.upgrade().map(|inner| inner.line.clone()) {
        line.open_ahead().await;
    }
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let rests = inner.leases.end_idle(Instant::now());
        inner.return_leases(rests).await;
    }
}

impl Inner {
    /// What one shared bucket says, if Redis says it in time.
    async fn ask_one(self: &Arc<Self>, name: &str, rule: RateRule, wanted: i64) -> Option<Answer> {
        let wish = Wish { name, rule, wanted };
        self.ask(&[wish]).await?.pop()
    }

    /// What the shared buckets say, each to its wish, if Redis says it in time.
    async fn ask(self: &Arc<Self>, wishes: &[Wish<'_>]) -> Option<Vec<Answer>> {
        if wishes.is_empty() || !self.breaker.enter(Instant::now()) {
            return None;
        }
        self.tell(wishes).await
    }

    /// As [`ask`](Self::ask), whatever the breaker says.
    async fn tell(self: &Arc<Self>, wishes: &[Wish<'_>]) -> Option<Vec<Answer>> {
        let asked = ask(&self.cache, wishes);
        match self.line.script::<Vec<Told>>("rate_limit", asked).await {
            Ok(told) => {
                if self.breaker.answered() {
                    info!(self.log, "Redis is back: rate limits are shared");
                }
                Some(told.into_iter().map(Answer::of).collect())
            }
            Err(Unanswered { error, late }) => {
                if self.breaker.failed(Instant::now()) {
                    warn!(self.log, "Redis is away: each process holds its share of the rate limits";
                        "error" => %error);
                }
                if let Some(late) = late {
                    let rests = wishes.iter().map(|wish| Rest {
                        name: wish.name.into(),
                        rule: wish.rule,
                        tokens: 0,
                    });
                    let rests = rests.collect();
                    self.home.spawn(refuse(Arc::clone(self), late, rests));
                }
                None
            }
        }
    }

    /// Gives what is left of leases back to the shared buckets, unless Redis is left alone:
    /// it comes back by itself then, as if it had been used.
    async fn return_leases(self: &Arc<Self>, rests: Vec<Rest>) {
        stream::iter(rests)
            .for_each_concurrent(GIVEN_BACK_AT_ONCE, async |rest| {
                self.ask(&[rest.wish()]).await;
            })
            .await;
    }

    /// Gives one token back to a shared bucket. Unlike the rest of a lease it is brought also
    /// while Redis is left alone, since a strict limit of few tokens misses each.
    async fn put_back(self: &Arc<Self>, name: &str, rule: RateRule) {
        let wanted = -1;
        self.tell(&[Wish { name, rule, wanted }]).await;
    }

    /// This process' share of the limit decides.
    fn alone(&self, name: &str, rule: RateRule) -> Ruling {
        Ruling {
            decision: self.here(name, rule, 1).of_one(),
            shared: false,
        }
    }

    /// Takes tokens of this process' share, or gives some back.
    fn here(&self, name: &str, rule: RateRule, wanted: i64) -> Answer {
        let share = RateRule {
            capacity: (rule.capacity / self.sharers).max(1),
            per_second: rule.per_second / f64::from(self.sharers),
        };
        let now = Instant::now();
        let bucket = self
            .local
            .get_with_by_ref(name, || Arc::new(Mutex::new(Bucket::full(now))));
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(share, wanted, now)
    }
}
