//! A database, a virtual host, and what stands on them.

use async_trait::async_trait;
use broker::{Binding, Broker, Consumers, Delivery, Handler, Outcome, QueueSpec};
use std::sync::Arc;
use std::time::Duration;
use store::{Settings, Store};
use testkit::{TestDatabase, TestVhost, test_logger};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Long enough for a loaded machine, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Hears every event, one at a time, so that order can be seen.
const LISTENER: QueueSpec = QueueSpec {
    name: "test.listener",
    retry_ladder: &[],
    binding: Binding::Events(&["#"]),
    prefetch: 1,
    consumers: Consumers::Many,
};

pub struct Stage {
    pub store: Store,
    pub vhost: TestVhost,
    pub sql: tokio_postgres::Client,
    // Dropped last.
    _database: TestDatabase,
}

impl Stage {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        Self {
            store: store(&database),
            vhost: TestVhost::new().await,
            sql: database.connect().await,
            _database: database,
        }
    }

    /// A connected broker with these queues.
    pub async fn broker(&self, queues: &[QueueSpec]) -> Broker {
        let broker = broker_at(self.vhost.url(), queues);
        assert!(broker.wait_connected(PATIENCE).await, "no RabbitMQ");
        broker
    }

    /// What arrives of the events from now on.
    pub async fn listen(&self) -> Listener {
        let broker = broker_at(self.vhost.url(), &[LISTENER]);
        let (sender, heard) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        broker.consume(LISTENER.name, Arc::new(Ears(sender)), stop);
        assert!(broker.wait_connected(PATIENCE).await, "no RabbitMQ");
        Listener {
            heard,
            _broker: broker,
        }
    }

    /// Writes `count` events to the outbox in one transaction; their bodies are
    /// `{"n": 0}` and on.
    pub async fn say(&self, subject: &str, count: i32) {
        self.insert("event", "sync.started", subject, count).await;
    }

    /// Writes a command for `queue` to the outbox.
    pub async fn command(&self, queue: &str, subject: &str) {
        self.insert("command", queue, subject, 1).await;
    }

    async fn insert(&self, route: &str, key: &str, subject: &str, count: i32) {
        for n in 0..count {
            self.sql
                .execute(
                    "INSERT INTO outbox (id, route, key, subject, body) \
                     VALUES ($1, $2, $3, $4, jsonb_build_object('subject', $4::text, 'n', $5::int))",
                    &[&Uuid::new_v4(), &route, &key, &subject, &n],
                )
                .await
                .unwrap();
        }
        self.sql
            .execute("SELECT pg_notify('nodebyte_outbox', '')", &[])
            .await
            .unwrap();
    }

    pub async fn unpublished(&self) -> i64 {
        self.sql
            .query_one(
                "SELECT count(*) FROM outbox WHERE published_at IS NULL",
                &[],
            )
            .await
            .unwrap()
            .get(0)
    }
}

pub fn store(database: &TestDatabase) -> Store {
    Store::connect(&Settings {
        url: database.url().to_owned().into(),
        pool_size: 4,
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(30),
        application_name: "relay-tests",
    })
    .unwrap()
}

pub fn broker_at(url: &str, queues: &[QueueSpec]) -> Broker {
    let mut settings = broker::Settings::new(url.to_owned().into(), "relay-tests");
    settings.reconnect_longest = Duration::from_millis(500);
    Broker::start(settings, queues.to_vec(), &test_logger())
}

/// A consumer of events.
pub struct Listener {
    heard: mpsc::UnboundedReceiver<Delivery>,
    _broker: Broker,
}

impl Listener {
    /// The next delivery.
    pub async fn next(&mut self) -> Delivery {
        tokio::time::timeout(PATIENCE, self.heard.recv())
            .await
            .expect("an event in time")
            .expect("a listening consumer")
    }

    /// Subject and number of the next event.
    pub async fn next_event(&mut self) -> (String, i64) {
        let body: serde_json::Value = serde_json::from_slice(&self.next().await.body).unwrap();
        (
            body["subject"].as_str().unwrap().to_owned(),
            body["n"].as_i64().unwrap(),
        )
    }
}

pub struct Ears(pub mpsc::UnboundedSender<Delivery>);

#[async_trait]
impl Handler for Ears {
    async fn handle(&self, delivery: &Delivery) -> Outcome {
        // A test that has heard enough may be gone.
        let _ = self.0.send(delivery.clone());
        Outcome::Done
    }
}
