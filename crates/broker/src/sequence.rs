//! Messages taken in their order, several at once.

use crate::consume::{End, PAUSE, Worker};
use crate::message::{Delivery, Received};
use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use lapin::options::BasicAckOptions;
use lapin::{Acker, Channel, Consumer};
use slog::{info, warn};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What became of messages that were handled in their order. The reasons are kept and
/// logged: they hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InOrder {
    /// Their effect is committed.
    Done {
        /// Those that can never be handled, by their place, with the reason: they go to the
        /// dead letters.
        dead: Vec<(usize, String)>,
    },
    /// Nothing was done; the same messages are handed over again after a pause.
    Later(String),
}

/// Does the work of a queue whose messages keep their order. Sees the same messages more
/// than once, and then in the same order.
#[async_trait]
pub trait Sequence: Send + Sync {
    /// Handles the oldest messages, at most the queue's prefetch.
    async fn handle(&self, deliveries: &[Delivery]) -> InOrder;
}

/// Hands over what arrives, until the subscription ends or `stop`.
///
/// The subscription is never cancelled: what RabbitMQ sends while it hears of that goes back
/// at once, ahead of older messages, which go back with the channel. Whoever closes the
/// channel alone gives all of them back together, in their order. Dropping a consumer cancels
/// too, hence it stays the caller's until the channel is closed.
pub(crate) async fn receive(
    worker: &Worker,
    channel: &Channel,
    consumer: &mut Consumer,
    sequence: &Arc<dyn Sequence>,
    stop: &CancellationToken,
) -> End {
    loop {
        let first = tokio::select! {
            biased;
            () = stop.cancelled() => return End::Stopped,
            first = consumer.next() => first,
        };
        let mut batch = Vec::new();
        let mut next = first;
        loop {
            match next {
                Some(Ok(delivery)) => batch.push(delivery),
                Some(Err(error)) => {
                    warn!(worker.log, "the subscription failed"; "error" => %error);
                    return End::Lost;
                }
                None => return End::Lost,
            }
            if batch.len() >= usize::from(worker.spec.prefetch) {
                break;
            }
            match consumer.next().now_or_never() {
                Some(more) => next = more,
                None => break,
            }
        }
        if let Some(end) = settle(worker, channel, batch, sequence, stop).await {
            return end;
        }
    }
}

/// Has messages handled, however long that takes, and acknowledges them all at once. Ends
/// early when nobody would hear the acknowledgement.
async fn settle(
    worker: &Worker,
    channel: &Channel,
    batch: Vec<lapin::message::Delivery>,
    sequence: &Arc<dyn Sequence>,
    stop: &CancellationToken,
) -> Option<End> {
    let last: Acker = batch.last()?.acker.clone();
    let received: Vec<Received> = batch.into_iter().map(Received::read).collect();
    let deliveries: Vec<Delivery> = received.iter().map(|it| it.delivery.clone()).collect();
    let queue = worker.spec.name;
    let mut waiting = false;
    loop {
        let outcome = AssertUnwindSafe(sequence.handle(&deliveries))
            .catch_unwind()
            .await
            .unwrap_or_else(|_panic| InOrder::Later("the handler panicked".to_owned()));
        let reason = match outcome {
            InOrder::Done { dead } => match bury(worker, &received, dead).await {
                Ok(()) => break,
                Err(error) => error.to_string(),
            },
            InOrder::Later(reason) => reason,
        };
        if !waiting {
            warn!(worker.log, "messages wait in their place"; "reason" => reason,
                "messages" => deliveries.len());
            waiting = true;
        }
        tokio::select! {
            () = stop.cancelled() => return Some(End::Stopped),
            () = tokio::time::sleep(PAUSE) => {}
        }
        if !channel.status().connected() {
            return Some(End::Lost);
        }
    }
    if waiting {
        info!(worker.log, "messages could be handled after all");
    }
    metrics::counter!("nodebyte_broker_deliveries_total", "queue" => queue, "outcome" => "done")
        .increment(deliveries.len() as u64);
    match last.ack(BasicAckOptions { multiple: true }).await {
        Ok(true) => None,
        _ => Some(End::Lost),
    }
}

async fn bury(
    worker: &Worker,
    received: &[Received],
    dead: Vec<(usize, String)>,
) -> Result<(), crate::publish::PublishError> {
    let queue = worker.shared.names.dead(worker.spec.name);
    for (place, reason) in dead {
        let Some(message) = received.get(place) else {
            continue;
        };
        warn!(worker.log, "can never be handled"; "reason" => &reason,
            "message_id" => message.message_id.clone());
        worker.pass_on(message, &queue, &reason).await?;
    }
    Ok(())
}
