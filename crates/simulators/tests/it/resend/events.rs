//! Signed webhooks, as somebody's endpoint receives them.

use serde_json::json;
use simulators::{
    receiver::{Answer, Entry, Options, Receiver},
    resend::{Flaw, Resend},
    signature::Refusal,
};

use super::support::boundless;

const KIND: &str = "email.bounced";

async fn both() -> (Resend, Receiver, String) {
    let receiver = Receiver::start(Options::default()).await.unwrap();
    let url = format!("{}/hooks?a=b", receiver.url());
    (boundless().await, receiver, url)
}

fn verdict(resend: &Resend, entry: &Entry) -> Result<(), Refusal> {
    entry.verify(&resend.signing_secrets()[0].to_string())
}

#[actix_web::test]
async fn a_webhook_is_signed_over_its_id_time_and_body() {
    let (resend, receiver, url) = both().await;
    receiver.answer("/hooks", Answer::status(202));
    let data = json!({ "email_id": "1" });
    let emitted = resend.emit(&url, KIND, data.clone()).await.unwrap();
    assert_eq!(emitted.status, 202);
    let entry = &receiver.journal()[0];
    assert_eq!(verdict(&resend, entry), Ok(()));
    assert_eq!(entry.webhook_id.as_ref(), Some(&emitted.id));
    assert_eq!(entry.query, "a=b");
    assert_eq!(entry.body, emitted.body.as_bytes());
    assert_eq!(
        (&entry.json()["type"], &entry.json()["data"]),
        (&json!(KIND), &data)
    );
}

#[actix_web::test]
async fn a_replay_has_the_id_and_body_of_the_first() {
    let (resend, receiver, url) = both().await;
    let first = resend.emit(&url, KIND, json!({})).await.unwrap();
    let again = resend.replay(&url, &first.id).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(receiver.duplicates()[&first.id], 2);
    let journal = receiver.journal();
    assert!(journal.iter().all(|entry| verdict(&resend, entry).is_ok()));
    assert!(resend.replay(&url, "msg_other").await.is_err());
}

#[actix_web::test]
async fn a_flawed_webhook_is_no_good() {
    let (resend, receiver, url) = both().await;
    for (flaw, refusal) in [
        (Flaw::WrongSignature, Refusal::NoSignatureFits),
        (Flaw::MissingSignature, Refusal::MissingHeader),
        (Flaw::OldTimestamp, Refusal::OutOfTime),
        (Flaw::FutureTimestamp, Refusal::OutOfTime),
        (Flaw::AlteredBody, Refusal::NoSignatureFits),
    ] {
        let emitted = resend.emit_flawed(&url, KIND, json!({}), flaw).await;
        let id = emitted.unwrap().id;
        let entry = receiver.journal().pop().unwrap();
        assert_eq!(entry.webhook_id, Some(id));
        assert_eq!(verdict(&resend, &entry), Err(refusal), "{flaw:?}");
    }
}

#[actix_web::test]
async fn while_secrets_change_both_are_signed_with() {
    let (resend, receiver, url) = both().await;
    let old = resend.signing_secrets()[0].to_string();
    let new = resend.rotate_signing_secret().to_string();
    resend.emit(&url, KIND, json!({})).await.unwrap();
    resend.retire_signing_secrets();
    resend.emit(&url, KIND, json!({})).await.unwrap();
    let journal = receiver.journal();
    assert_eq!(journal[0].verify(&old), Ok(()));
    assert_eq!(journal[0].verify(&new), Ok(()));
    assert_eq!(journal[1].verify(&old), Err(Refusal::NoSignatureFits));
    assert_eq!(journal[1].verify(&new), Ok(()));
}

#[actix_web::test]
async fn who_does_not_answer_is_told_of() {
    let (resend, receiver, url) = both().await;
    receiver.answer("/hooks", Answer::ResetAfterReading);
    assert!(resend.emit(&url, KIND, json!({})).await.is_err());
    let https = url.replace("http:", "https:");
    assert!(resend.emit(&https, KIND, json!({})).await.is_err());
}
