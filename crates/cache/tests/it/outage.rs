use cache::{Cache, CacheError, Progress, RateRule, RedisBudget, Settings};
use common::seams::{Bucket, BudgetLimits, PanelApi, RequestBudget};
use common::types::id::{PanelId, RunId};
use testkit::test_logger;
use tokio::net::TcpListener;

/// A port that nobody listens on: it was given back a moment ago.
async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

fn cache_at(port: u16) -> Cache {
    let url = format!("redis://:planted-secret@127.0.0.1:{port}/0");
    Cache::connect(&Settings::new(url.into())).unwrap()
}

#[tokio::test]
async fn every_operation_says_that_redis_is_away() {
    let cache = cache_at(closed_port().await);
    assert!(cache.ping().await.is_err());

    let budget = RedisBudget::new(cache.clone(), BudgetLimits::default());
    let bucket = Bucket {
        panel: PanelId::new(),
        api: PanelApi::Application,
    };
    let unavailable = budget.take(bucket).await.unwrap_err().to_string();
    assert!(!unavailable.contains("planted-secret"), "{unavailable}");

    let progress = Progress {
        run_id: RunId::new(),
        revision: 1,
        state: "{}".to_owned(),
    };
    assert!(cache.publish_progress(&progress).await.is_err());
    assert!(
        cache
            .take_token(
                "anybody",
                RateRule {
                    capacity: 1,
                    per_second: 1.0
                }
            )
            .await
            .is_err()
    );
    assert!(!cache.subscribe_progress(&test_logger()).is_connected());
}

#[tokio::test]
async fn a_redis_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cache = cache_at(silent.local_addr().unwrap().port());
    assert!(cache.ping().await.is_err());
}

#[test]
fn an_address_that_is_none_is_refused_without_repeating_it() {
    let error = Cache::connect(&Settings::new("http://planted-secret".to_owned().into()))
        .err()
        .unwrap();
    assert!(matches!(error, CacheError::Address(_)));
    assert!(!format!("{error:?}").contains("planted-secret"));
}
