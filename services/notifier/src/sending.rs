//! The sender: claims lanes, makes their attempts, and writes what became of them.
//!
//! One round asks PostgreSQL once: outcomes that have come in are written, their lanes given
//! back or held on to, and as many others claimed as there is room for. A request leaves only
//! after its claim is committed, so whatever is lost with this process stands there as
//! `sending`. Outcomes are waited for a little, so that a round has much to write: most of its
//! price is the commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::types::id::{WebhookId, WorkerId};
use runtime::error_chain::ErrorChain;
use slog::{Logger, error, warn};
use store::{DELIVERIES_CHANNEL, HeldLane, LaneClaim, LaneOutcome, Store, Wakeups};
use tokio::task::{self, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempts;

/// Between two looks when nothing wakes the sender.
const IDLE: Duration = Duration::from_secs(1);
/// After PostgreSQL could not be asked.
const PAUSE: Duration = Duration::from_millis(500);
/// So long a lane is held on to while its end takes what it gets.
const STAY: Duration = Duration::from_millis(250);
/// So long outcomes wait for others, unless all that is under way has come in.
const GATHER: Duration = Duration::from_millis(1);
/// Deliveries that one message to Discord tells of, at most.
const MERGE: u32 = 10;

/// Sends deliveries.
pub(crate) struct Sender {
    pub(crate) store: Store,
    pub(crate) attempts: Arc<Attempts>,
    /// Requests at once.
    pub(crate) concurrency: usize,
    /// After this time without a word a lane is another's.
    pub(crate) hold: Duration,
    /// Of that, the time in which a request must leave for its answer to come in time.
    pub(crate) leave_within: Duration,
    pub(crate) log: Logger,
}

/// What is under way.
#[derive(Default)]
struct InHand {
    tasks: JoinSet<LaneOutcome>,
    /// Of each task.
    webhooks: HashMap<task::Id, WebhookId>,
    done: Vec<LaneOutcome>,
    /// When the first of those came in.
    since: Option<Instant>,
}

impl InHand {
    fn begin(&mut self, attempts: &Arc<Attempts>, lanes: Vec<HeldLane>, leave_by: Instant) {
        for lane in lanes {
            let webhook = lane.webhook;
            let task = self.tasks.spawn(Arc::clone(attempts).make(lane, leave_by));
            self.webhooks.insert(task.id(), webhook);
        }
    }

    fn end(&mut self, ended: Result<(task::Id, LaneOutcome), JoinError>, log: &Logger) {
        let id = match ended {
            Ok((id, outcome)) => {
                self.since.get_or_insert_with(Instant::now);
                self.done.push(outcome);
                id
            }
            // Its lane is freed in time, and what it sent is unknown.
            Err(error) => {
                error!(log, "an attempt panicked"; "error" => %error);
                error.id()
            }
        };
        self.webhooks.remove(&id);
    }

    /// How long what has come in waits for more, if it does.
    fn gathers(&self) -> Option<Duration> {
        let waits = GATHER.checked_sub(self.since?.elapsed())?;
        (!self.tasks.is_empty()).then_some(waits)
    }

    /// Webhooks that have their share, since a slow one leaves room for others; and the most
    /// that another has.
    fn busy(&self, share: usize) -> (Vec<WebhookId>, usize) {
        let mut counts: HashMap<WebhookId, usize> = HashMap::new();
        let stay = self.done.iter().filter(|it| it.stays.is_some());
        for webhook in self
            .webhooks
            .values()
            .copied()
            .chain(stay.map(|it| it.webhook))
        {
            *counts.entry(webhook).or_default() += 1;
        }
        let most = counts.values().filter(|count| **count < share).max();
        let most = most.copied().unwrap_or_default();
        let busy = counts.into_iter().filter(|(_, count)| *count >= share);
        (busy.map(|(webhook, _)| webhook).collect(), most)
    }
}

/// PostgreSQL could not be asked.
struct Away;

impl Sender {
    /// Sends until `stop`, then ends what is in hand.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let wakeups = Wakeups::listen(&self.store, DELIVERIES_CHANNEL, self.log.clone());
        let me = WorkerId::new();
        let mut hand = InHand::default();
        let mut look = true;
        loop {
            while let Some(ended) = hand.tasks.try_join_next_with_id() {
                hand.end(ended, &self.log);
            }
            let room = if stop.is_cancelled() {
                0
            } else {
                self.concurrency - hand.tasks.len()
            };
            if let Some(wait) = hand.gathers().filter(|_| !look) {
                tokio::select! {
                    Some(ended) = hand.tasks.join_next_with_id() => hand.end(ended, &self.log),
                    () = tokio::time::sleep(wait) => {}
                }
                continue;
            }
            if !hand.done.is_empty() || (look && room > 0) {
                match self.turn(me, room, &mut hand).await {
                    // All that may leave is under way; or there was no room for more, and the
                    // next outcome makes some.
                    Ok(()) => look = false,
                    Err(Away) => tokio::time::sleep(PAUSE).await,
                }
                continue;
            }
            if stop.is_cancelled() && hand.tasks.is_empty() {
                return;
            }
            tokio::select! {
                Some(ended) = hand.tasks.join_next_with_id() => hand.end(ended, &self.log),
                () = wakeups.wait(IDLE), if room > 0 => look = true,
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
        }
    }

    /// Writes outcomes and claims lanes.
    async fn turn(&self, me: WorkerId, room: usize, hand: &mut InHand) -> Result<(), Away> {
        let share = (self.concurrency / 2).max(1);
        let (except, most) = hand.busy(share);
        let claim = LaneClaim {
            holder: me,
            lanes: u32::try_from(room).unwrap_or(u32::MAX),
            per_webhook: u32::try_from(share - most).unwrap_or(u32::MAX),
            except,
            hold: self.hold,
            merge: MERGE,
            stay: STAY,
        };
        let leave_by = Instant::now() + self.leave_within;
        match self.store.deliveries_turn(&hand.done, &claim).await {
            Ok(lanes) => {
                hand.done.clear();
                hand.since = None;
                hand.begin(&self.attempts, lanes, leave_by);
                Ok(())
            }
            Err(error) => {
                warn!(self.log, "cannot work on deliveries"; "error" => ErrorChain(&error));
                Err(Away)
            }
        }
    }
}
