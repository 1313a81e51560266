//! What follows from an answer: a pure decision.
//!
//! An event that a webhook refused counts against that event, and so does a failure while
//! the webhook took others. Any other failure is the webhook's own: nothing counts, nothing
//! is set aside, its circuit opens. Waiting for a rate limit is no attempt.

use std::time::Duration;

use outbound::{Answer, LimitScope, Verdict};
use store::{HealthNote, NextStep};

/// Failures after which a delivery is set aside, for others of its key to proceed.
const PARK_AFTER: usize = 3;

/// Who asks for no wait at all gets this one all the same.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

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
        Some(pause.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * chance.clamp(0.0, 1.0)))
    }
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
    /// Whether it was sent to see if the webhook works again.
    pub(crate) is_probe: bool,
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
        Verdict::Refused { retry_after, .. } => {
            own_failure("failed", answer, case, schedule, retry_after, chance)
        }
        Verdict::Failed { retry_after } if case.took_others => {
            own_failure("failed", answer, case, schedule, retry_after, chance)
        }
        Verdict::Unknown if case.took_others => {
            own_failure("unknown", answer, case, schedule, None, chance)
        }
        Verdict::Failed { retry_after } => webhook_fails("failed", answer, case, retry_after),
        Verdict::Unknown => webhook_fails("unknown", answer, case, None),
        Verdict::Limited {
            wait,
            scope: LimitScope::Endpoint,
        } => limited(wait.max(SHORTEST_WAIT), Duration::ZERO),
        Verdict::Limited {
            wait,
            scope: LimitScope::Provider | LimitScope::Quota,
        }
        | Verdict::ProviderBlocked { wait } => limited(Duration::ZERO, wait.max(SHORTEST_WAIT)),
        Verdict::Gone(reason) | Verdict::Misconfigured(reason) => Decision {
            outcome: "failed",
            counted: false,
            next: NextStep::Again {
                wait: Duration::ZERO,
                park: false,
            },
            health: HealthNote::Disable { reason },
            pause: Duration::ZERO,
            provider_pause: Duration::ZERO,
        },
    }
}

/// Too much was sent, by this event or others: no attempt.
fn limited(pause: Duration, provider_pause: Duration) -> Decision {
    Decision {
        outcome: "limited",
        counted: false,
        next: NextStep::Again {
            wait: Duration::ZERO,
            park: false,
        },
        health: HealthNote::Nothing,
        pause,
        provider_pause,
    }
}

/// The event failed by itself.
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
        health: HealthNote::Works { took_it: false },
        pause: Duration::ZERO,
        provider_pause: Duration::ZERO,
    }
}

/// The webhook failed as a whole.
fn webhook_fails(
    outcome: &'static str,
    answer: &Answer,
    case: Case,
    retry_after: Option<Duration>,
) -> Decision {
    Decision {
        outcome,
        counted: false,
        next: NextStep::Again {
            wait: Duration::ZERO,
            park: false,
        },
        health: HealthNote::Fails {
            began: answer.took,
            is_probe: case.is_probe,
        },
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
mod tests {
    use super::*;
    use outbound::RateState;
    use proptest::prelude::*;

    fn schedule() -> Schedule {
        let seconds = [
            5, 30, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400,
        ];
        Schedule(seconds.map(Duration::from_secs).to_vec())
    }

    fn answer(verdict: Verdict) -> Answer {
        Answer {
            verdict,
            status: Some(500),
            excerpt: String::new(),
            took: Duration::from_millis(7),
            message_id: None,
            rate: None,
        }
    }

    const FRESH: Case = Case {
        failures: 0,
        is_parked: false,
        took_others: false,
        is_probe: false,
    };

    const REFUSED: Verdict = Verdict::Refused {
        permanent: false,
        retry_after: None,
    };
    const FAILED: Verdict = Verdict::Failed { retry_after: None };

    fn of(verdict: Verdict, case: Case) -> Decision {
        decide(&answer(verdict), case, &schedule(), 0.5)
    }

    fn wait(decision: &Decision) -> Duration {
        match decision.next {
            NextStep::Again { wait, .. } => wait,
            _ => panic!("it is over: {decision:?}"),
        }
    }

    #[test]
    fn a_refused_event_is_tried_by_the_schedule_and_set_aside_the_third_time() {
        for (failures, seconds, parked) in [(0, 5, false), (1, 30, false), (2, 300, true)] {
            let decision = of(REFUSED, Case { failures, ..FRESH });
            assert!(decision.counted);
            assert_eq!(wait(&decision), Duration::from_secs(seconds));
            assert!(matches!(decision.next, NextStep::Again { park, .. } if park == parked));
            assert_eq!(decision.health, HealthNote::Works { took_it: false });
        }
        let aside = of(
            REFUSED,
            Case {
                failures: 3,
                is_parked: true,
                ..FRESH
            },
        );
        assert!(matches!(aside.next, NextStep::Again { park: false, .. }));
    }

    #[test]
    fn when_the_schedule_is_used_up_the_delivery_is_dead() {
        let last = of(
            REFUSED,
            Case {
                failures: 9,
                is_parked: true,
                ..FRESH
            },
        );
        assert_eq!(wait(&last), Duration::from_secs(86_400));
        let over = of(
            REFUSED,
            Case {
                failures: 10,
                is_parked: true,
                ..FRESH
            },
        );
        assert!(matches!(over.next, NextStep::Dead { .. }));
    }

    #[test]
    fn a_webhook_that_fails_as_a_whole_costs_no_attempt_and_no_order() {
        for verdict in [FAILED, Verdict::Unknown] {
            let decision = of(
                verdict,
                Case {
                    failures: 9,
                    ..FRESH
                },
            );
            assert!(!decision.counted);
            assert!(matches!(decision.next, NextStep::Again { park: false, .. }));
            assert!(matches!(decision.health, HealthNote::Fails { .. }));
        }
    }

    #[test]
    fn a_failure_while_others_were_taken_is_the_events_own() {
        for verdict in [FAILED, Verdict::Unknown] {
            let case = Case {
                failures: 2,
                took_others: true,
                ..FRESH
            };
            let decision = of(verdict, case);
            assert!(decision.counted);
            assert!(matches!(decision.next, NextStep::Again { park: true, .. }));
        }
        assert_eq!(of(Verdict::Unknown, FRESH).outcome, "unknown");
    }

    #[test]
    fn a_permanent_refusal_is_not_tried_again() {
        let verdict = Verdict::Refused {
            permanent: true,
            retry_after: None,
        };
        assert!(matches!(of(verdict, FRESH).next, NextStep::Dead { .. }));
    }

    #[test]
    fn what_is_gone_is_disabled_and_its_event_kept() {
        for verdict in [Verdict::Gone("GONE"), Verdict::Misconfigured("FORBIDDEN")] {
            let decision = of(verdict, FRESH);
            assert!(matches!(decision.health, HealthNote::Disable { .. }));
            assert!(matches!(decision.next, NextStep::Again { .. }));
            assert!(!decision.counted);
        }
    }

    #[test]
    fn a_rate_limit_is_waited_for_and_is_no_failure() {
        let wait = Duration::from_secs(40);
        let scope = LimitScope::Endpoint;
        let decision = of(
            Verdict::Limited { wait, scope },
            Case {
                failures: 2,
                ..FRESH
            },
        );
        assert_eq!((decision.pause, decision.counted), (wait, false));
        assert_eq!(decision.health, HealthNote::Nothing);
        let wait = Duration::ZERO;
        let at_once = of(Verdict::Limited { wait, scope }, FRESH);
        assert_eq!(
            at_once.pause, SHORTEST_WAIT,
            "nobody is asked without a pause"
        );
    }

    #[test]
    fn a_provider_that_blocks_us_is_left_alone_as_a_whole() {
        let wait = Duration::from_secs(900);
        let scope = LimitScope::Provider;
        for verdict in [
            Verdict::ProviderBlocked { wait },
            Verdict::Limited { wait, scope },
        ] {
            let decision = of(verdict, FRESH);
            assert_eq!((decision.provider_pause, decision.counted), (wait, false));
        }
    }

    #[test]
    fn who_says_that_its_bucket_is_empty_is_left_alone_until_it_is_not() {
        let mut full = answer(Verdict::Delivered);
        let reset_after = Duration::from_secs(2);
        full.rate = Some(RateState {
            limit: 5,
            remaining: 0,
            reset_after,
        });
        assert_eq!(decide(&full, FRESH, &schedule(), 0.5).pause, reset_after);
        full.rate = Some(RateState {
            limit: 5,
            remaining: 1,
            reset_after,
        });
        assert!(decide(&full, FRESH, &schedule(), 0.5).pause.is_zero());
    }

    proptest! {
        #[test]
        fn a_pause_differs_from_the_schedule_by_a_fifth_at_most_and_obeys_retry_after(
            failures in 0i32..10, chance in 0.0f64..=1.0, asked in proptest::option::of(0u64..200_000),
        ) {
            let retry_after = asked.map(Duration::from_secs);
            let verdict = Verdict::Refused { permanent: false, retry_after };
            let case = Case { failures, ..FRESH };
            let wait = wait(&decide(&answer(verdict), case, &schedule(), chance)).as_secs_f64();
            let usual = schedule().0[usize::try_from(failures).unwrap()].as_secs_f64();
            let asked = retry_after.unwrap_or_default().as_secs_f64();
            prop_assert!(wait >= asked && wait >= usual * 0.799);
            prop_assert!(wait <= asked.max(usual * 1.201));
        }
    }
}
