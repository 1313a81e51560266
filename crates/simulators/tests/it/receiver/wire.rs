//! Silence, broken connections, and answers that do not end.

use simulators::receiver::{Answer, Rule};

use super::support::{post, posting, usual};
use crate::support::{PATIENCE, until};

#[actix_web::test]
async fn silence_outlasts_the_patience_of_a_client() {
    let receiver = usual().await;
    for answer in [
        Answer::Never,
        Answer::Late {
            status: 200,
            milliseconds: 600_000,
        },
        Answer::DrippedHeaders {
            milliseconds: 20,
            lines: 100_000,
        },
    ] {
        receiver.answer("/", answer);
        let sent = posting(&receiver, "/", "body")
            .timeout(PATIENCE)
            .send()
            .await;
        assert!(sent.unwrap_err().is_timeout());
    }
    until(|| receiver.counters().open == 0).await;
    let bodies = receiver.journal();
    assert!(bodies.iter().all(|entry| entry.body == b"body"));
    receiver.answer(
        "/",
        Answer::Late {
            status: 202,
            milliseconds: 10,
        },
    );
    assert_eq!(post(&receiver, "/", "").await, 202);
}

#[actix_web::test]
async fn dripped_headers_end_for_who_waits() {
    let receiver = usual().await;
    receiver.answer(
        "/",
        Answer::DrippedHeaders {
            milliseconds: 1,
            lines: 5,
        },
    );
    let response = posting(&receiver, "/", "").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-drip-4"], "x");
    assert_eq!(post(&receiver, "/", "").await, 200, "on another connection");
}

#[actix_web::test]
async fn a_connection_is_reset_before_or_after_the_body_is_read() {
    let receiver = usual().await;
    let answers = [
        Answer::ResetBeforeReading,
        Answer::ResetAfterReading,
        Answer::status(200),
    ];
    receiver.rule(Rule::new(answers));
    for _ in 0..2 {
        let sent = posting(&receiver, "/", "body").send().await;
        assert!(sent.is_err());
    }
    assert_eq!(post(&receiver, "/", "body").await, 200);
    let seen: Vec<_> = receiver
        .journal()
        .iter()
        .map(|entry| (entry.read, entry.status))
        .collect();
    assert_eq!(seen, [(false, None), (true, None), (true, Some(200))]);
    assert_eq!(receiver.counters().unanswered, 2);
}

#[actix_web::test]
async fn a_huge_body_is_sent_only_as_far_as_it_is_read() {
    let receiver = usual().await;
    let bytes = 1 << 40;
    receiver.answer("/", Answer::Huge { status: 200, bytes });
    let mut response = posting(&receiver, "/", "").send().await.unwrap();
    assert_eq!(response.content_length(), Some(bytes));
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    until(|| receiver.counters().open == 0).await;
    assert!(receiver.bytes_sent() < 1 << 30);

    receiver.answer(
        "/",
        Answer::Huge {
            status: 500,
            bytes: 100_000,
        },
    );
    let response = posting(&receiver, "/", "").send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap().len(), 100_000);
}

#[actix_web::test]
async fn a_dripped_body_comes_byte_by_byte() {
    let receiver = usual().await;
    receiver.answer(
        "/",
        Answer::DrippedBody {
            milliseconds: 1,
            bytes: 3,
        },
    );
    let response = posting(&receiver, "/", "").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "xxx");
    receiver.answer(
        "/",
        Answer::DrippedBody {
            milliseconds: 20,
            bytes: 100_000,
        },
    );
    let request = posting(&receiver, "/", "").timeout(PATIENCE);
    let response = request.send().await.unwrap();
    assert!(response.bytes().await.unwrap_err().is_timeout());
}
