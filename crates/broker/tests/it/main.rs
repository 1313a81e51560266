//! Against a real RabbitMQ, whose addresses `AMQP_URL` and
//! `RABBITMQ_MANAGEMENT_URL` name; each test has a virtual host of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod consume;
mod dead;
mod ladder;
mod management;
mod publish;
mod reconnect;
mod scripted;
mod sequence;

use broker::{Binding, Broker, Consumers, Publication, QueueSpec, Route, Settings};
use common::types::id::MessageId;
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::{TestVhost, test_logger};

/// Long enough for a loaded machine, short enough to notice a hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// The queue that most tests use.
const WORK: &str = "test.work";

const fn commands(name: &'static str, retry_ladder: &'static [Duration]) -> QueueSpec {
    QueueSpec {
        name,
        retry_ladder,
        binding: Binding::Commands,
        prefetch: 10,
        consumers: Consumers::Many,
    }
}

fn settings(url: &str) -> Settings {
    Settings {
        prefix: "p.".to_owned(),
        ..Settings::new(url.to_owned().into(), "test")
    }
}

/// A connected broker.
async fn start(vhost: &TestVhost, queues: &[QueueSpec]) -> Broker {
    let broker = Broker::start(settings(vhost.url()), queues.to_vec(), &test_logger());
    assert!(
        broker.wait_connected(PATIENCE).await,
        "no connection to RabbitMQ"
    );
    broker
}

fn command(queue: &str, body: &str) -> Publication {
    Publication {
        id: MessageId::new(),
        route: Route::Command {
            queue: queue.to_owned(),
        },
        body: body.as_bytes().to_vec(),
        headers: BTreeMap::from([("x-request-id".to_owned(), "r-1".to_owned())]),
        content_type: "application/json",
    }
}

fn event(routing_key: &str) -> Publication {
    Publication {
        route: Route::Event {
            routing_key: routing_key.to_owned(),
        },
        ..command("", "{}")
    }
}
