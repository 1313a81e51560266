//! Exchanges and queues. Every process declares all it knows of, at each
//! connect; declaring what exists is free.
//!
//! For a work queue `Q` (physical names carry the settings' prefix):
//!
//! ```text
//! nodebyte.commands (direct) --Q-----------.
//! nodebyte.events   (topic)  --patterns----+--> Q.v1 --(delivered too often)--> Q.v1.dead
//!                                               ^  |
//!                    after its delay, by RabbitMQ  |  by us, confirmed
//!                                               |  v
//!                                     Q.v1.retry.1000ms, .10000ms, ...
//! ```
//!
//! - All queues are quorum queues: replicated, and counting deliveries.
//! - One queue per step of the ladder, since messages expire in order: behind a
//!   long delay a short one would wait. The step's name holds its delay, so a
//!   changed ladder gets new queues and the old ones still drain.
//! - RabbitMQ moves messages between queues *at least once* (which needs
//!   `reject-publish`); its default may lose them.
//! - A queue's arguments cannot be changed afterwards. Those below belong to
//!   [`VERSION`]: whoever changes one raises it. Both versions are then bound
//!   until the old queue is empty and deleted; the inbox drops the doubles.

use crate::message::short;
use crate::settings::{Binding, Consumers, QueueSpec};
use common::types::message::{COMMAND_EXCHANGE, EVENT_EXCHANGE};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use std::time::Duration;

/// Version of the queues' arguments; part of their names.
const VERSION: &str = "v1";

/// Unanswered deliveries after which RabbitMQ declares a message dead: enough
/// for a bad day of the network, an end for a message that kills its consumers.
const DELIVERY_LIMIT: i64 = 20;

/// Looking at a dead letter (or holding a message in order) counts as a delivery, and RabbitMQ 4 drops after 20
/// unless told otherwise; 3 knows no "unlimited".
const NO_DELIVERY_LIMIT: i64 = 1_000_000_000;

/// The physical names of one installation.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    pub(crate) fn command_exchange(&self) -> String {
        format!("{}{COMMAND_EXCHANGE}", self.prefix)
    }

    pub(crate) fn event_exchange(&self) -> String {
        format!("{}{EVENT_EXCHANGE}", self.prefix)
    }

    pub(crate) fn work(&self, queue: &str) -> String {
        format!("{}{queue}.{VERSION}", self.prefix)
    }

    pub(crate) fn retry(&self, queue: &str, delay: Duration) -> String {
        format!("{}.retry.{}ms", self.work(queue), delay.as_millis())
    }

    pub(crate) fn dead(&self, queue: &str) -> String {
        format!("{}.dead", self.work(queue))
    }
}

/// Declares both exchanges and the given queues.
pub(crate) async fn declare(
    channel: &Channel,
    names: &Names,
    queues: &[QueueSpec],
) -> lapin::Result<()> {
    let exchanges = [
        (names.command_exchange(), ExchangeKind::Direct),
        (names.event_exchange(), ExchangeKind::Topic),
    ];
    for (name, kind) in exchanges {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..Default::default()
        };
        channel
            .exchange_declare(named(&name)?, kind, durable, FieldTable::default())
            .await?;
    }
    for queue in queues {
        declare_queue(channel, names, queue).await?;
    }
    Ok(())
}

/// Declares one work queue with everything that belongs to it. What messages
/// may be moved to comes first, what lets them in last.
async fn declare_queue(channel: &Channel, names: &Names, queue: &QueueSpec) -> lapin::Result<()> {
    let work = names.work(queue.name);
    let dead = names.dead(queue.name);

    quorum(channel, &dead, |arguments| {
        arguments.insert(
            "x-delivery-limit".into(),
            AMQPValue::LongLongInt(NO_DELIVERY_LIMIT),
        );
    })
    .await?;
    for delay in queue.retry_ladder {
        let milliseconds = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        quorum(channel, &names.retry(queue.name, *delay), |arguments| {
            arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(milliseconds));
            dead_letter_to(&work, arguments);
        })
        .await?;
    }
    quorum(channel, &work, |arguments| {
        let in_order = queue.consumers == Consumers::OneInOrder;
        // Whoever takes in order holds many at once, and each crash counts for all of them.
        let limit = if in_order {
            NO_DELIVERY_LIMIT
        } else {
            DELIVERY_LIMIT
        };
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(limit));
        if in_order {
            arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        }
        dead_letter_to(&dead, arguments);
    })
    .await?;

    let (exchange, keys) = match queue.binding {
        Binding::Commands => (names.command_exchange(), std::slice::from_ref(&queue.name)),
        Binding::Events(patterns) => (names.event_exchange(), patterns),
    };
    for key in keys {
        channel
            .queue_bind(
                named(&work)?,
                named(&exchange)?,
                named(key)?,
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    Ok(())
}

async fn quorum(
    channel: &Channel,
    name: &str,
    arguments: impl FnOnce(&mut FieldTable),
) -> lapin::Result<()> {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    arguments(&mut table);
    channel
        .queue_declare(named(name)?, QueueDeclareOptions::durable(), table)
        .await?;
    Ok(())
}

fn dead_letter_to(queue: &str, arguments: &mut FieldTable) {
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(queue));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// A name as AMQP writes it; the conversion that lapin offers panics above 255
/// bytes.
pub(crate) fn named(name: &str) -> lapin::Result<ShortString> {
    short(name).ok_or_else(|| {
        std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            format!("a name longer than 255 bytes: {name}"),
        )
        .into()
    })
}
