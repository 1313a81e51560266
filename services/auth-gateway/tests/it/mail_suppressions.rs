//! What Resend says of mail, and what follows for its recipients.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::resend::{Emitted, Flaw};

use common::types::scope::Scope;

use crate::gateway::{Gateway, answer, error_code};
use crate::mail::{Post, verification};

const HOOK: &str = "/api/webhooks/resend";
const LIST: &str = "/api/admin/mail/suppressions";

fn bounce(kind: &str) -> Value {
    json!({ "email_id": "1", "to": ["Anna@example.net"], "bounce": { "type": kind } })
}

async fn emit(post: &Post, kind: &str, data: Value) -> Emitted {
    let url = format!("{}{HOOK}", post.gateway.url);
    post.resend.emit(&url, kind, data).await.unwrap()
}

async fn suppressed(post: &Post, admin: &str) -> Vec<Value> {
    let request = post.gateway.as_client(admin, Method::GET, LIST);
    let (status, body) = answer(request).await;
    assert_eq!(status, StatusCode::OK);
    body["suppressions"].as_array().unwrap().clone()
}

fn welcome() -> Value {
    json!({ "to": "anna@Example.net", "template": "welcome", "data": { "name": "Anna" } })
}

#[tokio::test]
async fn an_address_that_bounced_for_good_gets_no_mail_until_an_administrator_says_so() {
    let post = Post::new(&[]).await;
    let admin = post.gateway.key("admin", [Scope::Admin]).await;
    let (_, waiting) = post.queue(&welcome()).await;
    assert_eq!(
        emit(&post, "email.bounced", bounce("Transient"))
            .await
            .status,
        200
    );
    assert_eq!(suppressed(&post, &admin).await.len(), 0);

    let heard = emit(&post, "email.bounced", bounce("Permanent")).await;
    assert_eq!(heard.status, 200);
    let list = suppressed(&post, &admin).await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["address"], "anna@example.net");
    assert_eq!(list[0]["reason"], "BOUNCED");
    assert_eq!(list[0]["event"], heard.id);
    post.wait_state(waiting["data"]["task_id"].as_str().unwrap(), "suppressed")
        .await;
    let (status, body) = post.queue(&welcome()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(error_code(status, &body), "ADDRESS_SUPPRESSED");

    let lift = |address: &str| {
        let path = format!("{LIST}/{address}");
        answer(post.gateway.as_client(&admin, Method::DELETE, &path))
    };
    assert_eq!(lift("nobody").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(lift("b@example.net").await.0, StatusCode::NOT_FOUND);
    assert_eq!(lift("Anna@example.net").await.0, StatusCode::OK);
    assert_eq!(post.queue(&welcome()).await.0, StatusCode::ACCEPTED);
    let client = post.gateway.database.connect().await;
    let trail = "SELECT details FROM admin_audit WHERE event_type = 'MAIL_SUPPRESSION_LIFTED'";
    let row = client.query_one(trail, &[]).await.unwrap();
    assert_eq!(
        row.get::<_, Value>(0),
        json!({ "address": "anna@example.net" })
    );

    // What was heard already has no second effect, however often it comes.
    let url = format!("{}{HOOK}", post.gateway.url);
    let replayed = post.resend.replay(&url, &heard.id).await.unwrap();
    assert_eq!(replayed.status, 200);
    assert_eq!(suppressed(&post, &admin).await.len(), 0);
}

#[tokio::test]
async fn a_link_that_waits_for_an_address_that_bounced_is_erased() {
    let post = Post::new(&[]).await;
    let (_, waiting) = post.queue(&verification()).await;
    let heard = emit(&post, "email.bounced", bounce("Permanent")).await;
    assert_eq!(heard.status, 200);
    let id = waiting["data"]["task_id"].as_str().unwrap();
    post.wait_state(id, "suppressed").await;
    let client = post.gateway.database.connect().await;
    let erased = "SELECT body IS NULL FROM mails WHERE holds_link";
    let row = client.query_one(erased, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn a_complaint_counts_and_unknown_events_are_taken_without_effect() {
    let post = Post::new(&[]).await;
    let admin = post.gateway.key("admin", [Scope::Admin]).await;
    for kind in ["email.delivered", "contact.created", "something.new"] {
        assert_eq!(emit(&post, kind, bounce("Permanent")).await.status, 200);
    }
    assert_eq!(suppressed(&post, &admin).await.len(), 0);
    let complaint = json!({ "to": "anna@example.net" });
    assert_eq!(emit(&post, "email.complained", complaint).await.status, 200);
    assert_eq!(suppressed(&post, &admin).await[0]["reason"], "COMPLAINED");
}

#[tokio::test]
async fn what_is_not_signed_rightly_and_now_is_refused() {
    let post = Post::new(&[]).await;
    let admin = post.gateway.key("admin", [Scope::Admin]).await;
    let url = format!("{}{HOOK}", post.gateway.url);
    for flaw in [
        Flaw::WrongSignature,
        Flaw::MissingSignature,
        Flaw::OldTimestamp,
        Flaw::FutureTimestamp,
        Flaw::AlteredBody,
    ] {
        let data = bounce("Permanent");
        let emitted = post.resend.emit_flawed(&url, "email.bounced", data, flaw);
        assert_eq!(emitted.await.unwrap().status, 401, "{flaw:?}");
    }
    let (status, body) = answer(post.gateway.client.post(&url).body("{}")).await;
    assert_eq!(error_code(status, &body), "INVALID_SIGNATURE");
    assert_eq!(suppressed(&post, &admin).await.len(), 0);
    // While the secret is replaced, either is good.
    post.resend.rotate_signing_secret();
    assert_eq!(
        emit(&post, "email.bounced", bounce("Permanent"))
            .await
            .status,
        200
    );
    assert_eq!(suppressed(&post, &admin).await.len(), 1);
}

#[tokio::test]
async fn without_a_secret_nothing_is_heard() {
    let gateway = Gateway::start().await;
    let (status, body) = gateway.post(HOOK).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(error_code(status, &body), "NOT_FOUND");
}
