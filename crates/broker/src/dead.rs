//! Dead letters: looked at without being taken, and sent to work again.

use crate::connection::{Broker, Shared};
use crate::message::{Delivery, Received};
use crate::publish::PublishError;
use crate::topology::named;
use common::types::id::MessageId;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use std::collections::BTreeMap;

/// A message that nobody works on any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its identity, if the sender gave one that we can read.
    pub id: Option<MessageId>,
    /// What it was published with.
    pub route: String,
    /// Why it is dead.
    pub reason: String,
    /// How many attempts failed with an answer.
    pub attempts: u32,
    /// The publisher's headers.
    pub headers: BTreeMap<String, String>,
    /// The payload.
    pub body: Vec<u8>,
}

/// Which dead letters to send to work again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The oldest ones, at most this many.
    Oldest(u32),
    /// All with this id.
    One(MessageId),
}

/// Why dead letters could not be looked at or replayed.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// There is no connection at present.
    #[error("there is no connection to RabbitMQ")]
    NotConnected,
    /// No queue of that name was named to [`Broker::start`].
    #[error("there is no queue `{queue}`; there are: {known}")]
    UnknownQueue {
        /// What was asked for.
        queue: String,
        /// The known names.
        known: String,
    },
    /// The channel failed.
    #[error("the channel to RabbitMQ failed")]
    Channel(#[source] lapin::Error),
    /// A dead letter could not be published to its work queue; it stays dead.
    #[error("a dead letter could not be sent to its queue")]
    Publish(#[source] PublishError),
}

impl From<lapin::Error> for DeadLetterError {
    fn from(error: lapin::Error) -> Self {
        Self::Channel(error)
    }
}

impl Broker {
    /// The oldest dead letters of `queue`, at most `limit`. They stay where they
    /// are; while this runs they are hidden from others who look.
    ///
    /// # Errors
    /// See [`DeadLetterError`].
    pub async fn dead_letters(
        &self,
        queue: &str,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let (channel, names) = self.shared.open_dead(queue).await?;
        let mut letters = Vec::new();
        for _ in 0..limit {
            let Some(message) = channel
                .basic_get(named(&names.dead)?, BasicGetOptions::default())
                .await?
            else {
                break;
            };
            letters.push(DeadLetter::from(Received::read(message.delivery)));
        }
        // Closing gives all of them back in their order.
        channel.close(200, "looked".into()).await?;
        Ok(letters)
    }

    /// Sends dead letters of `queue` to that queue again, their attempts counted
    /// from one, and returns how many. Each is published, confirmed, and only
    /// then taken from the dead.
    ///
    /// # Errors
    /// See [`DeadLetterError`]; what was sent before the error stays sent.
    pub async fn replay_dead(&self, queue: &str, replay: Replay) -> Result<u32, DeadLetterError> {
        let (channel, names) = self.shared.open_dead(queue).await?;
        let mut sent = 0;
        // Those that die again meanwhile come behind these and are left alone.
        let mut standing = None;
        while standing.is_none_or(|left| left > 0) && replay != Replay::Oldest(sent) {
            let Some(message) = channel
                .basic_get(named(&names.dead)?, BasicGetOptions::default())
                .await?
            else {
                break;
            };
            standing = Some(standing.map_or(message.message_count, |left| left - 1));
            let acker = message.delivery.acker.clone();
            let received = Received::read(message.delivery);
            if let Replay::One(id) = replay
                && received.delivery.id != Some(id)
            {
                continue;
            }
            self.shared
                .move_to(&names.work, &received, None)
                .await
                .map_err(DeadLetterError::Publish)?;
            acker.ack(BasicAckOptions::default()).await?;
            sent += 1;
        }
        channel.close(200, "replayed".into()).await?;
        Ok(sent)
    }
}

/// Physical names of a queue and of its dead letters.
struct DeadNames {
    work: String,
    dead: String,
}

impl Shared {
    async fn open_dead(&self, queue: &str) -> Result<(Channel, DeadNames), DeadLetterError> {
        if !self.queues.contains_key(queue) {
            let known: Vec<&str> = self.queues.keys().copied().collect();
            return Err(DeadLetterError::UnknownQueue {
                queue: queue.to_owned(),
                known: known.join(", "),
            });
        }
        let link = self.link().ok_or(DeadLetterError::NotConnected)?;
        let channel = link.connection.create_channel().await?;
        Ok((
            channel,
            DeadNames {
                work: self.names.work(queue),
                dead: self.names.dead(queue),
            },
        ))
    }
}

impl From<Received> for DeadLetter {
    fn from(received: Received) -> Self {
        let attempts = received.failures();
        let Delivery {
            id,
            route,
            headers,
            body,
            ..
        } = received.delivery;
        let reason = received.reason.unwrap_or_else(|| "unknown".to_owned());
        Self {
            id,
            route,
            reason,
            attempts,
            headers,
            body,
        }
    }
}
