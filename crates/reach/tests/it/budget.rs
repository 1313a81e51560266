//! The budget that processes share: through Redis, without it, and when it has
//! forgotten.

use crate::stage::{PATIENCE, Stage};
use cache::{Cache, Settings};
use chrono::{TimeDelta, Utc};
use common::seams::{Bucket, BudgetLimits, PanelApi, Permit, RateHeaders, RequestBudget};
use reach::SharedBudget;
use std::time::Duration;
use testkit::{Proxy, TestRedis, test_logger, wait_for};

/// Nobody listens there.
const NO_REDIS: &str = "redis://127.0.0.1:1/0";

const LIMITS: BudgetLimits = BudgetLimits {
    application: 8,
    client: 12,
};

struct World {
    stage: Stage,
    redis: TestRedis,
    bucket: Bucket,
}

impl World {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let panel = stage.store.panel_default("http://panel.test").await;
        Self {
            redis: TestRedis::new(),
            bucket: Bucket {
                panel: panel.unwrap().panel_id(),
                api: PanelApi::Application,
            },
            stage,
        }
    }

    /// One process' budget; `sharers` count while it does not reach Redis.
    fn process(&self, url: &str, prefix: &str, sharers: u32) -> SharedBudget {
        let cache = Cache::connect(&Settings {
            prefix: prefix.to_owned(),
            // The tests share the machine with each other.
            operation_timeout: Duration::from_secs(5),
            ..Settings::new(url.to_owned().into())
        });
        let store = self.stage.store.clone();
        SharedBudget::new(cache.unwrap(), store, LIMITS, sharers, test_logger())
    }

    fn with_redis(&self) -> SharedBudget {
        self.process(self.redis.url(), self.redis.prefix(), 1)
    }

    fn without_redis(&self, sharers: u32) -> SharedBudget {
        self.process(NO_REDIS, "", sharers)
    }

    async fn order_to_wait(&self, process: &SharedBudget) {
        let until = Utc::now() + TimeDelta::seconds(600);
        process.block(self.bucket, until).await.unwrap();
    }

    async fn assert_waits(&self, process: &SharedBudget) {
        let Permit::Wait(wait) = process.take(self.bucket).await.unwrap() else {
            panic!("a request inside the panel's Retry-After");
        };
        assert!(wait > Duration::from_secs(500), "{wait:?}");
        assert!(wait <= Duration::from_secs(600), "{wait:?}");
    }
}

/// How many requests are granted before one has to wait.
async fn granted(process: &SharedBudget, bucket: Bucket) -> u32 {
    let mut granted = 0;
    while process.take(bucket).await.unwrap() == Permit::Granted {
        granted += 1;
    }
    granted
}

#[tokio::test]
async fn with_redis_processes_share_one_limit_whatever_their_number_is_said_to_be() {
    let world = World::new().await;
    let (one, other) = (world.with_redis(), world.with_redis());
    one.set_sharers(4);
    assert_eq!(one.take(world.bucket).await.unwrap(), Permit::Granted);
    assert_eq!(granted(&other, world.bucket).await, 7);
    assert_eq!(granted(&one, world.bucket).await, 0);
}

#[tokio::test]
async fn without_redis_each_process_takes_its_share_of_the_configured_limit() {
    let world = World::new().await;
    let client = Bucket {
        api: PanelApi::Client,
        ..world.bucket
    };
    let process = world.without_redis(4);
    assert_eq!(granted(&process, world.bucket).await, 2);
    assert_eq!(granted(&process, client).await, 3);
    process.set_sharers(2);
    assert_eq!(granted(&process, world.bucket).await, 2);
}

#[tokio::test]
async fn without_redis_a_share_is_taken_of_what_the_panel_allows() {
    let world = World::new().await;
    let process = world.without_redis(4);
    let headers = RateHeaders {
        limit: 40,
        remaining: 40,
    };
    process.learn(world.bucket, headers).await.unwrap();
    assert_eq!(granted(&process, world.bucket).await, 10);
}

#[tokio::test]
async fn an_order_to_wait_binds_every_process_and_its_api_alone() {
    for (redis, api, free) in [
        (true, PanelApi::Application, PanelApi::Client),
        (true, PanelApi::Client, PanelApi::Application),
        (false, PanelApi::Application, PanelApi::Client),
        (false, PanelApi::Client, PanelApi::Application),
    ] {
        let mut world = World::new().await;
        world.bucket.api = api;
        let process = || {
            if redis {
                world.with_redis()
            } else {
                world.without_redis(2)
            }
        };
        let (one, other) = (process(), process());
        world.order_to_wait(&one).await;
        world.assert_waits(&one).await;
        world.assert_waits(&other).await;
        let free = Bucket {
            api: free,
            ..world.bucket
        };
        assert_eq!(other.take(free).await.unwrap(), Permit::Granted);
    }
}

#[tokio::test]
async fn an_order_that_redis_never_heard_binds_those_that_reach_it() {
    let world = World::new().await;
    let (away, there) = (world.without_redis(2), world.with_redis());
    assert_eq!(there.take(world.bucket).await.unwrap(), Permit::Granted);
    world.order_to_wait(&away).await;
    world.assert_waits(&there).await;
}

#[tokio::test]
async fn an_order_outlives_a_redis_that_forgets_it() {
    let world = World::new().await;
    world.order_to_wait(&world.with_redis()).await;
    // A restart without its memory, seen from here: no key is there.
    let forgetful = TestRedis::new();
    let after = world.process(forgetful.url(), forgetful.prefix(), 1);
    world.assert_waits(&after).await;
}

#[tokio::test]
async fn when_redis_is_back_the_limit_is_shared_again() {
    let world = World::new().await;
    let server = world.redis.url().split_once("://").unwrap().1;
    let server = server.split('/').next().unwrap().rsplit('@').next();
    let proxy = Proxy::start(server.unwrap().to_owned()).await;
    let through = format!("redis://{}/0", proxy.address());
    let process = world.process(&through, world.redis.prefix(), 4);
    for _ in 0..3 {
        assert_eq!(process.take(world.bucket).await.unwrap(), Permit::Granted);
    }
    proxy.cut();
    assert_eq!(granted(&process, world.bucket).await, 2, "its share");
    proxy.mend();
    wait_for("Redis to count again", PATIENCE, async || {
        let permit = process.take(world.bucket).await.unwrap();
        (permit == Permit::Granted)
            .then_some(())
            .ok_or_else(|| format!("{permit:?}"))
    })
    .await;
    assert_eq!(granted(&process, world.bucket).await, 4);
}

#[tokio::test]
async fn where_nobody_can_tell_whether_to_wait_nothing_is_granted() {
    let world = World::new().await;
    let unknown = Bucket {
        panel: common::types::id::PanelId::new(),
        ..world.bucket
    };
    assert!(world.without_redis(1).take(unknown).await.is_err());
}
