use chrono::{DateTime, TimeDelta, Utc};
use common::seams::{Bucket, BudgetLimits, Clock, PanelApi, Permit, RateHeaders, RequestBudget};
use common::types::id::PanelId;
use panels::LocalBudget;
use std::sync::{Arc, Mutex};

struct HeldClock(Mutex<DateTime<Utc>>);

impl HeldClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Utc::now())))
    }

    fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for HeldClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

fn bucket(api: PanelApi) -> Bucket {
    Bucket {
        panel: PanelId::new(),
        api,
    }
}

fn local(clock: Arc<HeldClock>, workers: u32) -> LocalBudget {
    LocalBudget::new(clock, BudgetLimits::default(), workers)
}

async fn granted_at_once(budget: &LocalBudget, bucket: Bucket) -> u32 {
    let mut granted = 0;
    while budget.take(bucket).await.unwrap() == Permit::Granted {
        granted += 1;
    }
    granted
}

#[tokio::test]
async fn workers_share_the_limit() {
    let budget = local(HeldClock::new(), 4);
    assert_eq!(
        granted_at_once(&budget, bucket(PanelApi::Application)).await,
        60
    );
    assert_eq!(
        granted_at_once(&budget, bucket(PanelApi::Client)).await,
        180
    );
}

#[tokio::test]
async fn a_worker_that_leaves_hands_its_share_on() {
    let budget = local(HeldClock::new(), 4);
    let bucket = bucket(PanelApi::Application);
    assert_eq!(granted_at_once(&budget, bucket).await, 60);
    budget.set_workers(3);
    assert_eq!(granted_at_once(&budget, bucket).await, 20);
}

#[tokio::test]
async fn the_panels_own_limit_is_learned() {
    let budget = local(HeldClock::new(), 2);
    let bucket = bucket(PanelApi::Application);
    assert_eq!(budget.take(bucket).await.unwrap(), Permit::Granted);
    let headers = RateHeaders {
        limit: 60,
        remaining: 59,
    };
    budget.learn(bucket, headers).await.unwrap();
    assert_eq!(granted_at_once(&budget, bucket).await, 29);
}

#[tokio::test]
async fn buckets_do_not_touch_each_other() {
    let budget = local(HeldClock::new(), 1);
    let (one, other) = (bucket(PanelApi::Application), bucket(PanelApi::Application));
    assert_eq!(granted_at_once(&budget, one).await, 240);
    assert_eq!(budget.take(other).await.unwrap(), Permit::Granted);
}

#[tokio::test]
async fn a_block_holds_until_it_ends() {
    let clock = HeldClock::new();
    let budget = local(clock.clone(), 1);
    let bucket = bucket(PanelApi::Application);
    let until = clock.now() + TimeDelta::seconds(18);
    budget.block(bucket, until).await.unwrap();
    clock.advance(TimeDelta::milliseconds(17_900));
    assert!(matches!(
        budget.take(bucket).await.unwrap(),
        Permit::Wait(_)
    ));
    clock.advance(TimeDelta::milliseconds(101));
    assert_eq!(budget.take(bucket).await.unwrap(), Permit::Granted);
}

#[tokio::test]
async fn configured_limits_count_until_the_panel_says_otherwise() {
    let limits = BudgetLimits {
        application: 60,
        client: 90,
    };
    let budget = LocalBudget::new(HeldClock::new(), limits, 3);
    assert_eq!(
        granted_at_once(&budget, bucket(PanelApi::Application)).await,
        20
    );
    assert_eq!(granted_at_once(&budget, bucket(PanelApi::Client)).await, 30);
}
