//! Every work queue there is. All processes name [`all`] to
//! [`broker::Broker::start`], so whoever comes first declares them and no command
//! is unroutable for want of a consumer.

use broker::{Binding, Consumers, QueueSpec};
use common::types::message::{NOTIFIER_QUEUE, SYNC_QUEUE};
use std::time::Duration;

/// Wakes sync workers. What is to be done stands in PostgreSQL, so a message that
/// fails has little to lose and the ladder is short.
pub const SYNC: QueueSpec = QueueSpec {
    name: SYNC_QUEUE,
    retry_ladder: &[
        Duration::from_secs(1),
        Duration::from_secs(10),
        Duration::from_secs(60),
    ],
    binding: Binding::Commands,
    prefetch: 16,
    consumers: Consumers::Many,
};

/// Every event, for the notifier to match with webhooks. Their order is the outbox's, and
/// deliveries take it from here.
pub const EVENTS: QueueSpec = QueueSpec {
    name: NOTIFIER_QUEUE,
    retry_ladder: &[],
    binding: Binding::Events(&["#"]),
    prefetch: 500,
    consumers: Consumers::OneInOrder,
};

/// All of them.
#[must_use]
pub fn all() -> Vec<QueueSpec> {
    vec![SYNC, EVENTS]
}
