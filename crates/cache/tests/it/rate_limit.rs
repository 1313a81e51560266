use crate::{PATIENCE, client};
use cache::RateRule;
use std::time::Duration;
use testkit::{TestRedis, wait_for};

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
