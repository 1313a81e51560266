//! The outbox relay.
//!
//! Every replica runs one, and a lease in PostgreSQL lets one at a time work. A
//! relay that holds it reads what waits in order, and publishes it in windows that
//! hold each subject at most once: within a window nothing can overtake, and a
//! subject whose message was not confirmed takes no part in later windows of the
//! round. What was confirmed is marked; a crash before that repeats messages
//! under their old ids, in their old order, and loses none.

use broker::{Broker, Publication, PublishError, Route};
use chrono::Utc;
use common::types::id::WorkerId;
use slog::{Logger, info, o, warn};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};
use store::{OUTBOX_CHANNEL, Outgoing, OutgoingRoute, Store, StoreError, Wakeups};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Whoever holds it publishes.
const LEASE: &str = "outbox-relay";
/// After this time the messages of a killed relay are another's to publish.
const LEASE_TIME: Duration = Duration::from_secs(10);
/// Leaves room for one slow window before the lease ends.
const RENEW_AFTER: Duration = Duration::from_secs(3);
/// Messages read and marked at once.
const BATCH: usize = 500;
/// Between two looks when nothing wakes the relay.
const IDLE: Duration = Duration::from_secs(1);
/// Between two counts of what waits.
const MEASURE_AFTER: Duration = Duration::from_secs(5);

/// Publishes the outbox.
pub struct Relay {
    store: Store,
    broker: Broker,
    holder: WorkerId,
    log: Logger,
    /// When the lease was last taken or renewed.
    leased: Option<Instant>,
    /// Another relay held it when it was last asked for.
    elsewhere: bool,
    /// Whether messages failed in the last round that published.
    failing: bool,
}

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Messages confirmed and marked.
    pub published: usize,
    /// Messages that were refused, reached no queue or got no confirm. They, and
    /// those behind them of their subjects, wait for the next round.
    pub failed: usize,
}

impl Relay {
    /// Publishes until `stop`; then ends what is in hand and gives the lease back.
    #[must_use]
    pub fn start(
        store: Store,
        broker: Broker,
        holder: WorkerId,
        log: &Logger,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        tokio::spawn(Self::new(store, broker, holder, log).run(stop))
    }

    /// Publishes what waits now, unless another relay is at it, and gives the
    /// lease back: for short-lived processes.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; what was published may be published again.
    pub async fn flush(
        store: Store,
        broker: Broker,
        holder: WorkerId,
        log: &Logger,
    ) -> Result<Round, StoreError> {
        let mut relay = Self::new(store, broker, holder, log);
        let round = relay.round().await;
        relay.release().await;
        round
    }

    fn new(store: Store, broker: Broker, holder: WorkerId, log: &Logger) -> Self {
        Self {
            store,
            broker,
            holder,
            log: log.new(o!("component" => "outbox-relay")),
            leased: None,
            elsewhere: false,
            failing: false,
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        let wakeups = Wakeups::listen(&self.store, OUTBOX_CHANNEL, self.log.clone());
        let mut measured: Option<Instant> = None;
        while !stop.is_cancelled() {
            if measured.is_none_or(|at| at.elapsed() > MEASURE_AFTER) {
                self.measure().await;
                measured = Some(Instant::now());
            }
            if let Err(error) = self.round().await {
                warn!(self.log, "cannot work on the outbox"; "error" => %error);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                // Notifications are for the relay that works; the others only see
                // from time to time whether it still does.
                () = wakeups.wait(IDLE), if !self.elsewhere => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        }
        self.release().await;
    }

    /// Publishes until nothing is left that can be published.
    async fn round(&mut self) -> Result<Round, StoreError> {
        let mut round = Round::default();
        let mut held_subjects = HashSet::new();
        let mut held_rows = 0;
        loop {
            if !self.broker.is_connected() {
                // Another replica may be luckier.
                self.release().await;
                break;
            }
            // Looked at before the lease: an idle relay writes nothing.
            let waits = !self.store.outbox_unpublished(1).await?.is_empty();
            if !waits || !self.holds_lease().await? {
                break;
            }
            let limit = BATCH + held_rows;
            let waiting = self
                .store
                .outbox_unpublished(i64::try_from(limit).unwrap_or(i64::MAX))
                .await?;
            let is_last = waiting.len() < limit;
            let (held, ready): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|message| held_subjects.contains(&message.subject));
            held_rows = held.len();
            if !self.publish(ready, &mut held_subjects, &mut round).await? || is_last {
                break;
            }
        }
        if round != Round::default() {
            if self.failing && round.failed == 0 {
                info!(self.log, "all messages can be published again");
            }
            self.failing = round.failed > 0;
        }
        Ok(round)
    }

    /// Publishes messages in windows and marks the confirmed ones. Answers whether
    /// it makes sense to go on.
    async fn publish(
        &mut self,
        messages: Vec<Outgoing>,
        held_subjects: &mut HashSet<String>,
        round: &mut Round,
    ) -> Result<bool, StoreError> {
        let mut confirmed = Vec::with_capacity(messages.len());
        let mut go_on = true;
        for mut window in windows(messages) {
            window.retain(|message| !held_subjects.contains(&message.subject));
            go_on = self.holds_lease().await?;
            if window.is_empty() || !go_on {
                break;
            }
            let publications: Vec<Publication> = window.iter().map(publication).collect();
            let results = self.broker.publish_window(&publications).await;
            for (message, result) in window.into_iter().zip(results) {
                let Err(error) = result else {
                    confirmed.push(message.seq);
                    continue;
                };
                // Refused and unroutable concern the message; all else concerns
                // the connection, and with it every message.
                go_on &= matches!(error, PublishError::Refused | PublishError::Unroutable);
                if round.failed == 0 && !self.failing {
                    warn!(self.log, "a message cannot be published"; "message_id" => %message.id,
                        "key" => &message.key, "error" => %error);
                }
                round.failed += 1;
                held_subjects.insert(message.subject);
            }
            if !go_on {
                break;
            }
        }
        if !confirmed.is_empty() {
            self.store.outbox_published(&confirmed).await?;
            round.published += confirmed.len();
            metrics::counter!("nodebyte_outbox_published_total").increment(confirmed.len() as u64);
        }
        Ok(go_on)
    }

    async fn holds_lease(&mut self) -> Result<bool, StoreError> {
        if self.leased.is_some_and(|at| at.elapsed() < RENEW_AFTER) {
            return Ok(true);
        }
        // Counted from before the question, so that PostgreSQL never thinks that
        // the lease ends earlier than we do.
        let asked = Instant::now();
        self.leased = None;
        let granted = self
            .store
            .lease_take(LEASE, self.holder, LEASE_TIME)
            .await?;
        self.elsewhere = granted.is_none();
        self.leased = granted.map(|_| asked);
        Ok(!self.elsewhere)
    }

    async fn release(&mut self) {
        if self.leased.take().is_some()
            && let Err(error) = self.store.lease_release(LEASE, self.holder).await
        {
            warn!(self.log, "the lease was not given back and will run out"; "error" => %error);
        }
    }

    async fn measure(&self) {
        // PostgreSQL being away is told by the round that follows.
        if let Ok((waiting, oldest)) = self.store.outbox_lag().await {
            let age = oldest.map_or(Duration::ZERO, |at| {
                (Utc::now() - at).to_std().unwrap_or_default()
            });
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
            metrics::gauge!("nodebyte_outbox_waiting").set(waiting as f64);
            metrics::gauge!("nodebyte_outbox_oldest_seconds").set(age.as_secs_f64());
        }
    }
}

/// The n-th message of each subject stands in the n-th window.
fn windows(messages: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut windows: Vec<Vec<Outgoing>> = Vec::new();
    let mut turns: HashMap<String, usize> = HashMap::new();
    for message in messages {
        let turn = turns.entry(message.subject.clone()).or_default();
        match windows.get_mut(*turn) {
            Some(window) => window.push(message),
            None => windows.push(vec![message]),
        }
        *turn += 1;
    }
    windows
}

fn publication(message: &Outgoing) -> Publication {
    let (route, content_type) = match message.route {
        OutgoingRoute::Command => (
            Route::Command {
                queue: message.key.clone(),
            },
            "application/json",
        ),
        OutgoingRoute::Event => (
            Route::Event {
                routing_key: message.key.clone(),
            },
            "application/cloudevents+json",
        ),
    };
    let headers: BTreeMap<String, String> = message
        .headers
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    Publication {
        id: message.id,
        route,
        body: message.body.clone().into_bytes(),
        headers,
        content_type,
    }
}
