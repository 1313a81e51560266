//! What leaves within which time, however many notifiers there are.

use super::*;
use std::time::Instant;
use testkit::{TestRedis, test_logger};
use tokio::task::JoinSet;

fn budget(redis: &TestRedis) -> DiscordBudget {
    let mut settings = cache::Settings::new(redis.url().to_owned().into());
    redis.prefix().clone_into(&mut settings.prefix);
    let cache = Cache::connect(&settings).unwrap();
    DiscordBudget {
        limiter: RateLimiter::new(cache, 1, Duration::from_secs(10), &test_logger()),
    }
}

/// Requests that leave at once.
async fn at_once(budgets: &[DiscordBudget], of: impl Fn(u32) -> (String, String)) -> u32 {
    for made in 0.. {
        let (webhook, channel) = of(made);
        let budget = &budgets[made as usize % budgets.len()];
        if budget.take(&webhook, &channel).await.is_err() {
            return made;
        }
    }
    unreachable!("a budget is finite")
}

#[tokio::test]
async fn notifiers_together_keep_within_a_webhooks_and_a_channels_limits() {
    let redis = TestRedis::new();
    let budgets = [budget(&redis), budget(&redis)];
    let began = Instant::now();
    let webhook = at_once(&budgets, |it| ("w".to_owned(), it.to_string())).await;
    let channel = at_once(&budgets, |it| (it.to_string(), "c".to_owned())).await;
    // What comes back meanwhile: one a second, 25 a minute.
    let seconds = u32::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!((3..3 + seconds).contains(&webhook), "{webhook}");
    assert!((5..5 + seconds).contains(&channel), "{channel}");
}

#[tokio::test]
async fn all_requests_of_an_address_together_are_limited() {
    let redis = TestRedis::new();
    let budgets = [budget(&redis), budget(&redis)];
    let began = Instant::now();
    let many = (0..200).map(|it| {
        let (name, budget) = (it.to_string(), budgets[it % 2].clone());
        async move { budget.take(&name, &name).await.is_ok() }
    });
    let taken = many.collect::<JoinSet<_>>().join_all().await;
    let taken = taken.into_iter().filter(|it| *it).count();
    let most = 10.0 + 40.0 * began.elapsed().as_secs_f64();
    assert!(taken >= 10 && taken as f64 <= most, "{taken} of {most}");
}

#[tokio::test]
async fn without_redis_each_notifier_keeps_to_its_share() {
    // Nobody listens there.
    let nowhere = cache::Settings::new("redis://127.0.0.1:1/0".to_owned().into());
    let cache = Cache::connect(&nowhere).unwrap();
    let patience = Duration::from_secs(10);
    let limiter = RateLimiter::new(cache, 4, patience, &test_logger());
    let began = Instant::now();
    let of = |it: u32| (it.to_string(), it.to_string());
    let taken = at_once(&[DiscordBudget { limiter }], of).await;
    let most = 10.0 / 4.0 + 40.0 / 4.0 * began.elapsed().as_secs_f64();
    assert!(taken >= 1 && f64::from(taken) <= most, "{taken} of {most}");
}
