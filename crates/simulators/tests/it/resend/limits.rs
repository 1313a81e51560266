//! The rate and the quotas.

use std::time::Duration;

use serde_json::json;
use simulators::resend::Limits;

use super::support::{ask, limited, mail, name, number, posting, read, refused, send, with};

#[actix_web::test]
async fn the_third_request_in_a_second_waits() {
    let resend = limited(Limits::real()).await;
    for left in [1, 0] {
        let response = posting(&resend, "/emails", &mail("a"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(number(&response, "ratelimit-limit"), Some(2));
        assert_eq!(number(&response, "ratelimit-remaining"), Some(left));
        assert_eq!(number(&response, "ratelimit-reset"), Some(1));
        assert_eq!(number(&response, "retry-after"), None);
    }
    let response = posting(&resend, "/emails", &mail("a"))
        .send()
        .await
        .unwrap();
    assert_eq!(number(&response, "retry-after"), Some(1));
    assert_eq!(number(&response, "ratelimit-remaining"), Some(0));
    assert_eq!(
        name(read(response).await),
        refused(429, "rate_limit_exceeded")
    );

    resend.advance(Duration::from_millis(500));
    assert_eq!(send(&resend, &mail("a")).await.0, 200);
    assert_eq!(send(&resend, &mail("a")).await.0, 429);
    resend.set_limits(Limits::off());
    assert_eq!(send(&resend, &mail("a")).await.0, 200);
}

#[actix_web::test]
async fn a_batch_is_one_request() {
    let resend = limited(Limits::real()).await;
    let batch = json!(vec![mail("a"); 10]);
    let response = posting(&resend, "/emails/batch", &batch)
        .send()
        .await
        .unwrap();
    assert_eq!(number(&response, "ratelimit-remaining"), Some(1));
}

#[actix_web::test]
async fn every_recipient_counts_towards_the_quota_of_the_day() {
    let resend = limited(Limits {
        daily: Some(3),
        ..Limits::off()
    })
    .await;
    let two = with(mail("a"), json!({ "bcc": "b@example.net" }));
    assert_eq!(send(&resend, &two).await.0, 200);
    let over = refused(429, "daily_quota_exceeded");
    assert_eq!(name(send(&resend, &two).await), over);
    assert_eq!(send(&resend, &mail("a")).await.0, 200);
    assert_eq!(name(send(&resend, &mail("a")).await), over);
    let request = posting(&resend, "/emails/batch", &json!([mail("a")]));
    assert_eq!(name(ask(request).await), over);
    resend.advance(Duration::from_hours(12));
    assert_eq!(send(&resend, &two).await.0, 200, "it is the next day");
}

#[actix_web::test]
async fn the_quota_of_a_month_ends_with_the_month() {
    let resend = limited(Limits {
        monthly: Some(1),
        ..Limits::off()
    })
    .await;
    assert_eq!(send(&resend, &mail("a")).await.0, 200);
    let over = refused(429, "monthly_quota_exceeded");
    for _ in 0..2 {
        assert_eq!(name(send(&resend, &mail("a")).await), over);
        resend.advance(Duration::from_hours(24));
    }
    resend.advance(Duration::from_hours(14 * 24));
    assert_eq!(send(&resend, &mail("a")).await.0, 200);
}
