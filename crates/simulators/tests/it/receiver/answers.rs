//! Which request gets which answer.

use serde_json::json;
use simulators::receiver::{Answer, Rule};

use super::support::{post, posting, usual};

#[actix_web::test]
async fn a_path_has_its_answer_until_another_is_told() {
    let receiver = usual().await;
    receiver.answer("/a", Answer::status(500));
    assert_eq!(post(&receiver, "/a", "").await, 500);
    assert_eq!(post(&receiver, "/b", "").await, 200);
    receiver.answer("/a", Answer::status(204));
    assert_eq!(post(&receiver, "/a", "").await, 204);
    receiver.answer("/a", Answer::status(410));
    receiver.clear_rules();
    assert_eq!(post(&receiver, "/a", "").await, 200);
}

#[actix_web::test]
async fn answers_in_turn_end_with_one_that_stays() {
    let receiver = usual().await;
    receiver.rule(Rule::new([500, 503, 200].map(Answer::status)).on("/a"));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(post(&receiver, "/a", "").await);
    }
    assert_eq!(statuses, [500, 503, 200, 200]);
    let kept: Vec<_> = receiver
        .journal()
        .iter()
        .filter_map(|entry| entry.status)
        .collect();
    assert_eq!(kept, statuses);
}

#[actix_web::test]
async fn a_poison_body_is_refused_and_others_are_not() {
    let receiver = usual().await;
    receiver.rule(Rule::new([Answer::status(422)]).when_field("/data/name", "poison"));
    receiver.rule(Rule::new([Answer::status(413)]).when(|body| body.len() > 100));
    let named = |name: &str| json!({ "type": "a", "data": { "name": name } }).to_string();
    assert_eq!(post(&receiver, "/", &named("poison")).await, 422);
    assert_eq!(post(&receiver, "/", &named("good")).await, 200);
    assert_eq!(post(&receiver, "/", &named(&"x".repeat(100))).await, 413);
    assert_eq!(post(&receiver, "/", "no JSON").await, 200);
}

#[actix_web::test]
async fn an_answer_can_ask_to_wait_lead_away_or_say_something() {
    let receiver = usual().await;
    receiver.answer("/", Answer::retry_after(429, 7));
    let response = posting(&receiver, "/", "").send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["Retry-After"], "7");

    let location = format!("{}/elsewhere", receiver.url());
    receiver.answer(
        "/",
        Answer::Redirect {
            status: 307,
            location: location.clone(),
        },
    );
    let response = posting(&receiver, "/", "").send().await.unwrap();
    assert_eq!(response.headers()["Location"], location.as_str());
    assert!(receiver.journal_of("/elsewhere").is_empty());

    let body = "no such thing".to_owned();
    receiver.answer(
        "/",
        Answer::Status {
            status: 404,
            retry_after: None,
            body,
        },
    );
    let response = posting(&receiver, "/", "").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "no such thing");
}
