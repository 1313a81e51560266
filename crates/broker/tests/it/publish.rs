use crate::management::Management;
use crate::scripted::Consumer;
use crate::{PATIENCE, WORK, command, commands, event, settings, start};
use broker::{Binding, Broker, Consumers, Outcome, PublishError, QueueSpec};
use std::time::Duration;
use testkit::{TestVhost, test_logger, wait_for};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_command_arrives_as_it_was_sent() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let sent = command(WORK, r#"{"type":"x"}"#);
    broker.publish(sent.clone()).await.unwrap();

    let mut consumer = Consumer::start(&broker, WORK, |_| Outcome::Done).await;
    let delivery = consumer.next().await;
    assert_eq!(delivery.id, Some(sent.id));
    assert_eq!(delivery.route, WORK);
    assert_eq!(delivery.body, sent.body);
    assert_eq!(delivery.headers, sent.headers);
    assert_eq!(delivery.attempt, 1);
    assert!(!delivery.redelivered);
}

#[tokio::test]
async fn a_command_that_no_queue_takes_is_an_error() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let error = broker.publish(command("nobody", "{}")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unroutable), "{error:?}");
}

#[tokio::test]
async fn an_event_that_nobody_listens_to_is_published() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[]).await;
    broker.publish(event("panel.server.created")).await.unwrap();
}

#[tokio::test]
async fn an_event_reaches_every_queue_with_a_matching_pattern() {
    const SERVERS: QueueSpec = QueueSpec {
        name: "servers",
        retry_ladder: &[],
        binding: Binding::Events(&["panel.server.*", "sync.*"]),
        prefetch: 10,
        consumers: Consumers::Many,
    };
    const ALL: QueueSpec = QueueSpec {
        name: "all",
        binding: Binding::Events(&["#"]),
        ..SERVERS
    };
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[SERVERS, ALL]).await;
    for routing_key in ["panel.server.created", "panel.node.deleted", "sync.started"] {
        broker.publish(event(routing_key)).await.unwrap();
    }
    let mut servers = Consumer::start(&broker, "servers", |_| Outcome::Done).await;
    let mut all = Consumer::start(&broker, "all", |_| Outcome::Done).await;
    assert_eq!(servers.next().await.route, "panel.server.created");
    assert_eq!(servers.next().await.route, "sync.started");
    assert_eq!(all.next().await.route, "panel.server.created");
    assert_eq!(all.next().await.route, "panel.node.deleted");
    assert_eq!(all.next().await.route, "sync.started");
}

#[tokio::test]
async fn a_window_says_which_of_its_messages_failed() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    // So many that RabbitMQ confirms several at once, among them returned ones.
    let window: Vec<_> = (0..3_000)
        .map(|number| command(if number % 3 == 0 { "nobody" } else { WORK }, "{}"))
        .collect();
    let results = broker.publish_window(&window).await;
    assert_eq!(results.len(), window.len());
    for (number, result) in results.iter().enumerate() {
        let unroutable = matches!(result, Err(PublishError::Unroutable));
        assert_eq!(unroutable, number % 3 == 0, "message {number}: {result:?}");
        assert_eq!(
            result.is_ok(),
            number % 3 != 0,
            "message {number}: {result:?}"
        );
    }
}

#[tokio::test]
async fn a_window_arrives_in_order() {
    let vhost = TestVhost::new().await;
    let broker = start(
        &vhost,
        &[QueueSpec {
            prefetch: 1,
            ..commands(WORK, &[])
        }],
    )
    .await;
    let window: Vec<_> = (0..100)
        .map(|number| command(WORK, &number.to_string()))
        .collect();
    assert!(
        broker
            .publish_window(&window)
            .await
            .iter()
            .all(Result::is_ok)
    );
    let mut consumer = Consumer::start(&broker, WORK, |_| Outcome::Done).await;
    for number in 0..100 {
        assert_eq!(consumer.next_text().await, number.to_string());
    }
}

#[tokio::test]
async fn publishers_at_the_same_time_do_not_mix_up_their_results() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let results = futures_util::future::join_all((0..40).map(|number| {
        let queue = if number % 2 == 0 { "nobody" } else { WORK };
        broker.publish(command(queue, "{}"))
    }))
    .await;
    for (number, result) in results.into_iter().enumerate() {
        assert_eq!(
            result.is_ok(),
            number % 2 == 1,
            "publisher {number}: {result:?}"
        );
    }
}

#[tokio::test]
async fn without_rabbitmq_starting_works_and_publishing_fails_at_once() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("amqp://guest:planted-secret@{closed}/%2f");
    let broker = Broker::start(settings(&url), vec![], &test_logger());
    assert!(!broker.is_connected());
    assert!(!broker.wait_connected(Duration::from_millis(50)).await);
    let error = broker.publish(command(WORK, "{}")).await.unwrap_err();
    assert!(matches!(error, PublishError::NotConnected), "{error:?}");
    broker.close().await;
}

#[tokio::test]
async fn messages_are_persistent_wherever_they_are_moved() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let management = Management::of(&vhost);
    broker.publish(command(WORK, "{}")).await.unwrap();
    let sent = management.first("p.test.work.v1").await.unwrap();
    assert_eq!(sent["properties"]["delivery_mode"], 2);
    assert_eq!(sent["properties"]["content_type"], "application/json");
    let _consumer = Consumer::start(&broker, WORK, |_| Outcome::Dead("no".to_owned())).await;
    let moved = wait_for("the dead letter", PATIENCE, async || {
        management.first("p.test.work.v1.dead").await
    })
    .await;
    assert_eq!(moved["properties"]["delivery_mode"], 2);
    assert_eq!(moved["properties"]["content_type"], "application/json");
}
