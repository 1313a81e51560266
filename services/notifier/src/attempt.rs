//! One lane's turn: what is at its head is sent, and what became of it is said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::types::event::Event;
use outbound::{Answer, DiscordWebhook, Verdict};
use reach::DiscordBudget;
use reach::webhooks::{Messenger, Target, TargetError, Targets};
use runtime::error_chain::ErrorChain;
use slog::{Logger, debug, warn};
use store::{Attempt, Head, HealthNote, HeldLane, LaneOutcome, NextStep, Settled, Store};

use crate::decide::{Case, Decision, Schedule, decide};
use crate::taken::Taken;

/// Before what could not be sent is tried again.
const NOT_AT_ONCE: Duration = Duration::from_secs(1);

/// What every attempt needs.
pub(crate) struct Attempts {
    pub(crate) store: Store,
    pub(crate) targets: Targets,
    pub(crate) messenger: Messenger,
    pub(crate) budget: DiscordBudget,
    pub(crate) schedule: Schedule,
    pub(crate) taken: Taken,
    pub(crate) log: Logger,
}

impl Attempts {
    /// Sends what is at the head of a lane. After `leave_by` nothing may leave any more: by
    /// the time of the answer the lane may be another's.
    pub(crate) async fn make(self: Arc<Self>, lane: HeldLane, leave_by: Instant) -> LaneOutcome {
        let target = self.targets.of(lane.webhook, lane.revision).await;
        match target.as_deref() {
            Ok(Target::Signed(to)) => {
                let Some(head) = lane.heads.first() else {
                    return nothing(&lane);
                };
                if Instant::now() > leave_by {
                    return unsent(&lane, std::slice::from_ref(head), TOO_LATE);
                }
                let began = Instant::now();
                let (id, body) = (head.event.to_string(), head.body.clone());
                let answer = self.messenger.send(to, &id, body).await;
                let outcome = self.settle(&lane, std::slice::from_ref(head), &answer, began);
                // Its end takes what it gets, and nobody waits for the webhook as a whole.
                let flows = answer.verdict == Verdict::Delivered
                    && outcome.pause.is_zero()
                    && !lane.is_probe;
                LaneOutcome {
                    stays: flows.then_some(lane.since),
                    ..outcome
                }
            }
            Ok(Target::Discord { webhook, channel }) => {
                self.tell_discord(&lane, webhook, channel.as_deref(), leave_by)
                    .await
            }
            Err(error) => self.unreachable(&lane, error),
        }
    }

    /// Tells a channel of what is at the head of its lane, as much as one message takes.
    async fn tell_discord(
        &self,
        lane: &HeldLane,
        webhook: &DiscordWebhook,
        channel: Option<&str>,
        leave_by: Instant,
    ) -> LaneOutcome {
        let events = readable(&lane.heads);
        let count = together(&lane.heads, &events);
        let channel = channel.unwrap_or_else(|| webhook.id());
        if let Err(wait) = self.budget.take(webhook.id(), channel).await {
            return LaneOutcome {
                pause: wait,
                ..nothing(lane)
            };
        }
        let mut part = lane.clone();
        part.heads.truncate(count);
        if let Err(error) = self.store.deliveries_begin(&part).await {
            debug!(self.log, "nothing is sent"; "error" => ErrorChain(&error));
            return nothing(lane);
        }
        if Instant::now() > leave_by {
            return unsent(lane, &part.heads, TOO_LATE);
        }
        let began = Instant::now();
        let told = &events[..count.min(events.len())];
        let answer = match (edited(&part.heads), told.first()) {
            (Some(message), Some(event)) => self.messenger.edit(webhook, message, event).await,
            _ => self.messenger.post(webhook, told).await,
        };
        let mut outcome = self.settle(lane, &part.heads, &answer, began);
        if matches!(answer.status, Some(401 | 403 | 429))
            && let Some(wait) = self.budget.count_invalid().await
        {
            warn!(self.log, "Discord has refused too much: nothing is sent for a while"; "wait" => ?wait);
            outcome.provider_pause = outcome.provider_pause.max(wait);
        }
        outcome
    }

    fn settle(
        &self,
        lane: &HeldLane,
        heads: &[Head],
        answer: &Answer,
        began: Instant,
    ) -> LaneOutcome {
        if answer.verdict == Verdict::Delivered {
            self.taken.note(lane.webhook);
        }
        // One for all that the message told of: what goes together stays together.
        let chance = rand::random();
        let decisions: Vec<(&Head, Decision)> = heads
            .iter()
            .map(|head| {
                let since = head.last_attempt.unwrap_or(began);
                let case = Case {
                    failures: head.failures,
                    is_parked: head.is_parked,
                    took_others: lane.last_success.is_some_and(|at| at > since)
                        || self.taken.since(lane.webhook, since),
                    may_be_anothers: heads.len() > 1 || edited(heads).is_some(),
                    is_probe: lane.is_probe,
                    revision: lane.revision,
                };
                let decision = decide(answer, case, &self.schedule, chance);
                (head, decision)
            })
            .collect();
        let (health, pause, provider_pause) = decisions.first().map_or(
            (HealthNote::Nothing, Duration::ZERO, Duration::ZERO),
            |(_, it)| (it.health, it.pause, it.provider_pause),
        );
        for (_, decision) in &decisions {
            metrics::counter!("nodebyte_delivery_attempts_total", "outcome" => decision.outcome)
                .increment(1);
        }
        metrics::histogram!("nodebyte_delivery_seconds").record(answer.took);
        let settled = decisions.into_iter().map(|(head, decision)| Settled {
            delivery: head.delivery,
            attempt: Some(Attempt {
                number: head.attempt,
                outcome: decision.outcome,
                counted: decision.counted,
                status: answer.status.map(i32::from),
                answer: answer.excerpt.clone(),
                took: answer.took,
            }),
            next: decision.next,
        });
        LaneOutcome {
            settled: settled.collect(),
            health,
            pause,
            provider_pause,
            ..nothing(lane)
        }
    }

    /// Its address or secret cannot be had or opened here: nothing was sent. That PostgreSQL
    /// was away is not the webhook's failure.
    fn unreachable(&self, lane: &HeldLane, error: &TargetError) -> LaneOutcome {
        warn!(self.log, "a webhook cannot be reached"; "webhook" => %lane.webhook,
            "error" => ErrorChain(error));
        let first = lane.heads.get(..1).unwrap_or_default();
        let health = if error.is_outage() {
            HealthNote::Nothing
        } else {
            HealthNote::Fails {
                began: Duration::ZERO,
            }
        };
        LaneOutcome {
            health,
            ..unsent(lane, first, &error.to_string())
        }
    }
}

/// Why something was not sent, in the delivery log.
const TOO_LATE: &str = "not sent: the claim had grown too old";

/// Gives a lane back with attempts that sent nothing: they say why, and count for nothing.
fn unsent(lane: &HeldLane, heads: &[Head], why: &str) -> LaneOutcome {
    let settled = heads.iter().map(|head| Settled {
        delivery: head.delivery,
        attempt: Some(Attempt {
            number: head.attempt,
            outcome: "failed",
            counted: false,
            status: None,
            answer: why.to_owned(),
            took: Duration::ZERO,
        }),
        next: NextStep::Again {
            wait: NOT_AT_ONCE,
            park: false,
        },
    });
    LaneOutcome {
        settled: settled.collect(),
        ..nothing(lane)
    }
}

/// Gives a lane back as it was.
fn nothing(lane: &HeldLane) -> LaneOutcome {
    LaneOutcome {
        webhook: lane.webhook,
        lane: lane.lane.clone(),
        fence: lane.fence,
        is_probe: lane.is_probe,
        stays: None,
        settled: Vec::new(),
        health: HealthNote::Nothing,
        pause: Duration::ZERO,
        provider_pause: Duration::ZERO,
    }
}

/// The events of the heads, as far as they can be read; all were read when they were matched.
fn readable(heads: &[Head]) -> Vec<Event> {
    heads
        .iter()
        .map_while(|head| serde_json::from_str(&head.body).ok())
        .collect()
}

/// Discord's message that is changed instead of posting another, unless that was refused: it
/// may be gone.
fn edited(heads: &[Head]) -> Option<&str> {
    let first = heads.first().filter(|head| !head.was_refused)?;
    first.begun_in.as_deref()
}

/// How many of the heads one message tells of. The beginning of a sync has a message of its
/// own, which its end is told in; and so has what spoilt a message, or may have, or lost its
/// sender.
fn together(heads: &[Head], events: &[Event]) -> usize {
    let alone = |head: &Head| {
        head.event_type == "sync.started"
            || head.begun_in.is_some()
            || head.was_refused
            || head.was_lost
    };
    if heads.first().is_some_and(alone) {
        return 1;
    }
    let before = heads.iter().position(alone).unwrap_or(heads.len());
    let most = before.min(events.len());
    Messenger::merged(&events[..most]).min(most).max(1)
}
