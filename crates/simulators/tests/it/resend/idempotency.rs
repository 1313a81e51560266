//! Idempotency keys.

use std::time::Duration;

use simulators::resend::Effect;

use super::support::{ask, boundless, mail, name, posting, refused, send, sending_once, strike};
use crate::support::{PATIENCE, until};

const HOUR: Duration = Duration::from_hours(1);

#[actix_web::test]
async fn the_same_key_and_payload_get_the_same_answer_for_a_day() {
    let resend = boundless().await;
    let (status, first) = ask(sending_once(&resend, "ready/1", &mail("a"))).await;
    assert_eq!(status, 200);
    resend.advance(23 * HOUR);
    assert_eq!(
        ask(sending_once(&resend, "ready/1", &mail("a"))).await.1,
        first
    );
    assert_eq!(resend.sent().len(), 1);
    assert_eq!(resend.sent()[0].idempotency_key.as_deref(), Some("ready/1"));
    let repeated: Vec<_> = resend
        .journal()
        .iter()
        .map(|entry| entry.repeated)
        .collect();
    assert_eq!(repeated, [false, true]);

    resend.advance(HOUR);
    assert_ne!(
        ask(sending_once(&resend, "ready/1", &mail("a"))).await.1,
        first
    );
    assert_eq!(resend.sent().len(), 2);
}

#[actix_web::test]
async fn without_a_key_everything_is_sent() {
    let resend = boundless().await;
    for _ in 0..2 {
        send(&resend, &mail("a")).await;
    }
    assert_eq!(resend.sent().len(), 2);
}

#[actix_web::test]
async fn another_payload_or_path_conflicts() {
    let resend = boundless().await;
    ask(sending_once(&resend, "k", &mail("a"))).await;
    let conflict = refused(409, "invalid_idempotent_request");
    assert_eq!(
        name(ask(sending_once(&resend, "k", &mail("b"))).await),
        conflict
    );
    let batch = posting(&resend, "/emails/batch", &mail("a")).header("Idempotency-Key", "k");
    assert_eq!(name(ask(batch).await), conflict);
    assert_eq!(resend.sent().len(), 1);
}

#[actix_web::test]
async fn a_key_has_1_to_256_characters() {
    let resend = boundless().await;
    for (key, status) in [("", 400), (&"k".repeat(257), 400), (&"k".repeat(256), 200)] {
        let (answered, body) = ask(sending_once(&resend, key, &mail("a"))).await;
        assert_eq!(answered, status);
        if status == 400 {
            assert_eq!(body["name"], "invalid_idempotency_key");
        }
    }
}

#[actix_web::test]
async fn a_key_that_is_being_worked_on_asks_to_come_back_even_if_its_asker_hung_up() {
    let resend = boundless().await;
    strike(&resend, Effect::Slow { milliseconds: 4000 });
    let request = sending_once(&resend, "k", &mail("a"));
    let hasty = request.timeout(PATIENCE).send().await;
    assert!(hasty.unwrap_err().is_timeout());
    let answer = ask(sending_once(&resend, "k", &mail("a"))).await;
    assert_eq!(name(answer), refused(409, "concurrent_idempotent_requests"));
    until(|| resend.sent().len() == 1).await;
    let (status, answer) = ask(sending_once(&resend, "k", &mail("a"))).await;
    assert_eq!(
        (status, &answer["id"]),
        (200, &resend.sent()[0].id.clone().into())
    );
    assert_eq!(resend.sent().len(), 1);
}

#[actix_web::test]
async fn refusals_and_failures_before_acceptance_leave_a_key_free() {
    let resend = boundless().await;
    let mut wrong = mail("a");
    wrong["to"] = "nobody".into();
    assert_eq!(ask(sending_once(&resend, "k", &wrong)).await.0, 422);
    strike(&resend, Effect::status(503));
    assert_eq!(ask(sending_once(&resend, "k", &mail("b"))).await.0, 503);
    assert_eq!(ask(sending_once(&resend, "k", &mail("a"))).await.0, 200);
}
