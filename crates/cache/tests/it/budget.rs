use crate::client;
use cache::RedisBudget;
use chrono::{TimeDelta, Utc};
use common::seams::{Bucket, BudgetLimits, PanelApi, Permit, RateHeaders, RequestBudget};
use common::types::id::PanelId;
use std::time::Duration;
use testkit::TestRedis;

const LIMITS: BudgetLimits = BudgetLimits {
    application: 3,
    client: 5,
};

fn budget(redis: &TestRedis) -> RedisBudget {
    RedisBudget::new(client(redis), LIMITS)
}

fn bucket() -> Bucket {
    Bucket {
        panel: PanelId::new(),
        api: PanelApi::Application,
    }
}

/// How many requests are granted before one has to wait, and how long.
async fn granted_before_wait(budget: &RedisBudget, bucket: Bucket) -> (u32, Duration) {
    let mut granted = 0;
    loop {
        match budget.take(bucket).await.unwrap() {
            Permit::Granted => granted += 1,
            Permit::Wait(wait) => return (granted, wait),
        }
    }
}

#[tokio::test]
async fn two_processes_share_one_budget() {
    let redis = TestRedis::new();
    let (one, other, bucket) = (budget(&redis), budget(&redis), bucket());
    assert_eq!(one.take(bucket).await.unwrap(), Permit::Granted);
    assert_eq!(other.take(bucket).await.unwrap(), Permit::Granted);
    let (granted, wait) = granted_before_wait(&one, bucket).await;
    assert_eq!(granted, 1);
    assert!(wait <= Duration::from_millis(60_250), "{wait:?}");
    assert!(matches!(other.take(bucket).await.unwrap(), Permit::Wait(_)));
}

#[tokio::test]
async fn requests_taken_at_the_same_time_are_counted_apart() {
    let redis = TestRedis::new();
    let limits = BudgetLimits {
        application: 40,
        client: 1,
    };
    let budget = RedisBudget::new(client(&redis), limits);
    let bucket = bucket();
    let permits = futures_util::future::join_all((0..100).map(|_| budget.take(bucket))).await;
    let granted = permits
        .into_iter()
        .filter(|permit| *permit == Ok(Permit::Granted))
        .count();
    assert_eq!(granted, 40);
}

#[tokio::test]
async fn panels_and_their_apis_have_buckets_of_their_own() {
    let redis = TestRedis::new();
    let budget = budget(&redis);
    let application = bucket();
    let client = Bucket {
        api: PanelApi::Client,
        ..application
    };
    assert_eq!(granted_before_wait(&budget, application).await.0, 3);
    assert_eq!(granted_before_wait(&budget, client).await.0, 5);
    assert_eq!(granted_before_wait(&budget, bucket()).await.0, 3);
}

#[tokio::test]
async fn a_limit_that_one_process_learns_counts_for_all() {
    let redis = TestRedis::new();
    let (one, other, bucket) = (budget(&redis), budget(&redis), bucket());
    assert_eq!(one.take(bucket).await.unwrap(), Permit::Granted);
    one.learn(
        bucket,
        RateHeaders {
            limit: 10,
            remaining: 9,
        },
    )
    .await
    .unwrap();
    assert_eq!(granted_before_wait(&other, bucket).await.0, 9);
}

#[tokio::test]
async fn requests_of_strangers_are_noticed() {
    let redis = TestRedis::new();
    let (budget, bucket) = (budget(&redis), bucket());
    assert_eq!(budget.take(bucket).await.unwrap(), Permit::Granted);
    budget
        .learn(
            bucket,
            RateHeaders {
                limit: 3,
                remaining: 0,
            },
        )
        .await
        .unwrap();
    assert_eq!(granted_before_wait(&budget, bucket).await.0, 0);
}

#[tokio::test]
async fn a_retry_after_holds_every_process_back() {
    let redis = TestRedis::new();
    let (one, other, bucket) = (budget(&redis), budget(&redis), bucket());
    one.block(bucket, Utc::now() + TimeDelta::seconds(600))
        .await
        .unwrap();
    let (granted, wait) = granted_before_wait(&other, bucket).await;
    assert_eq!(granted, 0);
    assert!(wait <= Duration::from_secs(600), "{wait:?}");
    assert!(wait > Duration::from_secs(500), "{wait:?}");
    // A shorter one said later does not let anybody in sooner.
    other
        .block(bucket, Utc::now() + TimeDelta::seconds(1))
        .await
        .unwrap();
    assert!(granted_before_wait(&one, bucket).await.1 > Duration::from_secs(500));
}

#[tokio::test]
async fn a_retry_after_in_the_past_begins_a_new_window() {
    let redis = TestRedis::new();
    let (budget, bucket) = (budget(&redis), bucket());
    assert_eq!(granted_before_wait(&budget, bucket).await.0, 3);
    budget
        .block(bucket, Utc::now() - TimeDelta::seconds(5))
        .await
        .unwrap();
    assert_eq!(granted_before_wait(&budget, bucket).await.0, 3);
}
