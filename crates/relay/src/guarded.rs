//! Consumers that know a message when it comes again.

use async_trait::async_trait;
use broker::{Delivery, Handler, Outcome};
use slog::{Logger, debug};
use store::{InboxEntry, Receipt};

/// What a consumer does, in a transaction that records the message too.
#[async_trait]
pub trait Effect: Send + Sync {
    /// Does what the message asks for and writes `entry` to the inbox, both or
    /// neither; nothing if it stands there already. There is no entry where the
    /// sender gave no id that can be read.
    ///
    /// # Errors
    /// What is to become of a delivery that had no effect.
    async fn apply(
        &self,
        delivery: &Delivery,
        entry: Option<InboxEntry>,
    ) -> Result<Receipt, Outcome>;
}

/// A handler whose messages have their effect once, however often they come.
pub struct Guarded<E> {
    consumer: &'static str,
    effect: E,
    log: Logger,
}

impl<E: Effect> Guarded<E> {
    /// Guards `effect`; `consumer` names it in the inbox and is never changed,
    /// since messages are known by it.
    pub fn new(consumer: &'static str, effect: E, log: Logger) -> Self {
        Self {
            consumer,
            effect,
            log,
        }
    }
}

#[async_trait]
impl<E: Effect> Handler for Guarded<E> {
    async fn handle(&self, delivery: &Delivery) -> Outcome {
        let entry = delivery.id.map(|message| InboxEntry {
            consumer: self.consumer,
            message,
        });
        match self.effect.apply(delivery, entry).await {
            Ok(Receipt::New) => Outcome::Done,
            Ok(Receipt::Repeated) => {
                metrics::counter!("nodebyte_inbox_repeated_total", "consumer" => self.consumer)
                    .increment(1);
                debug!(self.log, "a message came again"; "message_id" => ?delivery.id);
                Outcome::Done
            }
            Err(outcome) => outcome,
        }
    }
}
