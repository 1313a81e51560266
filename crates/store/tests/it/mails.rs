//! Mail that must not leave.

use crate::stage::Stage;
use chrono::{TimeDelta, Utc};
use common::types::caller::Principal;
use common::types::id::{MailId, WorkerId};
use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;
use store::{
    HeldMail, MailAsked, MailAttempt, MailClaim, MailFilter, MailOutcome, MailPause, MailQueued,
    MailStep, NewMail,
};
use testkit::wait_for;

const PATIENCE: Duration = Duration::from_secs(10);

fn claim(key: &str) -> MailClaim {
    MailClaim {
        holder: WorkerId::new(),
        hold: Duration::from_secs(30),
        per_second: 1000,
        key: key.to_owned(),
    }
}

async fn claimed(stage: &Stage) -> Option<MailId> {
    let claimed = stage.store.mail_claim(&claim("key")).await.unwrap();
    claimed.ok().map(|it| it.id)
}

async fn queued(stage: &Stage) -> MailId {
    let id = MailId::new();
    let new = NewMail {
        id,
        asked: MailAsked {
            template: "magic_link",
            recipient: "anna@example.net".parse().unwrap(),
            created_by: Principal::Service,
            idempotency_key: None,
            request_digest: [0; 32],
        },
        subject: "s".to_owned(),
        body: "sealed".to_owned(),
        link_lives: Some(Duration::from_secs(900)),
        withheld: None,
    };
    let queued = stage
        .store
        .mail_queue(&new, ready(Ok::<(), Infallible>(())));
    assert_eq!(queued.await.unwrap(), Ok(MailQueued::New(id)));
    id
}

/// A mail that was on its way with this key while something happened.
struct UnderWay {
    key: String,
    mail: HeldMail,
}

impl UnderWay {
    /// Waits for the pace, and for nothing longer.
    async fn with(stage: &Stage, key: &str) -> Self {
        let mail = wait_for("a claim", PATIENCE, async || {
            let claimed = stage.store.mail_claim(&claim(key)).await.unwrap();
            claimed.map_err(|wait| format!("{wait:?}"))
        });
        Self {
            key: key.to_owned(),
            mail: mail.await,
        }
    }

    async fn ends(self, stage: &Stage, pause: Option<(&'static str, bool)>) {
        let (outcome, next) = match pause {
            None => ("sent", MailStep::Sent { resend_id: None }),
            Some(_) => {
                let wait = Duration::ZERO;
                ("limited", MailStep::Again { wait })
            }
        };
        let outcome = MailOutcome {
            id: self.mail.id,
            fence: self.mail.fence,
            attempt: MailAttempt {
                number: self.mail.attempt,
                outcome,
                counted: false,
                status: None,
                answer: String::new(),
                took: Duration::ZERO,
            },
            key: self.key,
            next,
            pause: pause.map(|(reason, whatever_key)| MailPause {
                lasts: Duration::from_secs(3600),
                reason,
                whatever_key,
            }),
            per_second: None,
            wait: Duration::ZERO,
        };
        stage.store.mail_settle(&outcome).await.unwrap();
    }
}

/// Sends a mail with the key, and learns of the pause.
async fn sends(stage: &Stage, key: &str, pause: Option<(&'static str, bool)>) {
    UnderWay::with(stage, key).await.ends(stage, pause).await;
}

/// The hour of a key's pause is over.
async fn pause_ends(stage: &Stage, key: &str) {
    let over = format!("UPDATE mail_pauses SET until = now() WHERE key = '{key}'");
    stage.execute(&over).await;
}

/// Whether a sender with the key has to wait for longer than the pace.
async fn is_paused(stage: &Stage, key: &str) -> bool {
    let longest = Duration::from_secs(60);
    let claimed = stage.store.mail_claim(&claim(key)).await.unwrap();
    claimed.is_err_and(|wait| wait > longest)
}

async fn told(stage: &Stage) -> i64 {
    let count = "SELECT count(*) FROM outbox WHERE key = 'mail.paused'";
    stage.number(count).await
}

const USED_UP: Option<(&str, bool)> = Some(("QUOTA_EXCEEDED", false));
const BLOCKED: Option<(&str, bool)> = Some(("PROVIDER_BLOCKED", true));

#[tokio::test]
async fn each_used_up_key_has_its_own_pause_that_no_other_keys_mail_ends() {
    let stage = Stage::new().await;
    for _ in 0..6 {
        queued(&stage).await;
    }
    // Senders that have three keys: a new one spreads, and one that was set wrong stays.
    let first = UnderWay::with(&stage, "first").await;
    let good = UnderWay::with(&stage, "good").await;
    let second = UnderWay::with(&stage, "second").await;
    first.ends(&stage, USED_UP).await;
    second.ends(&stage, USED_UP).await;
    good.ends(&stage, None).await;
    assert!(is_paused(&stage, "first").await);
    assert!(is_paused(&stage, "second").await);
    sends(&stage, "good", None).await;
    assert!(
        is_paused(&stage, "first").await,
        "it has nothing to do with it"
    );
    assert_eq!(told(&stage).await, 2, "once for each");
    // Its hour is over and its quota is not back: that is no news.
    pause_ends(&stage, "first").await;
    sends(&stage, "first", USED_UP).await;
    assert!(is_paused(&stage, "first").await);
    assert_eq!(told(&stage).await, 2);
    // Nor does another key's mail make it news, but one that is taken with it.
    pause_ends(&stage, "first").await;
    sends(&stage, "good", None).await;
    sends(&stage, "first", USED_UP).await;
    assert_eq!(told(&stage).await, 2);
    pause_ends(&stage, "first").await;
    sends(&stage, "first", None).await;
    sends(&stage, "first", USED_UP).await;
    assert_eq!(told(&stage).await, 3, "it was used up once more");
}

#[tokio::test]
async fn the_next_attempt_is_shown_with_the_pause_of_the_key_that_senders_have() {
    let stage = Stage::new().await;
    for _ in 0..4 {
        queued(&stage).await;
    }
    // None of their links ends before.
    stage
        .execute("UPDATE mails SET expires_at = now() + interval '2 days'")
        .await;
    let waits = async || {
        let pending = MailFilter {
            state: Some("pending".to_owned()),
            ..MailFilter::default()
        };
        let mails = stage.store.mails(&pending, None, 1).await.unwrap();
        mails[0].due_at.unwrap() > Utc::now() + TimeDelta::minutes(1)
    };
    let other = UnderWay::with(&stage, "other").await;
    sends(&stage, "key", USED_UP).await;
    assert!(waits().await);
    // What was on its way with another key says nothing about this one.
    other.ends(&stage, None).await;
    assert!(waits().await);
    sends(&stage, "other", None).await;
    assert!(!waits().await, "that key sends");
    assert!(is_paused(&stage, "key").await);
    assert!(waits().await, "this one is set again");
}

#[tokio::test]
async fn a_block_holds_every_key_whatever_a_mail_that_was_on_its_way_is_answered() {
    let stage = Stage::new().await;
    for _ in 0..4 {
        queued(&stage).await;
    }
    let taken = UnderWay::with(&stage, "first").await;
    let used_up = UnderWay::with(&stage, "second").await;
    sends(&stage, "third", BLOCKED).await;
    used_up.ends(&stage, USED_UP).await;
    taken.ends(&stage, None).await;
    for key in ["first", "second", "third", "fourth"] {
        assert!(is_paused(&stage, key).await, "{key}");
    }
    pause_ends(&stage, "").await;
    assert!(is_paused(&stage, "second").await);
    sends(&stage, "first", None).await;
    let before = told(&stage).await;
    sends(&stage, "first", BLOCKED).await;
    assert_eq!(told(&stage).await, before + 1, "it was over");
}

#[tokio::test]
async fn no_pause_is_cut_short_by_another_answer_of_the_same_key() {
    let stage = Stage::new().await;
    for _ in 0..2 {
        queued(&stage).await;
    }
    let first = UnderWay::with(&stage, "key").await;
    let second = UnderWay::with(&stage, "key").await;
    first.ends(&stage, USED_UP).await;
    stage
        .execute("UPDATE mail_pauses SET until = now() + interval '1 day'")
        .await;
    second.ends(&stage, USED_UP).await;
    let long = "SELECT count(*) FROM mail_pauses WHERE until > now() + interval '20 hours'";
    assert_eq!(stage.number(long).await, 1);
}

#[tokio::test]
async fn a_claim_that_waited_for_another_sender_sees_the_pause_that_it_met() {
    let stage = Stage::new().await;
    queued(&stage).await;
    let mut other = stage.database.connect().await;
    let other = other.transaction().await.unwrap();
    other
        .query("SELECT FROM mail_pacing FOR UPDATE", &[])
        .await
        .unwrap();
    let waits = tokio::spawn({
        let store = stage.store.clone();
        async move { store.mail_claim(&claim("key")).await.unwrap() }
    });
    stage.somebody_waits().await;
    other
        .execute(
            "INSERT INTO mail_pauses VALUES ('key', 'QUOTA_EXCEEDED', now() + interval '1 hour')",
            &[],
        )
        .await
        .unwrap();
    other.commit().await.unwrap();
    assert!(waits.await.unwrap().is_err());
}

#[tokio::test]
async fn the_pause_of_a_key_that_nobody_has_any_more_is_forgotten_in_time() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO mail_pauses (key, because, until) VALUES \
             ('old', 'QUOTA_EXCEEDED', now() - interval '61 minutes'), \
             ('late', 'QUOTA_EXCEEDED', now() - interval '59 minutes')",
        )
        .await;
    stage.store.mails_recover().await.unwrap();
    let left = "SELECT count(*) FROM mail_pauses WHERE key = 'late'";
    assert_eq!(stage.number(left).await, 1);
    assert_eq!(stage.number("SELECT count(*) FROM mail_pauses").await, 1);
}

#[tokio::test]
async fn what_comes_too_late_or_to_a_suppressed_address_is_claimed_by_nobody() {
    let stage = Stage::new().await;
    let id = queued(&stage).await;
    for (hindrance, end) in [
        (
            "UPDATE mails SET expires_at = now()",
            "UPDATE mails SET expires_at = now() + interval '1 hour'",
        ),
        (
            "UPDATE mails SET first_attempt_at = now() - interval '23 hours'",
            "UPDATE mails SET first_attempt_at = now() - interval '22 hours'",
        ),
        (
            "INSERT INTO mail_suppressions (id, address, reason, event) \
             VALUES (gen_random_uuid(), 'anna@example.net', 'BOUNCED', 'e')",
            "UPDATE mail_suppressions SET lifted_at = now()",
        ),
    ] {
        stage.execute(hindrance).await;
        assert_eq!(claimed(&stage).await, None, "{hindrance}");
        stage.execute(end).await;
    }
    assert_eq!(claimed(&stage).await, Some(id));
}
