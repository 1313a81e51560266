//! Consumers: subscribed again after every loss, acknowledging after the work.

use crate::connection::{Broker, Link, Shared};
use crate::message::{Handler, Outcome, Received};
use crate::publish::{Outgoing, PublishError};
use crate::sequence::{self, Sequence};
use crate::settings::QueueSpec;
use crate::topology::{self, named};
use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::FieldTable;
use lapin::{Acker, Channel, Consumer};
use slog::{Logger, debug, error, info, o, warn};
use std::io::ErrorKind;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Pause after a subscription that failed, or a message that could not be moved
/// on: both are tried again.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

impl Broker {
    /// Handles what comes from `queue`, at most its prefetch at once, until
    /// `stop`: then nothing new is begun, what was begun is finished, the rest
    /// goes back to the queue, and the returned task ends. Lost connections and
    /// channels are replaced meanwhile; until then [`Broker::is_connected`] says
    /// no.
    ///
    /// A queue that was not named to [`Broker::start`] is logged as an error and
    /// keeps [`Broker::is_connected`] at no.
    pub fn consume(
        &self,
        queue: &'static str,
        handler: Arc<dyn Handler>,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        self.start_consumer(queue, Work::Each(handler), stop)
    }

    /// Handles what comes from `queue` in its order, until `stop`: what was begun is finished,
    /// and the rest goes back. Of several processes that call this, one receives at a time.
    /// What cannot be handled now stays where it is and is tried again, and all that is behind
    /// it waits. As for the rest, see [`Broker::consume`].
    pub fn consume_in_order(
        &self,
        queue: &'static str,
        sequence: Arc<dyn Sequence>,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        self.start_consumer(queue, Work::InOrder(sequence), stop)
    }

    fn start_consumer(
        &self,
        queue: &'static str,
        work: Work,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        self.shared.consumer_down();
        let shared = Arc::clone(&self.shared);
        let log = shared.log.new(o!("queue" => queue));
        let Some(&spec) = shared.queues.get(queue) else {
            error!(log, "nobody declared the queue that is to be consumed");
            return tokio::spawn(async {});
        };
        let worker = Arc::new(Worker {
            shared,
            spec,
            work,
            log,
        });
        tokio::spawn(worker.run(stop))
    }
}

/// Why a consumer receives nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was told to stop.
    Stopped,
    /// RabbitMQ or the network ended the subscription.
    Lost,
}

/// Who does the work of a queue.
#[derive(Clone)]
enum Work {
    /// Each message by itself.
    Each(Arc<dyn Handler>),
    /// One after the other.
    InOrder(Arc<dyn Sequence>),
}

/// One consumer of one queue.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) spec: QueueSpec,
    work: Work,
    pub(crate) log: Logger,
}

impl Worker {
    async fn run(self: Arc<Self>, stop: CancellationToken) {
        while let Some(link) = self.next_link(&stop).await {
            let subscribed = tokio::select! {
                () = stop.cancelled() => break,
                subscribed = self.subscribe_in_time(&link) => subscribed,
            };
            match subscribed {
                Ok((channel, mut consumer)) => {
                    self.shared.consumer_up();
                    debug!(self.log, "subscribed");
                    let mut work = JoinSet::new();
                    let end = match &self.work {
                        Work::Each(handler) => {
                            self.receive(&channel, &mut consumer, handler, &mut work, &stop)
                                .await
                        }
                        Work::InOrder(sequence) => {
                            sequence::receive(&self, &channel, &mut consumer, sequence, &stop).await
                        }
                    };
                    if end == End::Lost {
                        self.shared.consumer_down();
                        warn!(self.log, "the subscription ended and is renewed");
                    }
                    self.finish(&channel, work).await;
                    drop(consumer);
                    if end == End::Stopped {
                        return;
                    }
                }
                Err(error) => {
                    warn!(self.log, "cannot subscribe"; "error" => %error);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
            }
        }
        // Stopped, or the broker was closed, while not subscribed.
        self.shared.consumer_up();
    }

    async fn next_link(&self, stop: &CancellationToken) -> Option<Arc<Link>> {
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            link = self.shared.next_link() => link,
        }
    }

    /// RabbitMQ may leave the question without an answer, for example while a queue
    /// finds no leader; it is asked again then, on a new channel.
    async fn subscribe_in_time(&self, link: &Link) -> lapin::Result<(Channel, Consumer)> {
        timeout(self.shared.settings.connect_timeout, self.subscribe(link))
            .await
            .unwrap_or_else(|_elapsed| Err(std::io::Error::from(ErrorKind::TimedOut).into()))
    }

    /// The topology is declared here too: the subscription may have ended
    /// because somebody deleted the queue.
    async fn subscribe(&self, link: &Link) -> lapin::Result<(Channel, Consumer)> {
        let channel = link.connection.create_channel().await?;
        topology::declare(&channel, &self.shared.names, &[self.spec]).await?;
        channel
            .basic_qos(self.spec.prefetch.max(1), BasicQosOptions::default())
            .await?;
        let work = self.shared.names.work(self.spec.name);
        let consumer = channel
            .basic_consume(
                named(&work)?,
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok((channel, consumer))
    }

    /// Begins work on whatever arrives, until the subscription ends or `stop`.
    async fn receive(
        self: &Arc<Self>,
        channel: &Channel,
        consumer: &mut Consumer,
        handler: &Arc<dyn Handler>,
        work: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) -> End {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.cancel(channel, consumer).await;
                    return End::Stopped;
                }
                Some(_) = work.join_next() => {}
                delivery = consumer.next() => match delivery {
                    Some(Ok(delivery)) => {
                        work.spawn(Arc::clone(self).settle(Arc::clone(handler), delivery));
                    }
                    Some(Err(error)) => {
                        warn!(self.log, "the subscription failed"; "error" => %error);
                        return End::Lost;
                    }
                    None => return End::Lost,
                },
            }
        }
    }

    /// Ends a subscription: nothing more comes.
    async fn cancel(&self, channel: &Channel, consumer: &Consumer) {
        let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
        if let Err(error) = cancelled.await {
            debug!(self.log, "the subscription was already gone"; "error" => %error);
        }
    }

    /// Waits for what was begun. Also after a loss, before anything is received
    /// again: one process never works twice on one message at the same time.
    async fn finish(&self, channel: &Channel, mut work: JoinSet<()>) {
        while work.join_next().await.is_some() {}
        // What was received and not begun goes back to the queue with the channel.
        if let Err(error) = channel.close(200, "done".into()).await {
            debug!(self.log, "the channel was already closing"; "error" => %error);
        }
    }

    /// Handles one delivery and answers for it.
    async fn settle(
        self: Arc<Self>,
        handler: Arc<dyn Handler>,
        delivery: lapin::message::Delivery,
    ) {
        let queue = self.spec.name;
        let acker = delivery.acker.clone();
        let received = Received::read(delivery);
        let log = self.log.new(o!(
            "message_id" => received.message_id.clone(),
            "route" => received.delivery.route.clone(),
            "attempt" => received.delivery.attempt,
        ));

        let begun = Instant::now();
        metrics::gauge!("nodebyte_broker_in_flight", "queue" => queue).increment(1.0);
        let outcome = AssertUnwindSafe(handler.handle(&received.delivery))
            .catch_unwind()
            .await
            .unwrap_or_else(|_panic| Outcome::Retry("the handler panicked".to_owned()));
        metrics::gauge!("nodebyte_broker_in_flight", "queue" => queue).decrement(1.0);
        metrics::histogram!("nodebyte_broker_handle_seconds", "queue" => queue)
            .record(begun.elapsed());

        let (moved, outcome) = match outcome {
            Outcome::Done => (Ok(()), "done"),
            Outcome::Retry(reason) => match self.delay_after(received.failures()) {
                Some(delay) => {
                    info!(log, "tried again later"; "reason" => &reason, "delay" => ?delay);
                    (
                        self.pass_on(&received, &self.shared.names.retry(queue, delay), &reason)
                            .await,
                        "retry",
                    )
                }
                None => {
                    warn!(log, "given up after the last attempt"; "reason" => &reason);
                    (
                        self.pass_on(&received, &self.shared.names.dead(queue), &reason)
                            .await,
                        "dead",
                    )
                }
            },
            Outcome::Dead(reason) => {
                warn!(log, "can never be handled"; "reason" => &reason);
                (
                    self.pass_on(&received, &self.shared.names.dead(queue), &reason)
                        .await,
                    "dead",
                )
            }
        };
        metrics::counter!("nodebyte_broker_deliveries_total", "queue" => queue, "outcome" => outcome).increment(1);

        let answered = match moved {
            Ok(()) => acker.ack(BasicAckOptions::default()).await,
            Err(error) => {
                warn!(log, "could not be moved on and goes back to its queue"; "error" => %error);
                requeue(&acker).await
            }
        };
        if !matches!(answered, Ok(true)) {
            debug!(
                log,
                "the answer came after the channel's end; RabbitMQ delivers again"
            );
        }
    }

    /// The ladder's step after that many failures before this one.
    fn delay_after(&self, failures: u32) -> Option<Duration> {
        self.spec
            .retry_ladder
            .get(usize::try_from(failures).ok()?)
            .copied()
    }

    pub(crate) async fn pass_on(
        &self,
        received: &Received,
        queue: &str,
        reason: &str,
    ) -> Result<(), PublishError> {
        self.shared.move_to(queue, received, Some(reason)).await
    }
}

impl Shared {
    /// Publishes a received message to a queue by that queue's own name.
    pub(crate) async fn move_to(
        &self,
        queue: &str,
        received: &Received,
        reason: Option<&str>,
    ) -> Result<(), PublishError> {
        let outgoing = Outgoing {
            exchange: String::new(),
            routing_key: queue,
            mandatory: true,
            body: &received.delivery.body,
            properties: received.moved(reason),
        };
        self.send(vec![outgoing])
            .await
            .pop()
            .unwrap_or(Err(PublishError::NotConnected))
    }
}

async fn requeue(acker: &Acker) -> lapin::Result<bool> {
    tokio::time::sleep(PAUSE).await;
    acker
        .nack(BasicNackOptions {
            multiple: false,
            requeue: true,
        })
        .await
}
