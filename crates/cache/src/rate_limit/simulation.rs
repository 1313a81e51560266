//! Several processes with leases of one bucket, in virtual time: requests, delays and
//! deaths in any order.

use super::bucket::Bucket;
use super::lease::{IDLE, largest};
use super::leases::{Leases, Taken};
use super::{RateDecision, RateRule};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot::Receiver;

const NAME: &str = "somebody";

/// A replica, and what is under way there.
struct Replica {
    leases: Leases,
    /// What it has asked for and has no answer to.
    wanted: Option<u32>,
    waiting: Vec<Receiver<RateDecision>>,
}

impl Replica {
    fn new(now: Instant) -> Self {
        Self {
            leases: Leases::new(2, now),
            wanted: None,
            waiting: Vec::new(),
        }
    }
}

/// The world.
struct World {
    rule: RateRule,
    bucket: Bucket,
    replicas: Vec<Replica>,
    now: Instant,
    /// When requests were let by.
    accepted: Vec<Instant>,
}

impl World {
    fn new(rule: RateRule, replicas: usize) -> Self {
        let now = Instant::now();
        Self {
            rule,
            bucket: Bucket::full(now),
            replicas: (0..replicas).map(|_| Replica::new(now)).collect(),
            now,
            accepted: Vec::new(),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        for replica in &self.replicas {
            for rest in replica.leases.end_idle(self.now) {
                self.bucket
                    .take(self.rule, -i64::from(rest.tokens), self.now);
            }
        }
    }

    /// A request; `None`: it waits.
    fn request(&mut self, at: usize) -> Option<bool> {
        let replica = &mut self.replicas[at];
        let (rule, now) = (self.rule, self.now);
        let (taken, ask) = match replica.leases.take_at_hand(NAME, rule, true, now) {
            Some((decision, ask)) => (Taken::Decided(decision), ask),
            None => replica.leases.take(NAME, rule, true, now),
        };
        if ask.is_some() {
            replica.wanted = replica.leases.wish(NAME).map(|(_, wanted)| wanted);
        }
        match taken {
            Taken::Decided(decision) => {
                if decision.allowed {
                    self.accepted.push(self.now);
                }
                Some(decision.allowed)
            }
            Taken::Wait(decided) => {
                replica.waiting.push(decided);
                None
            }
            Taken::Single => {
                let answer = self.bucket.take(self.rule, 1, self.now);
                if answer.granted == 1 {
                    self.accepted.push(self.now);
                }
                Some(answer.granted == 1)
            }
            Taken::Alone => panic!("there is a bucket"),
        }
    }

    /// The bucket's answer arrives. Whether it refused anybody.
    fn answer(&mut self, at: usize) -> bool {
        let replica = &mut self.replicas[at];
        let Some(wanted) = replica.wanted.take() else {
            return false;
        };
        let answer = self.bucket.take(self.rule, i64::from(wanted), self.now);
        let name = Arc::from(NAME);
        let settled = replica.leases.settle(&name, wanted, Some(answer), self.now);
        if let Some(rest) = settled.surplus {
            self.bucket
                .take(self.rule, -i64::from(rest.tokens), self.now);
        }
        if settled.again {
            replica.wanted = replica.leases.wish(NAME).map(|(_, wanted)| wanted);
        }
        let mut refused = false;
        let (accepted, now) = (&mut self.accepted, self.now);
        replica
            .waiting
            .retain_mut(|decided| match decided.try_recv() {
                Ok(decision) => {
                    if decision.allowed {
                        accepted.push(now);
                    }
                    refused |= !decision.allowed;
                    false
                }
                Err(_) => true,
            });
        refused
    }

    /// A request and whatever it takes to decide it.
    fn ask(&mut self, at: usize) -> bool {
        let before = self.accepted.len();
        self.request(at);
        while self.replicas[at].wanted.is_some() {
            self.answer(at);
        }
        self.accepted.len() > before
    }

    fn tokens_left(&mut self) -> u32 {
        self.bucket.take(self.rule, 0, self.now).left
    }
}

#[derive(Debug, Clone)]
enum Act {
    Request(usize),
    Answer(usize),
    Pass(u64),
    Die(usize),
}

fn acts(replicas: usize) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        60 => (0..replicas).prop_map(Act::Request),
        30 => (0..replicas).prop_map(Act::Answer),
        9 => (0..400_u64).prop_map(Act::Pass),
        1 => (0..replicas).prop_map(Act::Die),
    ];
    prop::collection::vec(act, 0..1_500)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_time_is_exceeded_by_more_than_a_lease_a_replica(
        acts in acts(3),
        capacity in 100..600_u32,
        per_second in 0.1..50.0_f64,
    ) {
        let rule = RateRule { capacity, per_second };
        let mut world = World::new(rule, 3);
        for act in acts {
            match act {
                Act::Request(at) => {
                    world.request(at);
                }
                Act::Answer(at) => {
                    world.answer(at);
                }
                Act::Pass(milliseconds) => world.pass(Duration::from_millis(milliseconds)),
                Act::Die(at) => world.replicas[at] = Replica::new(world.now),
            }
        }
        let leases = 3 * largest(rule);
        for (from, begin) in world.accepted.iter().enumerate() {
            for (to, end) in world.accepted.iter().enumerate().skip(from) {
                let accepted = (to - from + 1) as f64;
                let refilled = (*end - *begin).as_secs_f64() * per_second;
                let most = f64::from(capacity + leases) + refilled + 1e-6;
                prop_assert!(accepted <= most, "{accepted} of {most}");
            }
        }
    }
}

const RULE: RateRule = RateRule {
    capacity: 2_000,
    per_second: 0.001,
};

#[test]
fn the_whole_limit_is_given_out_though_two_replicas_hold_leases() {
    let mut world = World::new(RULE, 2);
    let mut refused = [false; 2];
    for turn in 0.. {
        let at = turn % 2;
        refused[at] = !world.ask(at);
        if refused == [true, true] {
            break;
        }
    }
    assert_eq!(world.accepted.len(), 2_000);
}

#[test]
fn what_lies_idle_comes_back_and_a_dead_replica_takes_one_lease_along() {
    let mut world = World::new(RULE, 2);
    for _ in 0..100 {
        world.ask(0);
    }
    let stranded = 1_900 - world.tokens_left();
    assert!((1..=20).contains(&stranded), "{stranded}");
    world.pass(IDLE);
    assert_eq!(world.tokens_left(), 1_900);
    for _ in 0..100 {
        world.ask(1);
    }
    world.replicas[1] = Replica::new(world.now);
    world.pass(IDLE);
    let left = world.tokens_left();
    assert!((1_780..1_800).contains(&left), "{left}");
}

#[test]
fn what_is_said_to_remain_is_never_more_than_there_is_for_balanced_replicas() {
    let mut world = World::new(RULE, 2);
    for turn in 0..1_000_u32 {
        let at = (turn % 2) as usize;
        let (taken, ask) = world.replicas[at].leases.take(NAME, RULE, true, world.now);
        if ask.is_some() {
            world.replicas[at].wanted = world.replicas[at].leases.wish(NAME).map(|it| it.1);
        }
        let told = match taken {
            Taken::Decided(decision) => {
                world.answer(at);
                decision
            }
            Taken::Wait(mut decided) => {
                world.answer(at);
                decided.try_recv().unwrap()
            }
            Taken::Single => world.bucket.take(RULE, 1, world.now).of_one(),
            Taken::Alone => panic!("there is a bucket"),
        };
        let there = 2_000 - turn - 1;
        assert!(told.remaining <= there, "{} of {there}", told.remaining);
        assert!(
            told.remaining + 80 >= there,
            "{} of {there}",
            told.remaining
        );
    }
}
