use super::*;
use crate::vendor::{NotSent, VendorError};
use crate::verify::key::tests::okp;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// A source that the test holds in its hand.
struct Hand {
    answer: Mutex<Result<Vec<Jwk>, ()>>,
    fetches: AtomicUsize,
    /// Permits to answer; closed for "as many as you like".
    gate: Option<Semaphore>,
}

#[async_trait]
impl KeySource for Hand {
    async fn fetch(&self) -> Result<Vec<Jwk>, VendorError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("an open gate").forget();
        }
        let answer = self.answer.lock().expect("a lock").clone();
        answer.map_err(|()| VendorError::NotSent(NotSent::Unsendable))
    }
}

fn jwk(id: &str, seed: u8) -> Jwk {
    okp(Some(id), seed)
}

fn cache_of(answer: Result<Vec<Jwk>, ()>, gate: Option<Semaphore>) -> (Arc<Hand>, KeyCache) {
    let hand = Arc::new(Hand {
        answer: Mutex::new(answer),
        fetches: AtomicUsize::new(0),
        gate,
    });
    let source = Arc::clone(&hand) as Arc<dyn KeySource>;
    (hand, KeyCache::new(Issuer::Sessions, source))
}

impl Hand {
    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn answer(&self, answer: Result<Vec<Jwk>, ()>) {
        *self.answer.lock().expect("a lock") = answer;
    }

    /// Waits for a renewal beside, which no caller waits for.
    async fn fetched(&self, fetches: usize) {
        testkit::wait_for("a fetch", Duration::from_secs(10), async || {
            let seen = self.fetches();
            (seen >= fetches).then_some(()).ok_or(seen)
        })
        .await;
    }
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_000_000, 0).expect("a time")
}

fn unknown(result: &Result<Arc<PublicKey>, VerifyError>) -> bool {
    matches!(result, Err(VerifyError::Invalid(Invalid::UnknownKey)))
}

#[tokio::test]
async fn a_thousand_unknown_keys_lead_to_one_request() {
    let (hand, cache) = cache_of(Ok(vec![jwk("a", 1)]), None);
    for number in 0..1_000 {
        let id = format!("stranger-{number}");
        assert!(unknown(&cache.key(Some(&id), start()).await));
    }
    assert_eq!(hand.fetches(), 1);
    cache.key(Some("a"), start()).await.expect("known");
    assert_eq!(hand.fetches(), 1);
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_again_after_two_minutes_others_after_one() {
    let (hand, cache) = cache_of(Ok(vec![jwk("a", 1)]), None);
    assert!(unknown(&cache.key(Some("b"), start()).await));
    let minute = start() + FLOOR;
    assert!(unknown(&cache.key(Some("b"), minute).await));
    assert_eq!(hand.fetches(), 1, "remembered");
    hand.answer(Ok(vec![jwk("b", 2), jwk("c", 3)]));
    cache
        .key(Some("c"), minute)
        .await
        .expect("published by now");
    assert_eq!(hand.fetches(), 2);
    cache
        .key(Some("b"), minute)
        .await
        .expect("listed with the other");
    assert!(unknown(&cache.key(Some("a"), minute).await), "withdrawn");
}

#[tokio::test]
async fn everybody_waits_for_one_request() {
    let (hand, cache) = cache_of(Ok(vec![jwk("a", 1)]), Some(Semaphore::new(0)));
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.key(Some("a"), start()).await.is_ok() })
        })
        .collect();
    hand.fetched(1).await;
    hand.gate.as_ref().expect("a gate").add_permits(1);
    for one in asking {
        assert!(one.await.expect("it ends"));
    }
    assert_eq!(hand.fetches(), 1);
}

#[tokio::test]
async fn a_request_that_is_given_up_holds_up_nobody() {
    let (hand, cache) = cache_of(Ok(vec![jwk("a", 1)]), Some(Semaphore::new(0)));
    let asking = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.key(Some("a"), start()).await.is_ok() })
    };
    hand.fetched(1).await;
    asking.abort();
    assert!(asking.await.is_err());
    let result = cache.key(Some("a"), start()).await;
    assert!(matches!(result, Err(VerifyError::KeysUnavailable)));
    hand.gate.as_ref().expect("a gate").add_permits(1);
    let later = start() + EMPTY_FLOOR;
    cache.key(Some("a"), later).await.expect("asked again");
}

#[tokio::test]
async fn a_known_key_does_not_wait_for_the_hourly_renewal() {
    let (hand, cache) = cache_of(Ok(vec![jwk("a", 1)]), Some(Semaphore::new(1)));
    cache.key(Some("a"), start()).await.expect("known");
    let later = start() + FRESH;
    for _ in 0..3 {
        cache.key(Some("a"), later).await.expect("known");
    }
    hand.fetched(2).await;
    cache.key(Some("a"), later).await.expect("known meanwhile");
    assert_eq!(hand.fetches(), 2);
}

#[tokio::test]
async fn the_last_good_keys_outlive_errors_and_empty_listings() {
    let (hand, cache) = cache_of(Ok(vec![jwk("a", 1)]), None);
    cache.key(Some("a"), start()).await.expect("known");
    let mut now = start();
    for (round, answer) in [Err(()), Ok(vec![])]
        .into_iter()
        .cycle()
        .take(6)
        .enumerate()
    {
        hand.answer(answer);
        now += FRESH;
        cache.key(Some("a"), now).await.expect("still known");
        hand.fetched(round + 2).await;
        assert!(unknown(&cache.key(Some("z"), now).await));
    }
}

#[tokio::test]
async fn without_any_key_nothing_is_known_and_it_is_asked_soon_again() {
    let (hand, cache) = cache_of(Err(()), None);
    let ask = |now| {
        let cache = cache.clone();
        async move { cache.key(Some("a"), now).await }
    };
    for _ in 0..3 {
        let result = ask(start()).await;
        assert!(matches!(result, Err(VerifyError::KeysUnavailable)));
    }
    assert_eq!(hand.fetches(), 1);
    hand.answer(Ok(vec![]));
    let result = ask(start() + EMPTY_FLOOR).await;
    assert!(matches!(result, Err(VerifyError::KeysNotPublished)));
    hand.answer(Ok(vec![jwk("a", 1)]));
    assert!(ask(start() + EMPTY_FLOOR + FLOOR).await.is_ok());
}

#[tokio::test]
async fn keys_that_nobody_used_for_a_day_are_not_trusted_without_asking() {
    let (hand, cache) = cache_of(Ok(vec![jwk("a", 1)]), None);
    cache.key(Some("a"), start()).await.expect("known");
    hand.answer(Err(()));
    let result = cache.key(Some("a"), start() + UNUSED).await;
    assert!(matches!(result, Err(VerifyError::KeysUnavailable)));
}

#[tokio::test]
async fn what_is_remembered_of_strangers_is_bounded() {
    let (_hand, cache) = cache_of(Ok(vec![jwk("a", 1)]), None);
    cache.key(Some("a"), start()).await.expect("known");
    for number in 0..MOST_UNKNOWN + 100 {
        let id = format!("stranger-{number}");
        cache.0.remember_if_unknown(Some(&id), start());
    }
    assert_eq!(cache.0.change(|state| state.unknown.len()), MOST_UNKNOWN);
    cache
        .0
        .remember_if_unknown(Some("late"), start() + NEGATIVE);
    assert_eq!(cache.0.change(|state| state.unknown.len()), 1);
}
