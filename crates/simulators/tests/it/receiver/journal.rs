//! What is written down.

use simulators::{
    receiver::Keep,
    signature::{Refusal, Secret},
};

use super::support::{post, posting, signed, usual};
use crate::support::client;

#[actix_web::test]
async fn a_request_is_kept_byte_by_byte_with_its_headers() {
    let receiver = usual().await;
    let body = "{ \"type\" :\t\"a\" }\n";
    let request = posting(&receiver, "/hooks/1?tenant=2", body).header("X-Kind", "test");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let entry = &receiver.journal_of("/hooks/1")[0];
    assert_eq!(entry.body, body.as_bytes());
    assert_eq!(entry.json()["type"], "a");
    assert_eq!(
        (entry.method.as_str(), entry.query.as_str()),
        ("POST", "tenant=2")
    );
    assert_eq!(entry.headers["x-kind"], "test");
    assert_eq!((entry.status, entry.read), (Some(200), true));
    assert_eq!(entry.webhook_id, None);
    let get = client().get(receiver.url()).send().await.unwrap();
    assert_eq!(get.status(), 405);
}

#[actix_web::test]
async fn a_signature_is_good_for_its_secret_id_body_and_time() {
    let receiver = usual().await;
    let (secret, other) = (Secret::random(), Secret::random());
    let body = r#"{"type":"a"}"#;
    let request = signed(posting(&receiver, "/", body), &secret, "msg_1", body);
    request.send().await.unwrap();
    let entry = receiver.journal().remove(0);
    assert_eq!(entry.verify(&secret.to_string()), Ok(()));
    assert_eq!(
        entry.verify(&other.to_string()),
        Err(Refusal::NoSignatureFits)
    );
    assert_eq!(entry.verify("secret"), Err(Refusal::UnreadableSecret));

    let refused = |change: fn(&mut simulators::receiver::Entry)| {
        let mut changed = entry.clone();
        change(&mut changed);
        changed.verify(&secret.to_string()).unwrap_err()
    };
    assert_eq!(
        refused(|entry| entry.body.push(b' ')),
        Refusal::NoSignatureFits
    );
    assert_eq!(
        refused(|entry| entry.webhook_id = Some("msg_2".to_owned())),
        Refusal::NoSignatureFits
    );
    assert_eq!(
        refused(|entry| entry.at += chrono::TimeDelta::seconds(302)),
        Refusal::OutOfTime
    );
    assert_eq!(
        refused(|entry| entry.webhook_signature = None),
        Refusal::MissingHeader
    );
    assert_eq!(
        refused(|entry| entry.webhook_timestamp = Some("now".to_owned())),
        Refusal::UnreadableTimestamp
    );
}

#[actix_web::test]
async fn the_signature_is_that_of_the_published_example() {
    let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let body = br#"{"test": 2432232314}"#;
    let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[actix_web::test]
async fn one_of_several_signatures_is_enough() {
    let receiver = usual().await;
    let (old, new) = (Secret::random(), Secret::random());
    let timestamp = chrono::Utc::now().timestamp().to_string();
    let both = [&new, &old].map(|secret| secret.sign("msg_1", &timestamp, b"body"));
    let request = posting(&receiver, "/", "body")
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", both.join(" "));
    request.send().await.unwrap();
    let entry = &receiver.journal()[0];
    for secret in [old, new] {
        assert_eq!(entry.verify(&secret.to_string()), Ok(()));
    }
}

#[actix_web::test]
async fn first_arrivals_and_duplicates_are_told_by_id() {
    let receiver = usual().await;
    for id in ["b", "a", "b", "c", "b"] {
        let request = posting(&receiver, "/", "").header("webhook-id", id);
        request.send().await.unwrap();
    }
    post(&receiver, "/", "without an id").await;
    let first = receiver.first_arrivals();
    let ids: Vec<_> = first
        .iter()
        .filter_map(|entry| entry.webhook_id.as_deref())
        .collect();
    assert_eq!(ids, ["b", "a", "c"]);
    let duplicates: Vec<_> = receiver.duplicates().into_iter().collect();
    assert_eq!(duplicates, [("b".to_owned(), 3)]);
}

#[actix_web::test]
async fn counters_alone_can_be_kept() {
    let receiver = usual().await;
    receiver.keep(Keep::Counters);
    for _ in 0..3 {
        post(&receiver, "/", "12345").await;
    }
    assert!(receiver.journal().is_empty());
    let counters = receiver.counters();
    assert_eq!((counters.requests, counters.by_status[&200]), (3, 3));
    assert_eq!((counters.body_bytes, counters.most_open), (15, 1));
    assert!(counters.first_at <= counters.last_at);
    receiver.clear_journal();
    assert_eq!(receiver.counters().requests, 0);
}
