//! RabbitMQ, and the only crate that names `lapin`.
//!
//! [`Broker`] keeps one supervised connection: it reconnects for ever, declares
//! the topology anew each time, and reports through [`Broker::is_connected`]
//! whether everything that should run does. Starting never fails because
//! RabbitMQ is away.
//!
//! - **Publishing** resolves when RabbitMQ has confirmed the message on disk.
//!   Commands are mandatory: one that reaches no queue is an error. Events are
//!   not: nobody may be listening yet.
//! - **Consuming** acknowledges after the work. A [`Handler`] that asks for a
//!   retry, or panics, sends the message up a ladder of delays; after the last
//!   step it rests in the dead-letter queue, from which nothing is ever trimmed.
//!   A message is moved by a confirmed publish *then* an acknowledgement, so a
//!   crash in between repeats it and never loses it: handlers must be idempotent.
//! - **Order**: one window of [`Broker::publish_window`] travels on one channel
//!   in order. Retries and redeliveries leave that order, except where one consumer at a
//!   time takes a queue's messages in theirs ([`Broker::consume_in_order`]).
//!
//! Metrics: `nodebyte_broker_connected`, `_connects_total`,
//! `_published_total{route,outcome}`, `_deliveries_total{queue,outcome}`,
//! `_handle_seconds{queue}` and `_in_flight{queue}`. Logs name messages by id and
//! never hold their payloads.
//!
//! `topology` says which exchanges and queues there are and why.

mod connection;
mod consume;
mod dead;
mod message;
mod publish;
mod sequence;
mod settings;
mod topology;

pub use connection::Broker;
pub use dead::{DeadLetter, DeadLetterError, Replay};
pub use message::{Delivery, Handler, Outcome, Publication, Route};
pub use publish::PublishError;
pub use sequence::{InOrder, Sequence};
pub use settings::{Binding, Consumers, QueueSpec, Settings};
