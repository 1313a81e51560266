//! What a process tells the broker at its start.

use secrecy::SecretString;
use std::time::Duration;

/// How to reach RabbitMQ, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `amqp://` or `amqps://` address with user, password and vhost.
    pub url: SecretString,
    /// Stands before every exchange and queue name; empty in production, so
    /// that tests can share a vhost.
    pub prefix: String,
    /// What RabbitMQ's management page shows as the connection's name.
    pub connection_name: String,
    /// How long one attempt to connect may take, handshake and declarations
    /// included.
    pub connect_timeout: Duration,
    /// How long a publisher waits for RabbitMQ's confirm.
    pub confirm_timeout: Duration,
    /// The first pause before connecting again; it doubles up to
    /// [`Self::reconnect_longest`], each time shortened by chance.
    pub reconnect_first: Duration,
    /// The longest pause before connecting again.
    pub reconnect_longest: Duration,
}

impl Settings {
    /// The defaults for `url`: no prefix, 10 s to connect and to confirm,
    /// pauses from 200 ms to 10 s.
    #[must_use]
    pub fn new(url: SecretString, connection_name: impl Into<String>) -> Self {
        Self {
            url,
            prefix: String::new(),
            connection_name: connection_name.into(),
            connect_timeout: Duration::from_secs(10),
            confirm_timeout: Duration::from_secs(10),
            reconnect_first: Duration::from_millis(200),
            reconnect_longest: Duration::from_secs(10),
        }
    }
}

/// One work queue with its retry ladder and dead-letter queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueSpec {
    /// The name that commands are addressed to.
    pub name: &'static str,
    /// The pause before each further attempt; after the last one the message is
    /// dead. Empty: the first failure is final.
    pub retry_ladder: &'static [Duration],
    /// What flows into the queue.
    pub binding: Binding,
    /// How many messages one consumer holds, and handles, at once; at least 1.
    pub prefetch: u16,
    /// Who takes from the queue at the same time.
    pub consumers: Consumers,
}

/// Who takes from a queue at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumers {
    /// Every process that consumes, each as many at once as it holds: no order.
    Many,
    /// One process at a time, in the order of the queue; another when that one is gone.
    /// What cannot be handled now is tried again in its place, so the retry ladder is empty.
    OneInOrder,
}

/// What flows into a queue.
#[derive(Debug, Clone, Copy)]
pub enum Binding {
    /// Commands addressed to the queue by name.
    Commands,
    /// Events whose type matches one of these topic patterns (`*` is one word,
    /// `#` any number of them).
    Events(&'static [&'static str]),
}
