//! What goes out, what comes in, and how both look in AMQP.

use async_trait::async_trait;
use common::types::id::MessageId;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Header that counts failed attempts.
const ATTEMPTS: &str = "x-nodebyte-attempts";
/// Header that says why the last attempt failed.
const REASON: &str = "x-nodebyte-reason";
/// RabbitMQ's headers and ours start like this and never leave this crate.
const PRIVATE: [&str; 6] = [
    "x-nodebyte-",
    "x-death",
    "x-first-death-",
    "x-last-death-",
    "x-delivery-count",
    "x-acquired-count",
];
/// Reasons are for people; RabbitMQ refuses frames of headers that are too long.
const REASON_CHARS: usize = 500;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To the one queue of that name; there must be such a queue.
    Command {
        /// [`crate::QueueSpec::name`].
        queue: String,
    },
    /// To every queue with a matching pattern, be it none.
    Event {
        /// The event's type.
        routing_key: String,
    },
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Its identity; whoever receives it twice knows it by this.
    pub id: MessageId,
    /// Where it goes.
    pub route: Route,
    /// The payload.
    pub body: Vec<u8>,
    /// Carried along unchanged, for example `x-request-id`. Names are at most 255
    /// bytes and do not start with `x-nodebyte-`.
    pub headers: BTreeMap<String, String>,
    /// Media type of the payload.
    pub content_type: &'static str,
}

/// A message that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identity; none if the sender gave none that we can read.
    pub id: Option<MessageId>,
    /// What it was published with: the event's type or the queue's name.
    pub route: String,
    /// The payload.
    pub body: Vec<u8>,
    /// The publisher's headers.
    pub headers: BTreeMap<String, String>,
    /// 1 for the first attempt, then one more for each step of the ladder.
    pub attempt: u32,
    /// RabbitMQ may have delivered it before: a consumer went away without an
    /// acknowledgement.
    pub redelivered: bool,
}

/// What became of a delivery. The reasons are kept with the message and logged:
/// they hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is committed.
    Done,
    /// It may succeed later; the next step of the ladder, or dead after the last.
    Retry(String),
    /// It can never succeed, for example because it cannot be parsed.
    Dead(String),
}

/// Does a queue's work. May see the same message more than once.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Handles one message; [`Outcome::Done`] only once its effect is committed.
    /// RabbitMQ closes the channel of a consumer that takes longer than 30
    /// minutes, so long work is claimed here and done elsewhere.
    async fn handle(&self, delivery: &Delivery) -> Outcome;
}

/// Where a moved message was published first, so that it survives the ladder,
/// whose queues are reached by their own names.
const ORIGIN: &str = "x-nodebyte-route";

/// A delivery with what moving it on needs besides.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) delivery: Delivery,
    /// Why it is dead or was tried again.
    pub(crate) reason: Option<String>,
    pub(crate) message_id: Option<String>,
    content_type: Option<String>,
}

impl Received {
    pub(crate) fn read(delivery: lapin::message::Delivery) -> Self {
        let message_id = delivery
            .properties
            .message_id()
            .as_ref()
            .map(ToString::to_string);
        let content_type = delivery
            .properties
            .content_type()
            .as_ref()
            .map(ToString::to_string);
        let table = delivery.properties.headers().clone().unwrap_or_default();
        let text = |name: &str| table.inner().get(name).and_then(as_text);
        let failures = table.inner().get(ATTEMPTS).and_then(as_count).unwrap_or(0);
        Self {
            reason: text(REASON).or_else(|| reason_of_rabbitmq(&table)),
            delivery: Delivery {
                id: message_id.as_deref().and_then(|id| id.parse().ok()),
                route: text(ORIGIN).unwrap_or_else(|| delivery.routing_key.to_string()),
                headers: table
                    .inner()
                    .iter()
                    .filter(|(name, _)| {
                        !PRIVATE
                            .iter()
                            .any(|private| name.as_str().starts_with(private))
                    })
                    .filter_map(|(name, value)| Some((name.to_string(), as_text(value)?)))
                    .collect(),
                attempt: failures.saturating_add(1),
                redelivered: delivery.redelivered,
                body: delivery.data,
            },
            message_id,
            content_type,
        }
    }

    /// How many attempts failed before this one.
    pub(crate) fn failures(&self) -> u32 {
        self.delivery.attempt - 1
    }

    /// The properties under which it is moved on, having failed for `reason`
    /// now; without one it starts afresh.
    ///
    /// RabbitMQ's own headers stay behind: it drops a message whose `x-death`
    /// says that it has been in the target queue before.
    pub(crate) fn moved(&self, reason: Option<&str>) -> BasicProperties {
        let mut table = table_of(&self.delivery.headers);
        table.insert(
            ORIGIN.into(),
            AMQPValue::LongString(self.delivery.route.as_str().into()),
        );
        if let Some(reason) = reason {
            let reason: String = reason.chars().take(REASON_CHARS).collect();
            table.insert(ATTEMPTS.into(), AMQPValue::LongUInt(self.delivery.attempt));
            table.insert(REASON.into(), AMQPValue::LongString(reason.into()));
        }
        let mut properties = persistent().with_headers(table);
        if let Some(id) = self.message_id.as_deref().and_then(short) {
            properties = properties.with_message_id(id);
        }
        if let Some(content_type) = self.content_type.as_deref().and_then(short) {
            properties = properties.with_content_type(content_type);
        }
        properties
    }
}

/// The properties of a message's first publication.
pub(crate) fn properties_of(publication: &Publication) -> BasicProperties {
    persistent()
        .with_message_id(publication.id.to_string().into())
        .with_content_type(publication.content_type.into())
        .with_headers(table_of(&publication.headers))
}

/// AMQP's short strings end at 255 bytes.
pub(crate) fn short(text: &str) -> Option<ShortString> {
    ShortString::try_new(text).ok()
}

fn persistent() -> BasicProperties {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs());
    BasicProperties::default()
        .with_delivery_mode(2)
        .with_timestamp(seconds)
}

fn table_of(headers: &BTreeMap<String, String>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        if let Some(name) = short(name) {
            table.insert(name, AMQPValue::LongString(value.as_str().into()));
        }
    }
    table
}

fn as_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// RabbitMQ may hand a number back in another width than it was sent in.
fn as_count(value: &AMQPValue) -> Option<u32> {
    match *value {
        AMQPValue::LongUInt(count) => Some(count),
        AMQPValue::LongInt(count) => count.try_into().ok(),
        AMQPValue::LongLongInt(count) => count.try_into().ok(),
        _ => None,
    }
}

/// RabbitMQ dead-letters by itself only what was delivered too often without an
/// answer, and says so in `x-death`.
fn reason_of_rabbitmq(table: &FieldTable) -> Option<String> {
    let deaths = table.inner().get("x-death")?.as_array()?;
    let AMQPValue::FieldTable(death) = deaths.as_slice().first()? else {
        return None;
    };
    let reason = as_text(death.inner().get("reason")?)?;
    Some(match reason.as_str() {
        "delivery_limit" => {
            "delivered too often without an answer: its consumers died over it".to_owned()
        }
        other => format!("dead-lettered by RabbitMQ: {other}"),
    })
}
