//! Against a real Redis, whose address `REDIS_URL` names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod budget;
mod leases;
mod outage;
mod progress;
mod properties;
mod rate_limit;

use cache::{Cache, Settings};
use std::time::Duration;
use testkit::{Proxy, TestRedis};

/// Long enough for a loaded machine, short enough to notice a hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// One process' handle on the test's corner of Redis.
fn client(redis: &TestRedis) -> Cache {
    client_at(redis, redis.url())
}

fn client_at(redis: &TestRedis, url: &str) -> Cache {
    let settings = Settings {
        prefix: redis.prefix().to_owned(),
        // The tests share the machine with each other.
        operation_timeout: Duration::from_secs(5),
        ..Settings::new(url.to_owned().into())
    };
    Cache::connect(&settings).unwrap()
}

/// The same through a proxy, which can cut the way.
async fn proxied(redis: &TestRedis) -> (Proxy, Cache) {
    let server = redis
        .url()
        .trim_start_matches("redis://")
        .trim_end_matches('/');
    let server = server.split('/').next().unwrap().to_owned();
    let proxy = Proxy::start(server).await;
    let cache = client_at(redis, &format!("redis://{}", proxy.address()));
    (proxy, cache)
}
