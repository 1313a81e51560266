use crate::management::Management;
use crate::scripted::Consumer;
use crate::{PATIENCE, WORK, command, commands, settings, start};
use broker::{Broker, Outcome, PublishError};
use devstack::{Options, Stack};
use reqwest::Url;
use std::time::Duration;
use testkit::Proxy;
use testkit::{TestVhost, test_logger, wait_for};

/// A broker whose connection runs through a proxy.
async fn behind_proxy(vhost: &TestVhost) -> (Proxy, Broker) {
    let mut url: Url = vhost.url().parse().unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5672));
    let proxy = Proxy::start(server).await;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.address().port())).unwrap();
    let mut settings = settings(url.as_str());
    settings.reconnect_longest = Duration::from_millis(500);
    (
        proxy,
        Broker::start(settings, vec![commands(WORK, &[])], &test_logger()),
    )
}

async fn disconnected(broker: &Broker) {
    wait_for("the loss of the connection", PATIENCE, async || {
        (!broker.is_connected()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_cut_connection_is_replaced_and_consumers_resume() {
    let vhost = TestVhost::new().await;
    let (proxy, broker) = behind_proxy(&vhost).await;
    let mut consumer = Consumer::start(&broker, WORK, |_| Outcome::Done).await;
    for round in ["one", "two", "three"] {
        broker.publish(command(WORK, round)).await.unwrap();
        // Of the round before it may see the message again: the cut took the answer.
        while consumer.next_text().await != round {}

        proxy.cut();
        disconnected(&broker).await;
        let error = broker.publish(command(WORK, "lost")).await.unwrap_err();
        assert!(
            matches!(error, PublishError::NotConnected | PublishError::Channel(_)),
            "{error:?}"
        );

        proxy.mend();
        assert!(broker.wait_connected(PATIENCE).await, "no new connection");
    }
    consumer.stop().await;
    broker.close().await;
}

#[tokio::test]
async fn messages_sent_meanwhile_arrive_after_the_cut() {
    let vhost = TestVhost::new().await;
    let (proxy, broker) = behind_proxy(&vhost).await;
    let mut consumer = Consumer::start(&broker, WORK, |_| Outcome::Done).await;
    proxy.cut();
    disconnected(&broker).await;
    let other = start(&vhost, &[commands(WORK, &[])]).await;
    other.publish(command(WORK, "meanwhile")).await.unwrap();
    proxy.mend();
    assert_eq!(consumer.next_text().await, "meanwhile");
}

#[tokio::test]
async fn a_broker_that_starts_before_rabbitmq_connects_later() {
    let vhost = TestVhost::new().await;
    let (proxy, broker) = {
        let (proxy, early) = behind_proxy(&vhost).await;
        proxy.cut();
        (proxy, early)
    };
    disconnected(&broker).await;
    proxy.mend();
    assert!(broker.wait_connected(PATIENCE).await);
    broker.publish(command(WORK, "{}")).await.unwrap();
}

#[tokio::test]
async fn a_deleted_queue_is_declared_again_and_consumed() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let mut consumer = Consumer::start(&broker, WORK, |_| Outcome::Done).await;
    Management::of(&vhost).delete_queue("p.test.work.v1").await;
    wait_for("the queue's return", PATIENCE, async || {
        broker.publish(command(WORK, "again")).await
    })
    .await;
    assert_eq!(consumer.next_text().await, "again");
}

#[tokio::test]
async fn closing_ends_consumers_and_says_so() {
    let vhost = TestVhost::new().await;
    let broker = start(&vhost, &[commands(WORK, &[])]).await;
    let consumer = Consumer::start(&broker, WORK, |_| Outcome::Done).await;
    let other = broker.clone();
    broker.close().await;
    assert!(!other.is_connected());
    assert!(matches!(
        other.publish(command(WORK, "{}")).await,
        Err(PublishError::NotConnected)
    ));
    consumer.stop().await;
}

#[tokio::test]
async fn what_got_lost_meanwhile_is_declared_again_by_those_who_only_publish() {
    let vhost = TestVhost::new().await;
    let (proxy, broker) = behind_proxy(&vhost).await;
    assert!(broker.wait_connected(PATIENCE).await);
    proxy.cut();
    disconnected(&broker).await;
    let management = Management::of(&vhost);
    for queue in ["p.test.work.v1", "p.test.work.v1.dead"] {
        management.delete_queue(queue).await;
    }
    proxy.mend();
    assert!(broker.wait_connected(PATIENCE).await, "no new connection");
    broker.publish(command(WORK, "again")).await.unwrap();
    let dead = management.arguments("p.test.work.v1.dead").await;
    assert_eq!(dead["x-queue-type"], "quorum");
}

/// RabbitMQ itself, stopped and started again: what it confirmed is there, and
/// whoever published or consumed goes on by himself.
#[tokio::test(flavor = "multi_thread")]
async fn what_rabbitmq_confirmed_survives_its_restart_and_everybody_goes_on() {
    const WAITS: &str = "test.waits";
    let stack = Stack::start(&Options::private()).unwrap();
    let mut settings = settings(stack.amqp_url());
    settings.reconnect_longest = Duration::from_millis(500);
    let queues = vec![commands(WORK, &[]), commands(WAITS, &[])];
    let broker = Broker::start(settings, queues, &test_logger());
    let mut consumer = Consumer::start(&broker, WORK, |_| Outcome::Done).await;
    broker.publish(command(WORK, "before")).await.unwrap();
    assert_eq!(consumer.next_text().await, "before");
    broker.publish(command(WAITS, "kept")).await.unwrap();

    stack.rabbitmq().stop().unwrap();
    disconnected(&broker).await;
    let error = broker.publish(command(WORK, "lost")).await.unwrap_err();
    assert!(
        matches!(error, PublishError::NotConnected | PublishError::Channel(_)),
        "{error:?}"
    );

    stack.rabbitmq().start().unwrap();
    assert!(broker.wait_connected(PATIENCE).await, "no new connection");
    let mut kept = Consumer::start(&broker, WAITS, |_| Outcome::Done).await;
    assert_eq!(kept.next_text().await, "kept");
    broker.publish(command(WORK, "after")).await.unwrap();
    // It may see the first message again: the end took the answer.
    while consumer.next_text().await != "after" {}
    consumer.stop().await;
    kept.stop().await;
    broker.close().await;
}
