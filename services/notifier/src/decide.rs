//! What follows from an answer: a pure decision.
//!
//! An event that a webhook refused counts against that event, and so does a failure while
//! the webhook took others. Any other failure is the webhook's own: nothing counts, nothing
//! is set aside, its circuit opens. Waiting for a rate limit is no attempt.

use std::time::Duration;

use outbound::{Answer, LimitScope, SHORTEST_WAIT, Verdict};
use store::{HealthNote, NextStep};

/// Failures after which a delivery is set aside, for others of its key to proceed.
const PARK_AFTER: usize = 3;

/// Jitter: this share of a pause, more or less.
const SPREAD: f64 = 0.2;

/// The pauses before further attempts.
#[derive(Debug, Clone)]
pub(crate) struct Schedule(pub(crate) Vec<Duration>);

impl Schedule {
    /// The pause after the `failures`th failure (from 1); `None` when it is used up. `chance`
    /// lies between 0 and 1.
    fn pause(&self, failures: usize, chance: f64) -> Option<Duration> {
        let pause = *self.0.get(failures.checked_sub(1)?)?;
        Some(jittered(pause, chance))
    }
}

/// A pause, a little shorter or longer. `chance` lies between 0 and 1.
pub(crate) fn jittered(pause: Duration, chance: f64) -> Duration {
    pause.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * chance.clamp(0.0, 1.0))
}

/// What a delivery has behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// Failures that count.
    pub(crate) failures: i32,
    /// Whether it was set aside.
    pub(crate) is_parked: bool,
    /// Whether the webhook took others since this one was last tried.
    pub(crate) took_others: bool,
    /// Whether a refusal may be another's: the message told of several, or there is none any
    /// more to be changed.
    pub(crate) may_be_anothers: bool,
    /// Whether it was sent to see if the webhook works again: what others took was before.
    pub(crate) is_probe: bool,
    /// The webhook's revision.
    pub(crate) revision: i64,
}

/// What follows.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    /// The attempt's outcome.
    pub(crate) outcome: &'static str,
    /// Whether it counts against the schedule.
    pub(crate) counted: bool,
    /// What happens next with the delivery.
    pub(crate) next: NextStep,
    /// What it says about the webhook.
    pub(crate) health: HealthNote,
    /// How long nothing else goes there.
    pub(crate) pause: Duration,
    /// How long nothing goes to any webhook at its provider.
    pub(crate) provider_pause: Duration,
}

/// Decides. `chance` lies between 0 and 1.
pub(crate) fn decide(answer: &Answer, case: Case, schedule: &Schedule, chance: f64) -> Decision {
    match answer.verdict {
        Verdict::Delivered => Decision {
            outcome: "delivered",
            counted: false,
            next: NextStep::Delivered {
                message_id: answer.message_id.clone(),
            },
            health: HealthNote::Works { took_it: true },
            pause: emptied(answer),
            provider_pause: Duration::ZERO,
        },
        Verdict::Refused { .. } if case.may_be_anothers => alone_next(),
        Verdict::Refused {
            permanent: true, ..
        } => Decision {
            outcome: "failed",
            counted: true,
            next: dead(answer),
            health: HealthNote::Works { took_it: false },
            pause: emptied(answer),
            provider_pause: Duration::ZERO,
        },
        Verdict::Refused { retry_after, .. } => Decision {
            health: HealthNote::Works { took_it: false },
            ..own_failure("failed", answer, case, schedule, retry_after, chance)
        },
        Verdict::Failed { retry_after } if case.took_others && !case.is_probe => {
            own_failure("failed", answer, case, schedule, retry_after, chance)
        }
        Verdict::Unknown if case.took_others && !case.is_probe => {
            own_failure("unknown", answer, case, schedule, None, chance)
        }
        Verdict::Failed { retry_after } => webhook_fails("failed", answer, retry_after),
        Verdict::Barred => webhook_fails("failed", answer, None),
        Verdict::Unknown => webhook_fails("unknown", answer, None),
        Verdict::Limited {
            wait,
            scope: LimitScope::Endpoint,
        } => Decision {
            health: HealthNote::Limited,
            pause: wait.max(SHORTEST_WAIT),
            ..limited()
        },
        Verdict::Limited {
            wait,
            scope: LimitScope::Provider | LimitScope::Quota,
        }
        | Verdict::ProviderBlocked { wait } => Decision {
            provider_pause: wait.max(SHORTEST_WAIT),
            ..limited()
        },
        Verdict::Gone(reason) | Verdict::Misconfigured(reason) => Decision {
            outcome: "failed",
            counted: false,
            next: NextStep::Again {
                wait: Duration::ZERO,
                park: false,
            },
            health: HealthNote::Disable {
                reason,
                revision: case.revision,
            },
            pause: Duration::ZERO,
            provider_pause: Duration::ZERO,
        },
    }
}

/// Too much was sent, by this event or others: no attempt.
fn limited() -> Decision {
    Decision {
        outcome: "limited",
        counted: false,
        next: NextStep::Again {
            wait: Duration::ZERO,
            park: false,
        },
        health: HealthNote::Nothing,
        pause: Duration::ZERO,
        provider_pause: Duration::ZERO,
    }
}

/// Nobody knows which of them was refused: each is told by itself.
fn alone_next() -> Decision {
    Decision {
        outcome: "failed",
        ..limited()
    }
}

/// The event failed by itself, which says nothing of the webhook.
fn own_failure(
    outcome: &'static str,
    answer: &Answer,
    case: Case,
    schedule: &Schedule,
    retry_after: Option<Duration>,
    chance: f64,
) -> Decision {
    let failures = usize::try_from(case.failures).unwrap_or(0) + 1;
    let next = match schedule.pause(failures, chance) {
        Some(pause) => NextStep::Again {
            wait: pause.max(retry_after.unwrap_or_default()),
            park: !case.is_parked && failures >= PARK_AFTER,
        },
        None => dead(answer),
    };
    Decision {
        outcome,
        counted: true,
        next,
        health: HealthNote::Nothing,
        pause: Duration::ZERO,
        provider_pause: Duration::ZERO,
    }
}

/// The webhook failed as a whole.
fn webhook_fails(
    outcome: &'static str,
    answer: &Answer,
    retry_after: Option<Duration>,
) -> Decision {
    Decision {
        outcome,
        counted: false,
        next: NextStep::Again {
            wait: Duration::ZERO,
            park: false,
        },
        health: HealthNote::Fails { began: answer.took },
        pause: retry_after.unwrap_or_default(),
        provider_pause: Duration::ZERO,
    }
}

fn dead(answer: &Answer) -> NextStep {
    let reason = match answer.status {
        Some(status) => format!("The last answer had the status {status}."),
        None => "The last attempt had no answer.".to_owned(),
    };
    NextStep::Dead { reason }
}

/// Until the webhook's bucket has room again, where its answer said that it is empty.
fn emptied(answer: &Answer) -> Duration {
    answer
        .rate
        .filter(|rate| rate.remaining == 0)
        .map_or(Duration::ZERO, |rate| rate.reset_after)
}

#[cfg(test)]
mod tests;
