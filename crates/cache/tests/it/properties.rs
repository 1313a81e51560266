//! The budget's script, run with times of our own, has the properties that
//! `panels` proves of the arithmetic in memory.

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Client, Script};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use testkit::TestRedis;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// The panel counts in windows of this length …
const WINDOW_MS: u64 = 60_000;
/// … and a request arrives at most this much later than it was granted.
const SLACK_MS: u64 = 250;
/// When the tests begin, somewhere in 2023.
const START: u64 = 1_700_000_000_000;

/// One bucket in Redis, at times that the test chooses.
struct Bucket<'a> {
    runtime: &'a Runtime,
    connection: MultiplexedConnection,
    script: &'a Script,
    key: String,
    limit: u32,
}

impl Bucket<'_> {
    fn run(&mut self, operation: &str, now: u64, arguments: &[u64]) -> u64 {
        let mut invocation = self.script.key(&self.key);
        invocation
            .arg(operation)
            .arg(now)
            .arg(self.limit)
            .arg(arguments);
        self.runtime
            .block_on(invocation.invoke_async(&mut self.connection))
            .unwrap()
    }

    fn is_granted(&mut self, now: u64) -> bool {
        self.run("take", now, &[]) == 0
    }
}

/// Runs `property` for random values, each with a fresh bucket of `limit`.
fn check<S: Strategy>(
    strategy: S,
    property: impl Fn(&dyn Fn(u32) -> Bucket<'static>, S::Value) -> Result<(), TestCaseError>,
) {
    // They live as long as the test's process.
    let runtime: &'static Runtime = Box::leak(Box::new(
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap(),
    ));
    let script: &'static Script =
        Box::leak(Box::new(Script::new(include_str!("../../src/budget.lua"))));
    let redis = TestRedis::new();
    let client = Client::open(redis.url()).unwrap();
    let connection = runtime
        .block_on(client.get_multiplexed_async_connection())
        .unwrap();
    let fresh = |limit| Bucket {
        runtime,
        connection: connection.clone(),
        script,
        key: format!("{}{}", redis.prefix(), Uuid::new_v4()),
        limit,
    };
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..Default::default()
    });
    runner
        .run(&strategy, |value| property(&fresh, value))
        .unwrap();
}

#[test]
fn a_sole_client_never_exceeds_the_limit_of_any_panel_window() {
    let steps = prop::collection::vec((0u64..9_000, 0u64..SLACK_MS), 1..120);
    check((1u32..20, steps), |fresh, (limit, steps)| {
        let (mut bucket, mut now) = (fresh(limit), START);
        let mut arrivals = Vec::new();
        for (pause, delay) in steps {
            now += pause;
            if bucket.is_granted(now) {
                arrivals.push(now + delay);
            }
        }
        arrivals.sort_unstable();
        let (mut ends_at, mut count) = (0, 0);
        for at in arrivals {
            if at >= ends_at {
                (ends_at, count) = (at + WINDOW_MS, 0);
            }
            count += 1;
            prop_assert!(
                count <= limit,
                "more than {limit} in one window of the panel"
            );
        }
        Ok(())
    });
}

#[test]
fn nothing_is_granted_so_late_in_a_window_that_it_may_arrive_in_the_next() {
    check(1u64..2 * SLACK_MS, |fresh, late| {
        let mut bucket = fresh(3);
        let end = START + WINDOW_MS - SLACK_MS;
        prop_assert!(bucket.is_granted(START));
        prop_assert!(bucket.is_granted(end));
        let wait = bucket.run("take", end + late, &[]);
        prop_assert_eq!(end + late + wait, START + WINDOW_MS + SLACK_MS);
        Ok(())
    });
}

#[test]
fn nothing_is_granted_inside_a_block() {
    let steps = prop::collection::vec((0u64..20_000, prop::option::of(0u64..90_000)), 1..60);
    check(steps, |fresh, steps| {
        let (mut bucket, mut now, mut blocked) = (fresh(5), START, 0);
        for (pause, block) in steps {
            now += pause;
            if let Some(length) = block {
                bucket.run("block", now, &[length]);
                blocked = blocked.max(now + length);
            }
            prop_assert!(now >= blocked || !bucket.is_granted(now));
        }
        Ok(())
    });
}

#[test]
fn whoever_waits_as_told_is_granted_soon() {
    let events = prop::collection::vec((0u64..70_000, 0u64..10, 0u64..10, any::<bool>()), 0..30);
    check((1u32..10, events), |fresh, (limit, events)| {
        let (mut bucket, mut now) = (fresh(limit), START);
        for (pause, limit, remaining, block) in events {
            now += pause;
            bucket.run("take", now, &[]);
            bucket.run("learn", now, &[limit, remaining]);
            if block {
                bucket.run("block", now, &[7_000]);
            }
        }
        for _ in 0..3 {
            match bucket.run("take", now, &[]) {
                0 => return Ok(()),
                wait => now += wait,
            }
        }
        Err(TestCaseError::fail("still waiting after three waits"))
    });
}

#[test]
fn an_answer_from_the_window_before_does_not_empty_the_new_one() {
    check(3_000u64..=20_000, |fresh, late| {
        let mut bucket = fresh(2);
        let next = START + WINDOW_MS + SLACK_MS;
        prop_assert!(bucket.is_granted(START));
        prop_assert!(bucket.is_granted(START + 59_000));
        prop_assert!(bucket.is_granted(next));
        bucket.run("learn", next + 2_999, &[2, 0]);
        prop_assert!(bucket.is_granted(next + 2_999));
        // Later it is believed.
        let mut bucket = fresh(2);
        prop_assert!(bucket.is_granted(START));
        prop_assert!(bucket.is_granted(next));
        bucket.run("learn", next + late, &[2, 0]);
        prop_assert!(!bucket.is_granted(next + late));
        Ok(())
    });
}
