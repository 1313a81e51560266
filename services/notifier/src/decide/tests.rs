//! Every answer, and what follows from it.

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
    may_be_anothers: false,
    is_probe: false,
    revision: 1,
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
fn of_a_message_about_several_that_is_refused_each_is_told_by_itself_and_nothing_counts() {
    for permanent in [false, true] {
        let retry_after = None;
        let verdict = Verdict::Refused {
            permanent,
            retry_after,
        };
        let decision = of(
            verdict,
            Case {
                failures: 9,
                may_be_anothers: true,
                ..FRESH
            },
        );
        assert_eq!((decision.outcome, decision.counted), ("failed", false));
        assert!(wait(&decision).is_zero());
    }
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
fn an_outage_that_says_how_long_it_lasts_is_waited_for() {
    let wish = Duration::from_secs(90);
    let verdict = Verdict::Failed {
        retry_after: Some(wish),
    };
    let decision = of(verdict, FRESH);
    assert_eq!((decision.pause, decision.counted), (wish, false));
    assert_eq!(of(FAILED, FRESH).pause, Duration::ZERO);
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
        assert_eq!(decision.health, HealthNote::Nothing, "no circuit is closed");
        let is_probe = true;
        let probe = of(verdict, Case { is_probe, ..case });
        assert!(
            !probe.counted,
            "others were taken before the circuit opened"
        );
        assert!(matches!(probe.health, HealthNote::Fails { .. }));
    }
    assert_eq!(of(Verdict::Unknown, FRESH).outcome, "unknown");
}

#[test]
fn a_pause_is_a_fifth_shorter_or_longer_as_chance_has_it() {
    let pause = |chance| wait(&decide(&answer(REFUSED), FRESH, &schedule(), chance));
    assert_eq!(pause(0.0), Duration::from_secs(4));
    assert_eq!(pause(0.5), Duration::from_secs(5));
    assert_eq!(pause(1.0), Duration::from_secs(6));
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
    assert_eq!(decision.health, HealthNote::Limited);
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
