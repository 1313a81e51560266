use std::time::Duration;

use common::types::sync::{Kind, Target};
use reqwest::{Method, StatusCode, Url};
use testkit::{Proxy, TestRedis, wait_for};
use tokio::time::timeout;
use uuid::Uuid;

use crate::events::Events;
use crate::gateway::{Differences, Gateway, answer, error_code};

const LIMIT: Duration = Duration::from_secs(60);

/// Waits until the gateway hears Redis, so that what is said from now on counts.
async fn hears_redis(gateway: &Gateway) {
    wait_for("the gateway to hear Redis", LIMIT, async || {
        (gateway.redis.listeners().await > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_worker_says_is_pushed() {
    let gateway = Gateway::start().await;
    hears_redis(&gateway).await;
    let run = gateway.running().await;
    let mut events = Events::open(&gateway, run.id, None).await;
    let connected = events.next().await.unwrap();
    assert_eq!(connected.name, "connected");
    assert_eq!(connected.data["syncLogId"], run.id.to_string());

    let first = events.next().await.unwrap();
    assert_eq!(
        (first.name.as_str(), first.id),
        ("update", Some(run.revision))
    );
    assert_eq!(first.data["status"], "RUNNING");

    // Who only looked now and then, as for lost news, would see a step each ten
    // seconds.
    let steps = async {
        for step in 0..8 {
            let message = format!("Step {step}");
            let run = gateway.progress(run.run_id(), &message).await;
            gateway.say(&run).await;
            let pushed = events.next().await.unwrap();
            assert_eq!(
                (pushed.name.as_str(), pushed.id),
                ("update", Some(run.revision))
            );
            assert_eq!(pushed.data["metadata"]["lastMessage"], message);
        }
    };
    timeout(Duration::from_secs(40), steps).await.unwrap();

    let run = gateway.finish(None).await;
    gateway.say(&run).await;
    let done = events.next().await.unwrap();
    assert_eq!((done.name.as_str(), done.id), ("done", Some(run.revision)));
    assert_eq!(done.data["status"], "COMPLETED");
    assert_eq!(events.next().await, None, "after the end nothing follows");
}

#[tokio::test]
async fn nothing_new_is_not_told_twice() {
    let gateway = Gateway::start().await;
    hears_redis(&gateway).await;
    let run = gateway.running().await;
    let mut events = Events::open(&gateway, run.id, None).await;
    let next = gateway.progress(run.run_id(), "One step").await;
    for _ in 0..20 {
        gateway.say(&next).await;
        gateway.say(&run).await;
    }
    let last = gateway.finish(None).await;
    gateway.say(&last).await;
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(event);
    }
    let ids: Vec<_> = told.iter().filter_map(|event| event.id).collect();
    assert!(ids.is_sorted_by(|one, two| one < two), "{ids:?}");
    assert_eq!(told.last().unwrap().name, "done");
}

#[tokio::test]
async fn while_redis_is_away_progress_is_read() {
    let gateway = Gateway::start_without_redis().await;
    let run = gateway.running().await;
    let mut one = Events::open(&gateway, run.id, None).await;
    let mut two = Events::open(&gateway, run.id, None).await;
    for events in [&mut one, &mut two] {
        assert_eq!(events.next().await.unwrap().name, "connected");
        assert_eq!(events.next().await.unwrap().id, Some(run.revision));
    }
    let run = gateway.progress(run.run_id(), "Half of it").await;
    for events in [&mut one, &mut two] {
        assert_eq!(events.next().await.unwrap().id, Some(run.revision));
    }
    gateway.finish(None).await;
    for events in [&mut one, &mut two] {
        assert_eq!(events.next().await.unwrap().name, "done");
    }
}

#[tokio::test]
async fn a_cancel_through_the_gateway_reaches_its_streams() {
    let gateway = Gateway::start_without_redis().await;
    let run = gateway.pending(Target::Full).await;
    let mut events = Events::open(&gateway, run.id, None).await;
    assert_eq!(events.next().await.unwrap().name, "connected");
    assert_eq!(events.next().await.unwrap().data["status"], "PENDING");
    gateway
        .post(&format!("/api/v1/sync/cancel/{}", run.id))
        .await;
    let done = events.next().await.unwrap();
    assert_eq!(
        (done.name.as_str(), &done.data["status"]),
        ("done", &"CANCELLED".into())
    );
}

#[tokio::test]
async fn a_run_that_has_ended_says_so_at_once() {
    let gateway = Gateway::start().await;
    gateway.running().await;
    let run = gateway.finish(None).await;
    for last in [None, Some(run.revision)] {
        let mut events = Events::open(&gateway, run.id, last).await;
        assert_eq!(events.next().await.unwrap().name, "connected");
        assert_eq!(events.next().await.unwrap().name, "done");
        assert_eq!(events.next().await, None);
    }
}

#[tokio::test]
async fn who_comes_back_gets_the_newest_state_only() {
    let gateway = Gateway::start_without_redis().await;
    let run = gateway.running().await;
    let seen = run.revision;
    for step in ["one", "two", "three"] {
        gateway.progress(run.run_id(), step).await;
    }
    let mut events = Events::open(&gateway, run.id, Some(seen)).await;
    assert_eq!(events.next().await.unwrap().name, "connected");
    let newest = events.next().await.unwrap();
    assert_eq!(newest.id, Some(seen + 3));
    assert_eq!(newest.data["metadata"]["lastMessage"], "three");

    let mut knows = Events::open(&gateway, run.id, newest.id).await;
    assert_eq!(knows.next().await.unwrap().name, "connected");
    gateway.finish(None).await;
    assert_eq!(
        knows.next().await.unwrap().name,
        "done",
        "the known state is not repeated"
    );
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive() {
    let gateway = Gateway::start().await;
    let run = gateway.pending(Target::One(Kind::Nodes)).await;
    let mut events = Events::open(&gateway, run.id, None).await;
    // Longer than the time that a request may take to arrive, which must not end it.
    for _ in 0..3 {
        assert!(events.comment().await.starts_with(": heartbeat"));
    }
}

#[tokio::test]
async fn when_the_clients_are_gone_nothing_goes_on() {
    let gateway = Gateway::start_without_redis().await;
    let run = gateway.pending(Target::Full).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut events = Events::open(&gateway, run.id, None).await;
        assert_eq!(events.next().await.unwrap().name, "connected");
        streams.push(events);
    }
    assert!(
        gateway
            .figure("nodebyte_gateway_event_streams")
            .await
            .unwrap()
            >= 20.0
    );
    drop(streams);
    for figure in [
        "nodebyte_gateway_event_streams",
        "nodebyte_gateway_watched_runs",
    ] {
        wait_for("all streams to end", LIMIT, async || {
            match gateway.figure(figure).await {
                Some(0.0) => Ok(()),
                open => Err(format!("{figure} is {open:?}")),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn news_that_got_lost_are_made_up_for() {
    let gateway = Gateway::start().await;
    hears_redis(&gateway).await;
    let run = gateway.running().await;
    let mut events = Events::open(&gateway, run.id, None).await;
    assert_eq!(events.next().await.unwrap().name, "connected");
    assert_eq!(events.next().await.unwrap().name, "update");
    let run = gateway.progress(run.run_id(), "Nobody says so").await;
    assert_eq!(events.next().await.unwrap().id, Some(run.revision));
}

#[tokio::test]
async fn many_clients_cost_the_database_no_more_than_one() {
    let gateway = Gateway::start_without_redis().await;
    let run = gateway.running().await;
    let opened = gateway.transactions().await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut events = Events::open(&gateway, run.id, None).await;
        assert_eq!(events.next().await.unwrap().name, "connected");
        assert_eq!(events.next().await.unwrap().id, Some(run.revision));
        streams.push(events);
    }
    // A look a second, whoever watches: with one in ten seconds, as while Redis is
    // there, this would take longer.
    let steps = async {
        for step in 0..6 {
            let message = format!("Step {step}");
            let run = gateway.progress(run.run_id(), &message).await;
            for events in &mut streams {
                assert_eq!(events.next().await.unwrap().id, Some(run.revision));
            }
        }
    };
    timeout(Duration::from_secs(40), steps).await.unwrap();
    // PostgreSQL counts with a delay, so the opening (some transactions a stream) counts too:
    // about 450 in all. Were each stream to look by itself, there would be 600 more.
    let cost = gateway.transactions().await - opened;
    assert!(cost < 700.0, "{cost} transactions for 6 changes");
}

#[tokio::test]
async fn no_more_streams_are_open_than_the_configuration_allows() {
    let variables = vec![("HTTP_EVENT_STREAMS", "2".to_owned())];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    let run = gateway.pending(Target::Full).await;
    let mut one = Events::open(&gateway, run.id, None).await;
    let mut two = Events::open(&gateway, run.id, None).await;
    for events in [&mut one, &mut two] {
        assert_eq!(events.next().await.unwrap().name, "connected");
    }
    let path = format!("/api/v1/sync/stream/{}", run.id);
    let (status, body) = gateway.get(&path).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(error_code(status, &body), "SERVICE_ERROR");
    assert_eq!(body["error"], "Too many streams are open");
    let (status, _) = gateway.get("/api/v1/sync/logs").await;
    assert_eq!(status, StatusCode::OK, "all else goes on");

    drop(one);
    wait_for("the place that has become free", LIMIT, async || {
        let answer = gateway.request(Method::GET, &path).send().await.unwrap();
        (answer.status() == StatusCode::OK)
            .then_some(())
            .ok_or(answer.status())
    })
    .await;
}

#[tokio::test]
async fn a_stream_outlives_redis() {
    let redis = TestRedis::new();
    let server = Url::parse(redis.url()).unwrap();
    let server = format!(
        "{}:{}",
        server.host_str().unwrap(),
        server.port().unwrap_or(6379)
    );
    let proxy = Proxy::start(server).await;
    let variables = vec![("REDIS_URL", format!("redis://{}", proxy.address()))];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    hears_redis(&gateway).await;
    let run = gateway.running().await;
    let mut events = Events::open(&gateway, run.id, None).await;
    assert_eq!(events.next().await.unwrap().name, "connected");
    assert_eq!(events.next().await.unwrap().id, Some(run.revision));

    proxy.cut();
    for message in ["one", "two", "three"] {
        let run = gateway.progress(run.run_id(), message).await;
        assert_eq!(events.next().await.unwrap().id, Some(run.revision));
    }
    let path = format!("/api/v1/sync/status/{}", run.id);
    assert_eq!(gateway.get(&path).await.0, StatusCode::OK);

    proxy.mend();
    hears_redis(&gateway).await;
    let run = gateway.progress(run.run_id(), "four").await;
    gateway.say(&run).await;
    assert_eq!(events.next().await.unwrap().id, Some(run.revision));
}

#[tokio::test]
async fn an_unknown_run_has_no_stream() {
    let gateway = Gateway::start().await;
    for id in [Uuid::new_v4().to_string(), "no-id".to_owned()] {
        let path = format!("/api/v1/sync/stream/{id}");
        let (status, body) = answer(gateway.request(Method::GET, &path)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(error_code(status, &body), "NOT_FOUND");
    }
}
