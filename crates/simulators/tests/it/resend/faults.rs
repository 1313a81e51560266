//! Every fault as a client meets it, and what it leaves behind.

use serde_json::{Value, json};
use simulators::resend::{Effect, Fault};

use super::support::{
    ask, boundless, look, mail, name, number, posting, read, refused, send, sending_once, strike,
};
use crate::support::PATIENCE;

#[actix_web::test]
async fn a_fault_strikes_one_path_for_as_long_as_told() {
    let resend = boundless().await;
    let fault = Fault::new(Effect::status(500))
        .on("/emails")
        .after(1)
        .times(2);
    resend.faults(|faults| faults.add(fault));
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(name(send(&resend, &mail("a")).await));
        let batch = posting(&resend, "/emails/batch", &json!([mail("a")]));
        assert_eq!(ask(batch).await.0, 200);
    }
    let failed = refused(500, "internal_server_error");
    let good = refused(200, "");
    assert_eq!(answers, [good.clone(), failed.clone(), failed, good]);
    assert_eq!(look(&resend, "1").await.0, 404);
}

#[actix_web::test]
async fn a_retry_after_a_lost_answer_sends_nothing_again() {
    let resend = boundless().await;
    for (place, effect) in [
        Effect::status_after_acceptance(503),
        Effect::Reset { accepted: true },
        Effect::Hang { accepted: true },
        Effect::Garbage,
        Effect::Late {
            milliseconds: 600_000,
        },
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("mail/{place}");
        strike(&resend, effect.clone());
        let request = sending_once(&resend, &key, &mail("a"));
        // What comes of it is not what matters here.
        let _ = request.timeout(PATIENCE).send().await;
        assert_eq!(resend.sent().len(), place + 1, "{effect:?}");
        let (status, answer) = ask(sending_once(&resend, &key, &mail("a"))).await;
        assert_eq!(
            (status, &answer["id"]),
            (200, &json!(resend.sent()[place].id))
        );
        assert_eq!(resend.sent().len(), place + 1, "{effect:?}");
    }
}

#[actix_web::test]
async fn what_fails_before_acceptance_sends_nothing() {
    let resend = boundless().await;
    for effect in [
        Effect::status(502),
        Effect::Reset { accepted: false },
        Effect::Hang { accepted: false },
    ] {
        strike(&resend, effect);
        let request = posting(&resend, "/emails", &mail("a"));
        let answer = request.timeout(PATIENCE).send().await;
        assert!(answer.is_err() || answer.unwrap().status() == 502);
    }
    assert!(resend.sent().is_empty());
    let answered: Vec<_> = resend
        .journal()
        .iter()
        .map(|entry| entry.answered)
        .collect();
    assert_eq!(answered, [true, false, false]);
}

#[actix_web::test]
async fn limits_pages_redirects_and_names_can_be_forced() {
    let resend = boundless().await;
    strike(&resend, Effect::TooManyRequests { retry_after: 7 });
    let response = posting(&resend, "/emails", &mail("a"))
        .send()
        .await
        .unwrap();
    assert_eq!(number(&response, "retry-after"), Some(7));
    assert_eq!(
        name(read(response).await),
        refused(429, "rate_limit_exceeded")
    );
    for (effect, error) in [
        (Effect::DailyQuota, "daily_quota_exceeded"),
        (Effect::MonthlyQuota, "monthly_quota_exceeded"),
    ] {
        strike(&resend, effect);
        assert_eq!(name(send(&resend, &mail("a")).await), refused(429, error));
    }
    strike(
        &resend,
        Effect::Status {
            status: 500,
            name: Some("application_error".to_owned()),
            accepted: false,
        },
    );
    let forced = refused(500, "application_error");
    assert_eq!(name(send(&resend, &mail("a")).await), forced);
    strike(
        &resend,
        Effect::Cloudflare {
            status: 403,
            code: 1010,
        },
    );
    assert_eq!(send(&resend, &mail("a")).await, (403, Value::Null));
    let location = "http://example.org".to_owned();
    strike(
        &resend,
        Effect::Redirect {
            status: 302,
            location,
        },
    );
    assert_eq!(send(&resend, &mail("a")).await.0, 302);
    assert!(resend.sent().is_empty());
}
