//! Consumers that note what they have handled.

use async_trait::async_trait;
use broker::{Delivery, Handler, Outcome};
use slog::{Logger, debug, warn};
use store::{Receipt, Store};

/// A handler whose successes are recorded in the inbox under a consumer's name,
/// so that a repeated message is known as one.
///
/// The record follows the effect: were it first, a crash in between would lose
/// the message. A repeat after such a crash is handled once more, which is why the
/// handler's effect must be idempotent, or be committed by the handler together
/// with the inbox row.
pub struct Guarded<H> {
    store: Store,
    consumer: &'static str,
    handler: H,
    log: Logger,
}

impl<H: Handler> Guarded<H> {
    /// Guards `handler`; `consumer` names it in the inbox and is never changed,
    /// since messages are known by it.
    pub fn new(store: Store, consumer: &'static str, handler: H, log: Logger) -> Self {
        Self {
            store,
            consumer,
            handler,
            log,
        }
    }
}

#[async_trait]
impl<H: Handler> Handler for Guarded<H> {
    async fn handle(&self, delivery: &Delivery) -> Outcome {
        let outcome = self.handler.handle(delivery).await;
        let Some(id) = delivery.id.filter(|_| outcome == Outcome::Done) else {
            return outcome;
        };
        match self.store.inbox_record(self.consumer, id).await {
            Ok(Receipt::New) => {}
            Ok(Receipt::Repeated) => {
                metrics::counter!("nodebyte_inbox_repeated_total", "consumer" => self.consumer)
                    .increment(1);
                debug!(self.log, "handled a message again"; "message_id" => %id);
            }
            // The effect stands. To have it done again for the record's sake would
            // be the very repeat that the record is to tell of.
            Err(error) => {
                warn!(self.log, "a handled message was not recorded"; "message_id" => %id, "error" => %error);
            }
        }
        outcome
    }
}
