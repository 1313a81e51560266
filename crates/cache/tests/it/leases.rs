//! Generous limits, served from leases.

use crate::{PATIENCE, client, proxied};
use cache::{Cache, RateLimiter, RateRule};
use futures_util::future::join_all;
use std::time::{Duration, Instant};
use testkit::{TestRedis, test_logger, wait_for};

/// A lease of it is 20 tokens; while a test runs, hardly any come back.
const RULE: RateRule = RateRule {
    capacity: 2_000,
    per_second: 0.001,
};

const LEASE: u32 = 20;

fn replica(redis: &TestRedis) -> RateLimiter {
    RateLimiter::new(client(redis), 2, PATIENCE, &test_logger())
}

/// Takes tokens one after the other, and says how many were there.
async fn taken(limiter: &RateLimiter, tokens: u32) -> u32 {
    let mut granted = 0;
    for _ in 0..tokens {
        let ruling = limiter.take_leased("it", RULE).await;
        assert!(ruling.shared);
        granted += u32::from(ruling.decision.allowed);
    }
    granted
}

/// Tokens that the shared bucket has after one more is taken from it.
async fn left(cache: &Cache) -> u32 {
    cache.take_token("it", RULE).await.unwrap().remaining
}

#[tokio::test]
async fn two_replicas_under_twenty_callers_give_out_the_limit_and_no_more() {
    let redis = TestRedis::new();
    let replicas = [replica(&redis), replica(&redis)];
    let callers = (0..20).map(|caller| {
        let limiter = &replicas[caller % 2];
        async move {
            let mut granted = 0;
            loop {
                let ruling = limiter.take_leased("it", RULE).await;
                assert!(ruling.shared);
                if !ruling.decision.allowed {
                    return granted;
                }
                granted += 1;
            }
        }
    });
    let granted: u32 = join_all(callers).await.into_iter().sum();
    // A caller gives up when its replica finds the bucket empty: what that replica, or the
    // other, holds by then is for those who still come.
    assert!(granted <= RULE.capacity, "{granted}");
    let later = taken(&replicas[0], LEASE).await + taken(&replicas[1], LEASE).await;
    assert_eq!(granted + later, RULE.capacity);
}

#[tokio::test]
async fn requests_at_the_same_time_are_all_let_by_in_a_few_questions() {
    let redis = TestRedis::new();
    let limiter = replica(&redis);
    let requests = (0..1_000).map(|_| limiter.take_leased("it", RULE));
    let rulings = join_all(requests).await;
    assert!(rulings.iter().all(|it| it.decision.allowed && it.shared));
    let left = left(&client(&redis)).await;
    let held = RULE.capacity - 1_000 - 1 - left;
    assert!(held <= LEASE, "{held} held");
}

#[tokio::test]
async fn what_is_held_is_never_more_than_a_lease_and_comes_back_when_it_is_idle() {
    let redis = TestRedis::new();
    let (limiter, cache) = (replica(&redis), client(&redis));
    assert_eq!(taken(&limiter, 200).await, 200);
    let left_now = left(&cache).await;
    let mut probes = 1;
    let held = RULE.capacity - 200 - probes - left_now;
    assert!(held <= LEASE, "{held} held");
    wait_for("the lease's return", PATIENCE, async || {
        probes += 1;
        (left(&cache).await == RULE.capacity - 200 - probes).then_some(())
    })
    .await;
    assert_eq!(taken(&limiter, 1).await, 1, "there is another");
}

#[tokio::test]
async fn the_first_request_of_a_caller_takes_one_token_and_no_more() {
    let redis = TestRedis::new();
    let ruling = replica(&redis).take_leased("it", RULE).await;
    assert_eq!(ruling.decision.remaining, RULE.capacity - 1);
    assert_eq!(left(&client(&redis)).await, RULE.capacity - 2);
}

#[tokio::test]
async fn a_replica_that_dies_takes_at_most_one_lease_along() {
    let redis = TestRedis::new();
    let doomed = replica(&redis);
    assert_eq!(taken(&doomed, 500).await, 500);
    drop(doomed);
    let granted = 500 + taken(&replica(&redis), RULE.capacity).await;
    assert!(granted >= RULE.capacity - LEASE, "{granted}");
    assert!(granted <= RULE.capacity, "{granted}");
}

#[tokio::test]
async fn a_replica_that_ends_gives_all_back_at_once() {
    let redis = TestRedis::new();
    let ending = replica(&redis);
    assert_eq!(taken(&ending, 500).await, 500);
    ending.close().await;
    assert_eq!(left(&client(&redis)).await, RULE.capacity - 501);
}

#[tokio::test]
async fn what_is_said_to_remain_is_a_lower_bound() {
    let redis = TestRedis::new();
    let replicas = [replica(&redis), replica(&redis)];
    for turn in 0..400_u32 {
        let ruling = replicas[turn as usize % 2].take_leased("it", RULE).await;
        let there = RULE.capacity - turn - 1;
        let told = ruling.decision.remaining;
        assert!(told <= there, "{told} of {there}");
        assert!(told + 4 * LEASE >= there, "{told} of {there}");
    }
}

#[tokio::test]
async fn a_small_limit_is_exact_to_the_request() {
    let redis = TestRedis::new();
    let replicas = [replica(&redis), replica(&redis)];
    let rule = RateRule {
        capacity: 50,
        per_second: 0.001,
    };
    for turn in 0..60_u32 {
        let ruling = replicas[turn as usize % 2].take_leased("it", rule).await;
        assert_eq!(ruling.decision.allowed, turn < 50);
        assert_eq!(ruling.decision.remaining, 49_u32.saturating_sub(turn));
    }
}

#[tokio::test]
async fn another_capacity_counts_at_once_whatever_was_used() {
    let redis = TestRedis::new();
    let cache = client(&redis);
    let of = |capacity| RateRule {
        capacity,
        per_second: 0.001,
    };
    let take = async |capacity| cache.take_token("it", of(capacity)).await.unwrap();
    for _ in 0..3 {
        assert!(take(3).await.allowed);
    }
    assert!(!take(3).await.allowed);
    assert_eq!(take(10).await.remaining, 6, "raised");
    assert!(!take(3).await.allowed, "and lowered");
    assert_eq!(take(10).await.remaining, 5, "without giving anything back");
}

#[tokio::test]
async fn without_redis_what_is_held_is_used_and_then_each_has_its_share() {
    let redis = TestRedis::new();
    let (proxy, through) = proxied(&redis).await;
    let limiter = RateLimiter::new(through, 2, Duration::from_secs(5), &test_logger());
    assert_eq!(taken(&limiter, 100).await, 100);
    proxy.cut();
    let begun = Instant::now();
    let (mut leased, mut share) = (0, 0);
    for _ in 0..1_500 {
        let ruling = limiter.take_leased("it", RULE).await;
        match (ruling.decision.allowed, ruling.shared) {
            (true, true) => leased += 1,
            (true, false) => share += 1,
            (false, _) => {}
        }
    }
    assert!(leased <= LEASE, "{leased}");
    assert_eq!(share, RULE.capacity / 2);
    assert!(begun.elapsed() < PATIENCE, "not the timeout each time");

    proxy.mend();
    wait_for("Redis", PATIENCE, async || {
        limiter.take_leased("it", RULE).await.shared.then_some(())
    })
    .await;
}
