use crate::{PATIENCE, client, client_at};
use cache::{Cache, Heard, Progress, ProgressListener};
use common::types::id::RunId;
use testkit::Proxy;
use testkit::{TestRedis, test_logger};
use tokio::time::timeout;

fn progress(revision: i64) -> Progress {
    Progress {
        run_id: RunId::new(),
        revision,
        state: r#"{"step": "nodes", "text": "a b c"}"#.to_owned(),
    }
}

async fn hears(listener: &mut ProgressListener) -> Heard {
    timeout(PATIENCE, listener.next())
        .await
        .expect("nothing was heard")
        .expect("the feed is gone")
}

/// Waits until the feed says that it is connected.
async fn connected(listener: &mut ProgressListener) {
    while hears(listener).await != Heard::Connected {}
}

async fn says(cache: &Cache, progress: &Progress) {
    cache.publish_progress(progress).await.unwrap();
}

#[tokio::test]
async fn what_one_process_says_every_listener_of_another_hears() {
    let redis = TestRedis::new();
    let (speaker, hearer) = (client(&redis), client(&redis));
    let feed = hearer.subscribe_progress(&test_logger());
    let (mut one, mut other) = (feed.listen(), feed.listen());
    connected(&mut one).await;
    connected(&mut other).await;
    assert!(feed.is_connected());

    for revision in 1..=3 {
        let said = progress(revision);
        says(&speaker, &said).await;
        assert_eq!(hears(&mut one).await, Heard::Update(said.clone().into()));
        assert_eq!(hears(&mut other).await, Heard::Update(said.into()));
    }
}

#[tokio::test]
async fn a_listener_learns_first_whether_the_feed_is_connected() {
    let redis = TestRedis::new();
    let feed = client(&redis).subscribe_progress(&test_logger());
    connected(&mut feed.listen()).await;
    assert_eq!(hears(&mut feed.listen()).await, Heard::Connected);
}

#[tokio::test]
async fn a_lost_connection_is_told_and_mended() {
    let redis = TestRedis::new();
    let server = redis
        .url()
        .split_once("://")
        .unwrap()
        .1
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let proxy = Proxy::start(server.rsplit('@').next().unwrap().to_owned()).await;
    let hearer = client_at(&redis, &format!("redis://{}/0", proxy.address()));
    let feed = hearer.subscribe_progress(&test_logger());
    let mut listener = feed.listen();
    connected(&mut listener).await;

    proxy.cut();
    assert_eq!(hears(&mut listener).await, Heard::Disconnected);
    assert!(!feed.is_connected());

    proxy.mend();
    assert_eq!(hears(&mut listener).await, Heard::Connected);
    let said = progress(7);
    says(&client(&redis), &said).await;
    assert_eq!(hears(&mut listener).await, Heard::Update(said.into()));
}

#[tokio::test]
async fn a_listener_that_is_too_slow_is_told_so() {
    let redis = TestRedis::new();
    let cache = client(&redis);
    let feed = cache.subscribe_progress(&test_logger());
    let (mut slow, mut quick) = (feed.listen(), feed.listen());
    connected(&mut slow).await;
    connected(&mut quick).await;
    for revision in 0..300 {
        says(&cache, &progress(revision)).await;
        hears(&mut quick).await;
    }
    assert_eq!(hears(&mut slow).await, Heard::Lagged);
    assert!(matches!(hears(&mut slow).await, Heard::Update(_)));
}

#[tokio::test]
async fn a_stranger_on_the_channel_is_ignored() {
    let redis = TestRedis::new();
    let cache = client(&redis);
    let feed = cache.subscribe_progress(&test_logger());
    let mut listener = feed.listen();
    connected(&mut listener).await;
    let mut connection = deadpool_redis::redis::Client::open(redis.url())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    deadpool_redis::redis::cmd("PUBLISH")
        .arg(format!("{}progress", redis.prefix()))
        .arg("hello")
        .exec_async(&mut connection)
        .await
        .unwrap();
    let said = progress(1);
    says(&cache, &said).await;
    assert_eq!(hears(&mut listener).await, Heard::Update(said.into()));
}
