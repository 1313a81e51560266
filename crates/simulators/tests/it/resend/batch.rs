//! Mails in batches.

use serde_json::{Value, json};

use super::support::{ask, boundless, mail, name, posting, refused};

fn wrong() -> Value {
    let mut wrong = mail("wrong");
    wrong["to"] = json!("nobody");
    wrong
}

#[actix_web::test]
async fn a_batch_is_answered_in_its_order() {
    let resend = boundless().await;
    let batch = json!([mail("one"), mail("two")]);
    let (status, answer) = ask(posting(&resend, "/emails/batch", &batch)).await;
    assert_eq!(status, 200);
    let sent = resend.sent();
    for (place, subject) in ["one", "two"].into_iter().enumerate() {
        assert_eq!(sent[place].email["subject"], subject);
        assert_eq!(sent[place].place, Some(place));
        assert_eq!(answer["data"][place]["id"], sent[place].id);
    }
    assert_eq!(resend.journal().len(), 1);
    assert_eq!(answer.get("errors"), None);
}

#[actix_web::test]
async fn one_wrong_mail_refuses_a_strict_batch_and_is_left_out_of_a_permissive_one() {
    let resend = boundless().await;
    let batch = json!([mail("one"), wrong(), mail("three")]);
    let strict = ask(posting(&resend, "/emails/batch", &batch)).await;
    assert_eq!(name(strict), refused(422, "invalid_parameter"));
    assert!(resend.sent().is_empty());

    let request = posting(&resend, "/emails/batch", &batch);
    let (status, answer) = ask(request.header("x-batch-validation", "permissive")).await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
    assert_eq!(answer["errors"][0]["index"], 1);
    assert_eq!(resend.sent().len(), 2);
}

#[actix_web::test]
async fn a_batch_has_one_to_a_hundred_mails() {
    let resend = boundless().await;
    for batch in [json!([]), json!(vec![mail("a"); 101]), mail("a")] {
        let answer = ask(posting(&resend, "/emails/batch", &batch)).await;
        assert_eq!(name(answer), refused(422, "invalid_parameter"));
    }
    let most = json!(vec![mail("a"); 100]);
    assert_eq!(ask(posting(&resend, "/emails/batch", &most)).await.0, 200);
    assert_eq!(resend.sent().len(), 100);
}

#[actix_web::test]
async fn one_idempotency_key_stands_for_a_whole_batch() {
    let resend = boundless().await;
    let batch = json!([mail("one"), mail("two")]);
    let once = || posting(&resend, "/emails/batch", &batch).header("Idempotency-Key", "batch/1");
    let first = ask(once()).await;
    assert_eq!(ask(once()).await, first);
    assert_eq!(resend.sent().len(), 2);
}
