//! What administrators see of mails, and dead ones tried again.

use chrono::{DateTime, TimeDelta, Utc};
use common::types::scope::Scope;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::resend::{Effect, Fault};

use crate::gateway::{answer, error_code};
use crate::mail::{Post, TOKEN, verification};

const LIST: &str = "/api/admin/mails";

async fn ask(post: &Post, admin: &str, method: Method, path: &str) -> (StatusCode, Value) {
    answer(post.gateway.as_client(admin, method, path)).await
}

/// A mail that Resend refuses for good.
async fn dead(post: &Post, order: &Value) -> String {
    let refused = Effect::Status {
        status: 422,
        name: Some("validation_error".to_owned()),
        accepted: false,
    };
    let fault = Fault::new(refused).on("/emails").times(1);
    post.resend.faults(|faults| faults.add(fault));
    let (status, body) = post.queue(order).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let id = body["data"]["task_id"].as_str().unwrap().to_owned();
    post.wait_state(&id, "dead").await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_mail_is_listed_with_its_attempts_and_sent_when_it_is_tried_again() {
    let mut post = Post::new(&[]).await;
    let admin = post.gateway.key("admin", [Scope::Admin]).await;
    post.start();
    let welcome = json!({
        "to": "anna@example.net", "template": "welcome", "data": { "name": "Anna" },
    });
    let id = dead(&post, &welcome).await;

    let (status, body) = ask(&post, &admin, Method::GET, &format!("{LIST}?state=dead")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["count"], 1);
    let mail = &body["mails"][0];
    assert_eq!(mail["id"], id);
    assert_eq!(mail["template"], "welcome");
    assert_eq!(mail["recipient"], "anna@example.net");
    assert_eq!(mail["reason"], "Resend refused it with the status 422.");
    let (_, one) = ask(&post, &admin, Method::GET, &format!("{LIST}/{id}")).await;
    assert_eq!(one["attempts"][0]["outcome"], "failed");
    assert_eq!(one["attempts"][0]["status"], 422);

    let replay = format!("{LIST}/{id}/replay");
    let client = post.gateway.database.connect().await;
    let suppress = "INSERT INTO mail_suppressions (id, address, reason, event) \
                    VALUES (gen_random_uuid(), 'anna@example.net', 'BOUNCED', 'e')";
    client.batch_execute(suppress).await.unwrap();
    let (status, body) = ask(&post, &admin, Method::POST, &replay).await;
    assert_eq!(error_code(status, &body), "ADDRESS_SUPPRESSED");
    let lift = "DELETE FROM mail_suppressions";
    client.batch_execute(lift).await.unwrap();
    // Whoever says more than that may have meant to try.
    let tried = format!("{replay}?dry_run=true");
    let (status, _) = ask(&post, &admin, Method::POST, &tried).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for body in [r#"{"dry_run":true}"#, r#"{"dry_run":null}"#, "{"] {
        let request = post.gateway.as_client(&admin, Method::POST, &replay);
        let (status, _) = answer(request.body(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
    let (status, body) = ask(&post, &admin, Method::POST, &replay).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    post.wait_state(&id, "sent").await;
    let sent = post.sent(1).await;
    assert_eq!(sent[0].idempotency_key, Some(id.clone()));
    let (status, body) = ask(&post, &admin, Method::POST, &replay).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(error_code(status, &body), "MAIL_NOT_DEAD");

    let (_, trail) = ask(&post, &admin, Method::GET, "/api/admin/audit").await;
    let line = &trail["logs"][0];
    assert_eq!(line["event"], "MAIL_REPLAYED", "{trail}");
    assert_eq!(line["details"]["mail_id"], id);
    post.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_link_was_erased_is_not_sent_again_and_the_link_is_never_shown() {
    let mut post = Post::new(&[]).await;
    let admin = post.gateway.key("admin", [Scope::Admin]).await;
    let (_, body) = post.queue(&verification()).await;
    let waiting = body["data"]["task_id"].as_str().unwrap().to_owned();
    for path in [LIST.to_owned(), format!("{LIST}/{waiting}")] {
        let (status, body) = ask(&post, &admin, Method::GET, &path).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!body.to_string().contains(TOKEN), "{body}");
    }
    let replay = format!("{LIST}/{waiting}/replay");
    let (status, body) = ask(&post, &admin, Method::POST, &replay).await;
    assert_eq!(error_code(status, &body), "MAIL_NOT_DEAD");

    post.start();
    post.wait_state(&waiting, "sent").await;
    let id = dead(&post, &verification()).await;
    let replay = format!("{LIST}/{id}/replay");
    let (status, body) = ask(&post, &admin, Method::POST, &replay).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(error_code(status, &body), "LINK_ERASED");
    post.stop().await;
}

#[tokio::test]
async fn mails_are_chosen_page_by_page_and_nonsense_is_refused() {
    let post = Post::new(&[]).await;
    let admin = post.gateway.key("admin", [Scope::Admin]).await;
    for name in ["anna", "ben", "cleo"] {
        let to = format!("{name}@example.net");
        let data = json!({ "name": name });
        let order = json!({ "to": to, "template": "welcome", "data": data });
        assert_eq!(post.queue(&order).await.0, StatusCode::ACCEPTED);
    }
    let recipients = |body: &Value| -> Vec<String> {
        let mails = body["mails"].as_array().unwrap();
        let to = mails.iter().map(|it| it["recipient"].as_str().unwrap());
        to.map(str::to_owned).collect()
    };
    let (_, first) = ask(&post, &admin, Method::GET, &format!("{LIST}?limit=2")).await;
    assert_eq!(recipients(&first), ["cleo@example.net", "ben@example.net"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = format!("{LIST}?limit=2&cursor={cursor}");
    let (_, next) = ask(&post, &admin, Method::GET, &next).await;
    assert_eq!(recipients(&next), ["anna@example.net"]);
    assert!(next["next_cursor"].is_null());
    let one = format!("{LIST}?recipient=Ben@Example.net&template=welcome&state=pending");
    let (_, one) = ask(&post, &admin, Method::GET, &one).await;
    assert_eq!(recipients(&one), ["ben@example.net"]);
    let none = format!("{LIST}?template=magic_link");
    assert_eq!(ask(&post, &admin, Method::GET, &none).await.1["count"], 0);

    for nonsense in [
        "state=lost",
        "recipient=nobody",
        "cursor=1",
        "limit=0",
        "since=yesterday",
        "template=%00",
        "to=ben@example.net",
    ] {
        let path = format!("{LIST}?{nonsense}");
        let (status, body) = ask(&post, &admin, Method::GET, &path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{nonsense}: {body}");
    }
    let nobody = format!("{LIST}/018f0000-0000-7000-8000-000000000001");
    for (method, path) in [
        (Method::GET, nobody.clone()),
        (Method::POST, format!("{nobody}/replay")),
        (Method::GET, format!("{LIST}/x")),
    ] {
        let (status, _) = ask(&post, &admin, method, &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_next_attempt_of_a_mail_is_shown_with_the_pause_that_holds_it() {
    let post = Post::new(&[]).await;
    let admin = post.gateway.key("admin", [Scope::Admin]).await;
    let order = json!({
        "to": "anna@example.net", "template": "welcome", "data": { "name": "Anna" },
    });
    for _ in 0..2 {
        assert_eq!(post.queue(&order).await.0, StatusCode::ACCEPTED);
    }
    let client = post.gateway.database.connect().await;
    let next = async || {
        let (_, body) = ask(&post, &admin, Method::GET, LIST).await;
        let next = body["mails"][1]["next_attempt_at"].as_str();
        next.map(|it| it.parse::<DateTime<Utc>>().unwrap() - Utc::now())
    };
    assert!(next().await.unwrap() < TimeDelta::minutes(1));
    for (change, is_held) in [
        (
            "INSERT INTO mail_pauses VALUES ('used up', 'QUOTA_EXCEEDED', now() + interval '1 hour')",
            false,
        ),
        ("UPDATE mail_pacing SET sender_key = 'used up'", true),
        ("UPDATE mail_pacing SET sender_key = 'other'", false),
        ("UPDATE mail_pauses SET key = ''", true),
        ("UPDATE mail_pauses SET until = now()", false),
    ] {
        client.batch_execute(change).await.unwrap();
        let is = next().await.unwrap() > TimeDelta::minutes(50);
        assert_eq!(is, is_held, "{change}");
    }
    let ends = "UPDATE mails SET due_at = now() + interval '1 hour', \
                expires_at = now() + interval '30 minutes'";
    client.batch_execute(ends).await.unwrap();
    assert_eq!(next().await, None, "its link has ended by then");
    client
        .batch_execute("UPDATE mails SET due_at = now(), expires_at = now()")
        .await
        .unwrap();
    assert_eq!(next().await, None, "its link has ended");
    let later = "UPDATE mails SET due_at = now() + interval '1 hour'";
    client.batch_execute(later).await.unwrap();
    let tried =
        "UPDATE mails SET expires_at = NULL, first_attempt_at = now() - interval '22.5 hours'";
    client.batch_execute(tried).await.unwrap();
    assert_eq!(next().await, None, "Resend has forgotten it by then");
    let later = "UPDATE mails SET first_attempt_at = now() - interval '1 hour'";
    client.batch_execute(later).await.unwrap();
    assert!(next().await.is_some());
    let under_way =
        "UPDATE mails SET holder = gen_random_uuid(), held_until = now() + interval '1 hour'";
    client.batch_execute(under_way).await.unwrap();
    assert_eq!(next().await, None);
}
