use crate::{PATIENCE, client, client_at, proxied};
use cache::{RateLimiter, RateRule};
use deadpool_redis::redis::{Client, cmd};
use std::time::Duration;
use testkit::{Proxy, TestRedis, wait_for};

#[tokio::test]
async fn a_full_bucket_lets_its_capacity_through_and_then_names_the_wait() {
    let redis = TestRedis::new();
    let cache = client(&redis);
    let rule = RateRule {
        capacity: 3,
        per_second: 0.01,
    };
    for left in [2, 1, 0] {
        let decision = cache.take_token("login:someone", rule).await.unwrap();
        assert!(decision.allowed);
        assert_eq!(decision.remaining, left);
    }
    let decision = cache.take_token("login:someone", rule).await.unwrap();
    assert!(!decision.allowed);
    assert_eq!(decision.remaining, 0);
    // 100 s a token, less what has passed since.
    assert!(
        decision.retry_after <= Duration::from_secs(100),
        "{decision:?}"
    );
    assert!(
        decision.retry_after > Duration::from_secs(50),
        "{decision:?}"
    );
    assert!(
        decision.reset_after > Duration::from_secs(250),
        "{decision:?}"
    );
}

#[tokio::test]
async fn two_processes_share_one_bucket_and_names_do_not() {
    let redis = TestRedis::new();
    let (one, other) = (client(&redis), client(&redis));
    let rule = RateRule {
        capacity: 1,
        per_second: 0.01,
    };
    assert!(one.take_token("a", rule).await.unwrap().allowed);
    assert!(!other.take_token("a", rule).await.unwrap().allowed);
    assert!(other.take_token("b", rule).await.unwrap().allowed);
}

#[tokio::test]
async fn tokens_come_back() {
    let redis = TestRedis::new();
    let cache = client(&redis);
    let rule = RateRule {
        capacity: 1,
        per_second: 5.0,
    };
    assert!(cache.take_token("again", rule).await.unwrap().allowed);
    wait_for("the next token", PATIENCE, async || {
        cache
            .take_token("again", rule)
            .await
            .unwrap()
            .allowed
            .then_some(())
    })
    .await;
}

const STRICT: RateRule = RateRule {
    capacity: 6,
    per_second: 0.001,
};

#[tokio::test]
async fn a_limiter_counts_with_all_others_while_redis_answers() {
    let redis = TestRedis::new();
    let log = testkit::test_logger();
    let limiters = [
        RateLimiter::new(client(&redis), 2, PATIENCE, &log),
        RateLimiter::new(client(&redis), 2, PATIENCE, &log),
    ];
    let mut granted = 0;
    for turn in 0..20 {
        let ruling = limiters[turn % 2].take("login", STRICT).await;
        assert!(ruling.shared);
        granted += u32::from(ruling.decision.allowed);
    }
    assert_eq!(granted, STRICT.capacity);
}

#[tokio::test]
async fn without_redis_each_process_holds_its_share_and_decides_at_once() {
    let redis = TestRedis::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", nobody.local_addr().unwrap());
    let wait = Duration::from_millis(20);
    let limiter = RateLimiter::new(client_at(&redis, &url), 2, wait, &testkit::test_logger());
    let mut granted = 0;
    let started = std::time::Instant::now();
    for _ in 0..1_000 {
        let ruling = limiter.take("login", STRICT).await;
        assert!(!ruling.shared);
        granted += u32::from(ruling.decision.allowed);
    }
    assert_eq!(granted, STRICT.capacity / 2);
    // The silent Redis was waited for once a second at most, 20 ms each.
    assert!(started.elapsed() < PATIENCE, "not the timeout each time");
}

/// A limiter that a proxy can part from Redis.
async fn parted(redis: &TestRedis) -> (Proxy, RateLimiter) {
    let (proxy, cache) = proxied(redis).await;
    let wait = Duration::from_secs(2);
    (
        proxy,
        RateLimiter::new(cache, 2, wait, &testkit::test_logger()),
    )
}

/// Waits until the bucket has been changed after `before`, and about so much of it is used;
/// says when it was changed.
async fn wait_until_used(redis: &TestRedis, expected: f64, before: u64) -> u64 {
    let client = Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{}rate:login", redis.prefix());
    let read = cmd("HMGET").arg(key).arg("used").arg("at").to_owned();
    wait_for("the bucket", PATIENCE, async || {
        let (used, at): (Option<f64>, Option<u64>) =
            read.query_async(&mut connection).await.unwrap();
        match (used, at) {
            (Some(used), Some(at)) if at > before && (used - expected).abs() < 0.5 => Ok(at),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

#[tokio::test]
async fn what_redis_grants_too_late_is_given_back() {
    let redis = TestRedis::new();
    let (proxy, limiter) = parted(&redis).await;
    assert!(limiter.take("login", STRICT).await.shared);
    let taken = wait_until_used(&redis, 1.0, 0).await;
    proxy.silence();
    assert!(!limiter.take("login", STRICT).await.shared);
    proxy.mend();
    wait_until_used(&redis, 1.0, taken).await;
}

#[tokio::test]
async fn what_redis_gave_is_given_back_also_while_it_is_left_alone() {
    let redis = TestRedis::new();
    let (proxy, limiter) = parted(&redis).await;
    let ruling = limiter.take("login", STRICT).await;
    assert!(ruling.shared);
    proxy.cut();
    assert!(!limiter.take("login", STRICT).await.shared);
    proxy.mend();
    limiter.give_back("login", STRICT, ruling).await;
    wait_until_used(&redis, 0.0, 0).await;
}
