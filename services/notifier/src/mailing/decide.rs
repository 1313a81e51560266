//! What follows from Resend's answer: a pure decision.
//!
//! Whatever may have been accepted is repeated under the same id, which Resend knows for a
//! day: so a mail whose answer was lost is sent once. Waiting for a limit, a quota or another
//! key is no attempt.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outbound::{Answer, LimitScope, SHORTEST_WAIT, Verdict};
use store::{MAIL_LIFE, MailPause, MailStep};

use crate::decide::jittered;

/// A used-up quota is not asked for more often, whatever the answer says.
const SHORTEST_QUOTA: Duration = Duration::from_secs(60);
/// Before a key that was refused is tried again. Another one need not wait.
const REFUSED_KEY: Duration = Duration::from_secs(300);

/// The pauses before further attempts; the last one is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Schedule(pub(crate) Vec<Duration>);

impl Schedule {
    /// The pause after the `failures`th failure (from 1). `chance` lies between 0 and 1.
    fn pause(&self, failures: usize, chance: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        let pause = self.0.get(failures.saturating_sub(1).min(last)).copied();
        jittered(pause.unwrap_or_default(), chance)
    }
}

/// What a mail has behind and before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// Failures that count.
    pub(crate) failures: i32,
    /// When the first attempt began that Resend may have accepted.
    pub(crate) first_attempt_at: DateTime<Utc>,
    /// When the link in it ends.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) now: DateTime<Utc>,
}

/// What follows.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    /// The attempt's outcome.
    pub(crate) outcome: &'static str,
    /// Whether it counts against the schedule.
    pub(crate) counted: bool,
    /// What happens next with the mail.
    pub(crate) next: MailStep,
    /// What happens to all mail, or to all with that key.
    pub(crate) pause: Option<MailPause>,
    /// How long no request leaves.
    pub(crate) wait: Duration,
}

/// Decides. `chance` lies between 0 and 1.
pub(crate) fn decide(answer: &Answer, case: &Case, schedule: &Schedule, chance: f64) -> Decision {
    let failed = |outcome, retry_after: Option<Duration>| {
        let failures = usize::try_from(case.failures).unwrap_or(0) + 1;
        let pause = schedule.pause(failures, chance);
        Decision {
            outcome,
            counted: true,
            next: again(case, pause.max(retry_after.unwrap_or_default())),
            pause: None,
            wait: emptied(answer),
        }
    };
    match answer.verdict {
        Verdict::Delivered => Decision {
            outcome: "sent",
            counted: false,
            next: MailStep::Sent {
                resend_id: answer.message_id.clone(),
            },
            pause: None,
            wait: emptied(answer),
        },
        Verdict::Refused {
            permanent: true, ..
        } => Decision {
            outcome: "failed",
            counted: true,
            next: MailStep::Dead {
                reason: refusal(answer),
            },
            pause: None,
            wait: emptied(answer),
        },
        Verdict::Refused { retry_after, .. } | Verdict::Failed { retry_after } => {
            failed("failed", retry_after)
        }
        Verdict::Barred => failed("failed", None),
        Verdict::Unknown => failed("unknown", None),
        Verdict::Limited { wait, scope } if scope != LimitScope::Quota => Decision {
            outcome: "limited",
            counted: false,
            next: MailStep::Again {
                wait: Duration::ZERO,
            },
            pause: None,
            wait: wait.max(SHORTEST_WAIT),
        },
        Verdict::Limited { wait, .. } => paused(wait.max(SHORTEST_QUOTA), "QUOTA_EXCEEDED", false),
        Verdict::ProviderBlocked { wait } => paused(wait, "PROVIDER_BLOCKED", true),
        Verdict::Misconfigured(reason @ "INVALID_API_KEY") => paused(REFUSED_KEY, reason, false),
        // Of this mail's sender: another mail may have another.
        Verdict::Misconfigured(_) | Verdict::Gone(_) => failed("failed", None),
    }
}

/// Nothing was accepted, and nothing is sent for a while.
fn paused(lasts: Duration, reason: &'static str, whatever_key: bool) -> Decision {
    Decision {
        outcome: "limited",
        counted: false,
        next: MailStep::Again {
            wait: Duration::ZERO,
        },
        pause: Some(MailPause {
            lasts,
            reason,
            whatever_key,
        }),
        wait: Duration::ZERO,
    }
}

/// Another attempt after this time, if it is not too late then.
fn again(case: &Case, wait: Duration) -> MailStep {
    let at = case.now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
    let forgotten = case.first_attempt_at + TimeDelta::from_std(MAIL_LIFE).unwrap_or_default();
    let dead = |reason: &str| MailStep::Dead {
        reason: reason.to_owned(),
    };
    if case.expires_at.is_some_and(|expires| at >= expires) {
        dead("The link in it would have expired before the next attempt.")
    } else if at > forgotten {
        dead("It could not be handed over within 23 hours.")
    } else {
        MailStep::Again { wait }
    }
}

fn refusal(answer: &Answer) -> String {
    match answer.status {
        Some(status) => format!("Resend refused it with the status {status}."),
        None => "Resend refused it.".to_owned(),
    }
}

/// Until there is room again, where the answer said that there is none.
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

    const HOUR: Duration = Duration::from_secs(3600);
    const REFUSED: Verdict = Verdict::Refused {
        permanent: true,
        retry_after: None,
    };

    fn schedule() -> Schedule {
        let seconds = [5, 30, 120, 600, 1800, 3600, 7200, 14_400];
        Schedule(seconds.map(Duration::from_secs).to_vec())
    }

    fn answer(verdict: Verdict) -> Answer {
        Answer {
            verdict,
            status: Some(422),
            excerpt: String::new(),
            took: Duration::from_millis(7),
            message_id: None,
            rate: None,
        }
    }

    fn case(failures: i32, since_first: Duration) -> Case {
        Case {
            failures,
            first_attempt_at: DateTime::UNIX_EPOCH,
            expires_at: None,
            now: DateTime::UNIX_EPOCH + since_first,
        }
    }

    fn of(verdict: Verdict, case: &Case) -> Decision {
        decide(&answer(verdict), case, &schedule(), 0.5)
    }

    #[test]
    fn a_mail_that_fails_is_tried_by_the_schedule_until_23_hours_are_over_and_never_later() {
        for chance in [0.0, 0.5, 1.0] {
            let (mut at, mut failures, mut last) = (Duration::ZERO, 0, Duration::ZERO);
            loop {
                let verdict = Verdict::Unknown;
                let decision = decide(&answer(verdict), &case(failures, at), &schedule(), chance);
                assert_eq!((decision.outcome, decision.counted), ("unknown", true));
                match decision.next {
                    MailStep::Again { wait } => {
                        at += wait;
                        failures += 1;
                        last = at;
                    }
                    MailStep::Dead { reason } => {
                        assert!(reason.contains("23 hours"), "{reason}");
                        break;
                    }
                    MailStep::Sent { .. } => panic!("nothing was accepted"),
                }
            }
            assert!(last <= MAIL_LIFE, "{last:?}");
            assert!(last > 16 * HOUR, "{last:?}");
        }
    }

    #[test]
    fn a_pause_is_a_fifth_shorter_or_longer_as_chance_has_it() {
        let failed = answer(Verdict::Failed { retry_after: None });
        for (chance, seconds) in [(0.0, 4), (0.5, 5), (1.0, 6)] {
            let decision = decide(&failed, &case(0, Duration::ZERO), &schedule(), chance);
            let wait = Duration::from_secs(seconds);
            assert_eq!(decision.next, MailStep::Again { wait });
        }
    }

    #[test]
    fn no_attempt_is_made_when_the_link_has_expired() {
        let mut case = case(0, Duration::ZERO);
        case.expires_at = Some(case.now + Duration::from_secs(6));
        let failed = Verdict::Failed { retry_after: None };
        let wait = Duration::from_secs(5);
        assert_eq!(of(failed, &case).next, MailStep::Again { wait });
        case.failures = 1;
        assert!(
            matches!(of(failed, &case).next, MailStep::Dead { reason } if reason.contains("link"))
        );
    }

    #[test]
    fn resends_wish_is_obeyed_unless_it_comes_too_late() {
        let wish = |after| Verdict::Failed {
            retry_after: Some(after),
        };
        let wait = 2 * HOUR;
        assert_eq!(
            of(wish(wait), &case(0, HOUR)).next,
            MailStep::Again { wait }
        );
        let late = of(wish(23 * HOUR), &case(0, HOUR)).next;
        assert!(matches!(late, MailStep::Dead { .. }));
    }

    #[test]
    fn what_resend_refuses_for_good_is_not_tried_again() {
        let decision = of(REFUSED, &case(0, Duration::ZERO));
        assert!(matches!(decision.next, MailStep::Dead { .. }));
        assert_eq!(decision.pause, None);
    }

    #[test]
    fn a_rate_limit_delays_all_mail_for_its_time_and_is_neither_attempt_nor_pause() {
        let wait = Duration::from_secs(2);
        let scope = LimitScope::Provider;
        let decision = of(Verdict::Limited { wait, scope }, &case(3, HOUR));
        assert_eq!((decision.wait, decision.counted), (wait, false));
        assert_eq!(decision.pause, None);
        let wait = Duration::ZERO;
        let at_once = of(Verdict::Limited { wait, scope }, &case(3, HOUR));
        assert_eq!(at_once.wait, SHORTEST_WAIT);
    }

    #[test]
    fn a_quota_and_a_refused_key_pause_all_mail_with_that_key_and_keep_it() {
        let scope = LimitScope::Quota;
        let quota = of(Verdict::Limited { wait: HOUR, scope }, &case(0, HOUR));
        let pause = quota.pause.unwrap();
        assert_eq!((pause.lasts, pause.reason), (HOUR, "QUOTA_EXCEEDED"));
        assert!(!pause.whatever_key, "another may have its own");
        let wait = Duration::ZERO;
        let at_once = of(Verdict::Limited { wait, scope }, &case(0, HOUR));
        assert_eq!(at_once.pause.unwrap().lasts, SHORTEST_QUOTA);
        let key = of(Verdict::Misconfigured("INVALID_API_KEY"), &case(0, HOUR));
        assert!(!key.pause.unwrap().whatever_key);
        let blocked = of(Verdict::ProviderBlocked { wait: HOUR }, &case(0, HOUR));
        assert!(blocked.pause.unwrap().whatever_key);
        for next in [quota.next, key.next] {
            let wait = Duration::ZERO;
            assert_eq!(next, MailStep::Again { wait });
        }
        assert!(!quota.counted && !key.counted);
    }

    #[test]
    fn a_sender_that_is_not_verified_holds_up_no_other_mail() {
        let verdict = Verdict::Misconfigured("SENDER_NOT_VERIFIED");
        let decision = of(verdict, &case(0, Duration::ZERO));
        assert!(decision.counted && decision.pause.is_none());
        assert!(matches!(decision.next, MailStep::Again { .. }));
    }

    #[test]
    fn whoever_says_that_its_bucket_is_empty_is_left_alone_until_it_is_not() {
        let mut full = answer(Verdict::Delivered);
        let reset_after = Duration::from_secs(1);
        full.rate = Some(RateState {
            limit: 2,
            remaining: 0,
            reset_after,
        });
        let case = case(0, Duration::ZERO);
        assert_eq!(decide(&full, &case, &schedule(), 0.5).wait, reset_after);
    }
}
