//! Tokens of one shared bucket that this process holds: what becomes of a request, and
//! how many tokens to ask for, decided without a clock and without I/O.
//!
//! A lease is at most 20 tokens or a hundredth of the limit. It begins with nothing:
//! somebody's first request takes one token and no more. Who asks often gets a lease as
//! large as what was used of it suggests, renewed when most of it is gone, while the rest
//! still serves: so what lies idle is little. When exactly is left to chance: a thousand
//! callers of one pace would else all be renewed, and wait for it, at once.

use super::{Answer, RateDecision, RateRule};
use std::time::{Duration, Instant};

/// The most tokens of a lease.
const LARGEST: u32 = 20;

/// A lease is at most this part of the limit.
const PART: u32 = 100;

/// A lease that nobody takes from is given back after this time.
pub(super) const IDLE: Duration = Duration::from_secs(1);

/// How old the news of the shared bucket gets while it is taken from.
const FRESH: Duration = Duration::from_secs(1);

/// An empty bucket is not asked again before it refills, nor before this time: others may
/// give something back.
const EMPTY: Duration = Duration::from_millis(250);

/// The most tokens that one process holds of a bucket.
pub(super) fn largest(rule: RateRule) -> u32 {
    (rule.capacity / PART).clamp(1, LARGEST)
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is decided; with `ask`, the shared bucket is to be asked meanwhile.
    Decided { decision: RateDecision, ask: bool },
    /// The answer of the shared bucket decides; with `ask`, nobody has asked it yet.
    Wait { ask: bool },
    /// There is nothing here, and no use in asking.
    Alone,
}

/// What the shared bucket said last.
#[derive(Debug, Clone, Copy)]
struct News {
    left: u32,
    next: Duration,
    full: Duration,
    at: Instant,
    /// It had less than was wanted.
    empty: bool,
}

/// The tokens held of one bucket.
#[derive(Debug)]
pub(super) struct Lease {
    rule: RateRule,
    held: u32,
    /// How many it is to hold when it is renewed.
    target: u32,
    /// It is renewed when no more than this is held.
    low: u32,
    /// What chance says next (Marsaglia's xorshift of 32 bits); never 0.
    chance: u32,
    /// Tokens used since the news.
    used: u32,
    /// How many of these were used before the bucket was asked last.
    used_before: u32,
    /// Other processes that take from the bucket, as far as we know.
    others: u32,
    /// Somebody asks the bucket now.
    asking: bool,
    news: Option<News>,
    used_at: Instant,
}

impl Lease {
    /// `seed` tells it from other leases.
    pub(super) fn new(rule: RateRule, others: u32, seed: u32, now: Instant) -> Self {
        Self {
            rule,
            held: 0,
            target: 0,
            low: 0,
            chance: seed.max(1),
            used: 0,
            used_before: 0,
            others,
            asking: false,
            news: None,
            used_at: now,
        }
    }

    /// Decides about a request from what is held or known of the bucket; `None`: nothing
    /// was taken, the bucket must be asked. With `true`, whoever took it asks meanwhile.
    pub(super) fn take_at_hand(
        &mut self,
        rule: RateRule,
        may_ask: bool,
        now: Instant,
    ) -> Option<(RateDecision, bool)> {
        self.rule = rule;
        self.used_at = now;
        if let Some(decision) = self.serve(now) {
            let ask = may_ask && self.is_due(now);
            self.asking |= ask;
            return Some((decision, ask));
        }
        self.refusal(now).map(|decision| (decision, false))
    }

    /// Decides about a request. Where the step says `ask`, whoever took it asks.
    pub(super) fn take(&mut self, rule: RateRule, may_ask: bool, now: Instant) -> Step {
        if let Some((decision, ask)) = self.take_at_hand(rule, may_ask, now) {
            return Step::Decided { decision, ask };
        }
        if self.asking {
            return Step::Wait { ask: false };
        }
        if !may_ask {
            return Step::Alone;
        }
        self.asking = true;
        Step::Wait { ask: true }
    }

    /// How many tokens to ask for, while so many requests wait.
    pub(super) fn wish(&mut self, waiting: u32) -> u32 {
        self.target = self.used.saturating_mul(4).min(largest(self.rule));
        // From an eighth of it to a half, but ahead of the last one.
        self.low = (self.target / 8 + self.chance() % (self.target * 3 / 8 + 1)).max(1);
        self.used_before = self.used;
        waiting.saturating_add(self.target.saturating_sub(self.held))
    }

    /// Takes in what the bucket answered to a wish.
    pub(super) fn learn(&mut self, wanted: u32, answer: Answer, now: Instant) {
        self.held = self.held.saturating_add(answer.granted);
        self.used -= std::mem::take(&mut self.used_before).min(self.used);
        self.news = Some(News {
            left: answer.left,
            next: answer.next,
            full: answer.full,
            at: now,
            empty: answer.granted < wanted,
        });
    }

    /// A token for a request, if one is held.
    pub(super) fn serve(&mut self, now: Instant) -> Option<RateDecision> {
        self.held = self.held.checked_sub(1)?;
        self.used = self.used.saturating_add(1);
        Some(self.decision(true, now))
    }

    /// The request that was served is gone: its token is held again.
    pub(super) fn unserve(&mut self) {
        self.held = self.held.saturating_add(1);
        self.used = self.used.saturating_sub(1);
    }

    /// The refusal, if the bucket was empty a moment ago.
    pub(super) fn refusal(&self, now: Instant) -> Option<RateDecision> {
        self.is_empty(now).then(|| self.decision(false, now))
    }

    /// Nobody asks the bucket any more.
    pub(super) fn asked(&mut self) {
        self.asking = false;
    }

    /// What is held beyond a lease, which is no longer held then.
    pub(super) fn surplus(&mut self) -> u32 {
        let surplus = self.held.saturating_sub(largest(self.rule));
        self.held -= surplus;
        surplus
    }

    /// Whether nobody has taken from it for a while.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        !self.asking && now.saturating_duration_since(self.used_at) >= IDLE
    }

    /// What is to be given back when it ends.
    pub(super) fn rest(&self) -> (RateRule, u32) {
        (self.rule, self.held)
    }

    /// Whether to ask while requests can still be served.
    fn is_due(&self, now: Instant) -> bool {
        let stale = self
            .news
            .is_none_or(|news| now.saturating_duration_since(news.at) >= FRESH);
        !self.asking && !self.is_empty(now) && (stale || self.held <= self.low)
    }

    fn chance(&mut self) -> u32 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 17;
        self.chance ^= self.chance << 5;
        self.chance
    }

    fn is_empty(&self, now: Instant) -> bool {
        self.news.is_some_and(|news| {
            news.empty && now.saturating_duration_since(news.at) < news.next.min(EMPTY)
        })
    }

    /// `remaining` counts what was left for all, less what others have used since if they
    /// use as much as we do; or what is held here if that is more. What others hold, and
    /// what has come back since, may be had as well.
    fn decision(&self, allowed: bool, now: Instant) -> RateDecision {
        let (left, next, full) = match self.news {
            Some(news) => {
                let passed = now.saturating_duration_since(news.at);
                let until = |time: Duration| time.saturating_sub(passed);
                (news.left, until(news.next), until(news.full))
            }
            None => (0, Duration::ZERO, Duration::ZERO),
        };
        let used_elsewhere = self.used.saturating_mul(self.others);
        let left = left.saturating_sub(used_elsewhere);
        let remaining = if allowed { left.max(self.held) } else { 0 };
        RateDecision {
            allowed,
            remaining,
            retry_after: if remaining > 0 { Duration::ZERO } else { next },
            reset_after: full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: RateRule = RateRule {
        capacity: 2_000,
        per_second: 10.0,
    };

    fn answer(granted: u32, left: u32) -> Answer {
        let next = Duration::from_millis(if left == 0 { 100 } else { 0 });
        Answer {
            granted,
            left,
            next,
            full: Duration::from_secs(60),
        }
    }

    /// Asks, and is granted all of it.
    fn renew(lease: &mut Lease, waiting: u32, now: Instant) -> u32 {
        let wanted = lease.wish(waiting);
        lease.learn(wanted, answer(wanted, 1_000), now);
        lease.asked();
        wanted
    }

    #[test]
    fn a_lease_is_twenty_tokens_or_a_hundredth_of_the_limit() {
        for (capacity, tokens) in [(6_000, 20), (2_000, 20), (600, 6), (199, 1), (1, 1)] {
            let rule = RateRule { capacity, ..RULE };
            assert_eq!(largest(rule), tokens, "{capacity}");
        }
    }

    #[test]
    fn the_first_request_takes_one_token_and_who_comes_again_gets_a_lease() {
        let now = Instant::now();
        let mut lease = Lease::new(RULE, 1, 7, now);
        assert_eq!(lease.take(RULE, true, now), Step::Wait { ask: true });
        assert_eq!(renew(&mut lease, 1, now), 1);
        let first = lease.serve(now).unwrap();
        assert_eq!(first.remaining, 999, "another may have used one as well");
        assert_eq!(lease.take(RULE, true, now), Step::Wait { ask: true });
        assert_eq!(renew(&mut lease, 1, now), 1 + 4);
        lease.serve(now).unwrap();
        let mut wishes = Vec::new();
        for _ in 0..60 {
            let Step::Decided { ask, .. } = lease.take(RULE, true, now) else {
                panic!("renewed ahead of need");
            };
            if ask {
                wishes.push(renew(&mut lease, 0, now));
                assert!(lease.held <= largest(RULE));
            }
        }
        let settled = &wishes[wishes.len() - 3..];
        assert!(
            settled.iter().all(|wish| (10..=18).contains(wish)),
            "most of a lease at a time: {wishes:?}"
        );
    }

    #[test]
    fn a_small_lease_is_renewed_before_its_last_token_is_taken() {
        let now = Instant::now();
        let rule = RateRule {
            capacity: 600,
            ..RULE
        };
        let mut lease = Lease::new(rule, 1, 7, now);
        lease.take(rule, true, now);
        renew(&mut lease, 2, now);
        for _ in 0..200 {
            let (_, ask) = lease.take_at_hand(rule, true, now).unwrap();
            if ask {
                assert!(lease.held > 0);
                renew(&mut lease, 0, now);
            }
        }
    }

    #[test]
    fn those_of_one_pace_are_renewed_at_different_times() {
        let now = Instant::now();
        let renewals: Vec<Vec<u32>> = (1..=50)
            .map(|seed| {
                let mut lease = Lease::new(RULE, 1, 0x9e37_79b9_u32.wrapping_mul(seed), now);
                (0..200)
                    .filter(|_| match lease.take(RULE, true, now) {
                        Step::Decided { ask: false, .. } => false,
                        Step::Decided { .. } => renew(&mut lease, 0, now) > 0,
                        _ => renew(&mut lease, 1, now) > 0 && lease.serve(now).is_some(),
                    })
                    .collect()
            })
            .collect();
        for moment in 20..200 {
            let together = renewals.iter().filter(|it| it.contains(&moment)).count();
            assert!(together < 20, "{together} of 50 at request {moment}");
        }
    }

    #[test]
    fn one_asks_at_a_time_and_nobody_waits_while_tokens_are_held() {
        let now = Instant::now();
        let mut lease = Lease::new(RULE, 1, 7, now);
        lease.learn(2, answer(2, 1_000), now);
        lease.low = 10;
        let step = lease.take(RULE, true, now);
        assert!(matches!(step, Step::Decided { ask: true, .. }));
        let step = lease.take(RULE, true, now);
        assert!(matches!(step, Step::Decided { ask: false, .. }));
        assert_eq!(lease.take(RULE, true, now), Step::Wait { ask: false });
    }

    #[test]
    fn an_empty_bucket_is_left_alone_until_it_refills() {
        let now = Instant::now();
        let mut lease = Lease::new(RULE, 1, 7, now);
        lease.take(RULE, true, now);
        lease.learn(1, answer(0, 0), now);
        lease.asked();
        let Step::Decided { decision, ask } = lease.take(RULE, true, now) else {
            panic!("it is known to be empty");
        };
        assert!(!decision.allowed && !ask && decision.remaining == 0);
        assert_eq!(decision.retry_after, Duration::from_millis(100));
        let later = now + Duration::from_millis(100);
        assert_eq!(lease.take(RULE, true, later), Step::Wait { ask: true });
    }

    #[test]
    fn while_redis_is_away_what_is_held_is_used_and_then_each_is_alone() {
        let now = Instant::now();
        let mut lease = Lease::new(RULE, 1, 7, now);
        lease.learn(1, answer(1, 1_000), now);
        let step = lease.take(RULE, false, now);
        assert!(matches!(step, Step::Decided { ask: false, .. }));
        assert_eq!(lease.take(RULE, false, now), Step::Alone);
    }

    #[test]
    fn old_news_are_renewed_while_tokens_are_taken() {
        let now = Instant::now();
        let mut lease = Lease::new(RULE, 1, 7, now);
        lease.learn(9, answer(9, 1_000), now);
        let step = lease.take(RULE, true, now + FRESH / 2);
        assert!(matches!(step, Step::Decided { ask: false, .. }));
        let step = lease.take(RULE, true, now + FRESH);
        assert!(matches!(step, Step::Decided { ask: true, .. }));
    }

    #[test]
    fn a_lease_is_idle_a_second_after_its_last_use_unless_somebody_asks() {
        let now = Instant::now();
        let mut lease = Lease::new(RULE, 1, 7, now);
        lease.take(RULE, true, now);
        assert!(!lease.is_idle(now + IDLE), "somebody waits");
        lease.asked();
        assert!(!lease.is_idle(now + IDLE / 2));
        assert!(lease.is_idle(now + IDLE));
    }
}
