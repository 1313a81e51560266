//! One lane's turn: what is at its head is sent, and what became of it is said.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use common::types::event::Event;
use outbound::{Answer, DiscordWebhook, Verdict};
use reach::webhooks::{Messenger, Target, TargetError, Targets};
use runtime::error_chain::ErrorChain;
use slog::{Logger, debug, warn};
use store::{Attempt, Head, HealthNote, HeldLane, LaneOutcome, NextStep, Settled, Store};

use crate::budget::DiscordBudget;
use crate::decide::{Case, Decision, Schedule, decide};
use crate::taken::Taken;

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
    /// Sends what is at the head of a lane.
    pub(crate) async fn make(self: Arc<Self>, lane: HeldLane) -> LaneOutcome {
        let target = self.targets.of(lane.webhook, lane.revision).await;
        match target.as_deref() {
            Ok(Target::Signed(to)) => {
                let Some(head) = lane.heads.first() else {
                    return nothing(&lane);
                };
                let began = Utc::now();
                let (id, body) = (head.event.to_string(), head.body.clone());
                let answer = self.messenger.send(to, &id, body).await;
                self.settle(&lane, std::slice::from_ref(head), &answer, began)
            }
            Ok(Target::Discord { webhook, channel }) => {
                self.tell_discord(&lane, webhook, channel.as_deref()).await
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
    ) -> LaneOutcome {
        let events = readable(&lane.heads);
        let mut count = together(&lane.heads, &events);
        let mut edit = lane.heads.first().and_then(|it| it.begun_in.as_deref());
        loop {
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
            let began = Utc::now();
            let told = &events[..count.min(events.len())];
            let answer = match (edit, told.first()) {
                (Some(message), Some(event)) => self.messenger.edit(webhook, message, event).await,
                _ => self.messenger.post(webhook, told).await,
            };
            let refused = matches!(answer.verdict, Verdict::Refused { .. });
            if refused && edit.take().is_some() {
                // The message is gone; the event is told in one of its own.
                continue;
            }
            if refused && count > 1 {
                // One of them spoils the message: the first goes alone, the others next.
                count = 1;
                continue;
            }
            let mut outcome = self.settle(lane, &part.heads, &answer, began);
            if matches!(answer.status, Some(401 | 403 | 429))
                && let Some(wait) = self.budget.count_invalid().await
            {
                warn!(self.log, "Discord has refused too much: nothing is sent for a while"; "wait" => ?wait);
                outcome.provider_pause = outcome.provider_pause.max(wait);
            }
            return outcome;
        }
    }

    fn settle(
        &self,
        lane: &HeldLane,
        heads: &[Head],
        answer: &Answer,
        began: chrono::DateTime<Utc>,
    ) -> LaneOutcome {
        if answer.verdict == Verdict::Delivered {
            self.taken.note(lane.webhook);
        }
        let decisions: Vec<(&Head, Decision)> = heads
            .iter()
            .map(|head| {
                let since = head.last_attempt_at.unwrap_or(began);
                let case = Case {
                    failures: head.failures,
                    is_parked: head.is_parked,
                    took_others: lane.last_success_at.is_some_and(|at| at > since)
                        || self.taken.since(lane.webhook, since),
                    is_probe: lane.is_probe,
                };
                let decision = decide(answer, case, &self.schedule, rand::random());
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
            webhook: lane.webhook,
            lane: lane.lane.clone(),
            fence: lane.fence,
            settled: settled.collect(),
            health,
            pause,
            provider_pause,
        }
    }

    /// Its address or secret cannot be opened here: nothing was sent.
    fn unreachable(&self, lane: &HeldLane, error: &TargetError) -> LaneOutcome {
        warn!(self.log, "a webhook cannot be reached"; "webhook" => %lane.webhook,
            "error" => ErrorChain(error));
        let settled = lane.heads.iter().map(|head| Settled {
            delivery: head.delivery,
            attempt: Some(Attempt {
                number: head.attempt,
                outcome: "failed",
                counted: false,
                status: None,
                answer: error.to_string(),
                took: Duration::ZERO,
            }),
            next: NextStep::Again {
                wait: Duration::ZERO,
                park: false,
            },
        });
        LaneOutcome {
            settled: settled.take(1).collect(),
            health: HealthNote::Fails {
                began: Duration::ZERO,
                is_probe: lane.is_probe,
            },
            ..nothing(lane)
        }
    }
}

/// Gives a lane back as it was.
fn nothing(lane: &HeldLane) -> LaneOutcome {
    LaneOutcome {
        webhook: lane.webhook,
        lane: lane.lane.clone(),
        fence: lane.fence,
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

/// How many of the heads one message tells of. The beginning of a sync has a message of its
/// own, which its end is told in.
fn together(heads: &[Head], events: &[Event]) -> usize {
    let alone = |head: &Head| head.event_type == "sync.started" || head.begun_in.is_some();
    if heads.first().is_some_and(alone) {
        return 1;
    }
    let before = heads.iter().position(alone).unwrap_or(heads.len());
    let most = before.min(events.len());
    Messenger::merged(&events[..most]).min(most).max(1)
}
