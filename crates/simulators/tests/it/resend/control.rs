//! How other processes steer Resend.

use serde_json::{Value, json};
use simulators::{
    receiver::{self, Receiver},
    resend::Resend,
};

use super::support::{ask, boundless, mail, name, posting, refused, send, with};
use crate::{command::Command, support::client};

async fn get(url: &str, path: &str) -> Value {
    let (status, body) = ask(client().get(format!("{url}/__simulator/{path}"))).await;
    assert_eq!(status, 200, "{path} {body}");
    body
}

async fn tell(resend: &Resend, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/__simulator/{path}", resend.url());
    ask(client().post(url).json(&body)).await
}

async fn delete(resend: &Resend, path: &str) -> (u16, Value) {
    ask(client().delete(format!("{}/__simulator/{path}", resend.url()))).await
}

#[actix_web::test]
async fn another_process_can_change_keys_domains_faults_limits_and_clock() {
    let resend = boundless().await;
    let url = resend.url();
    tell(&resend, "domains", json!({ "domain": "example.org" })).await;
    let from = json!({ "from": "a@example.org" });
    assert_eq!(send(&resend, &with(mail("a"), from)).await.0, 200);
    delete(&resend, "domains/example.com").await;
    assert_eq!(send(&resend, &mail("a")).await.0, 403);
    tell(&resend, "domains", json!({ "domain": "example.com" })).await;

    let suspended = json!({ "key": "re_simulated", "suspended": true });
    assert_eq!(tell(&resend, "keys", suspended).await.0, 200);
    let answer = name(send(&resend, &mail("a")).await);
    assert_eq!(answer, refused(403, "suspended_api_key"));
    delete(&resend, "keys/re_simulated").await;
    let answer = name(send(&resend, &mail("a")).await);
    assert_eq!(answer, refused(403, "invalid_api_key"));
    tell(&resend, "keys", json!({ "key": "re_simulated" })).await;

    let fault = json!({ "times": 1, "effect": { "reset": { "accepted": true } } });
    assert_eq!(tell(&resend, "faults", fault).await.0, 200);
    assert!(
        posting(&resend, "/emails", &mail("a"))
            .send()
            .await
            .is_err()
    );
    let misspelt = json!({ "time": 1, "effect": "daily_quota" });
    assert_eq!(tell(&resend, "faults", misspelt).await.0, 400);

    tell(&resend, "limits", json!({ "rate": 1 })).await;
    assert_eq!(
        get(&url, "limits").await,
        json!({ "rate": 1, "daily": null, "monthly": null })
    );
    assert_eq!(send(&resend, &mail("a")).await.0, 200);
    assert_eq!(send(&resend, &mail("a")).await.0, 429);
    let (_, clock) = tell(&resend, "clock", json!({ "advance_seconds": 60 })).await;
    assert_eq!(clock["now"], "2026-06-15T12:01:00Z");
    assert_eq!(send(&resend, &mail("a")).await.0, 200);

    assert_eq!(get(&url, "sent?from=1").await.as_array().unwrap().len(), 3);
    let journal = get(&url, "journal?from=7").await;
    assert_eq!(journal.as_array().unwrap().len(), 1);
    delete(&resend, "journal").await;
    assert_eq!(get(&url, "journal").await, json!([]));
}

#[actix_web::test]
async fn another_process_can_have_webhooks_sent() {
    let resend = boundless().await;
    let receiver = Receiver::start(receiver::Options::default()).await.unwrap();
    let emission = |flaw: Value| json!({ "url": receiver.url(), "type": "email.sent", "data": {}, "flaw": flaw });
    let (_, secrets) = tell(&resend, "secrets", json!(null)).await;
    assert_eq!(secrets.as_array().unwrap().len(), 2);
    let (status, emitted) = tell(&resend, "emit", emission(json!(null))).await;
    assert_eq!((status, &emitted["status"]), (200, &json!(200)));
    let again = json!({ "url": receiver.url(), "id": emitted["id"] });
    assert_eq!(tell(&resend, "replay", again).await.1["id"], emitted["id"]);
    tell(&resend, "emit", emission(json!("wrong_signature"))).await;
    let (_, secret) = delete(&resend, "secrets").await;
    let secret = secret[0].as_str().unwrap();
    let verdicts: Vec<_> = receiver
        .journal()
        .iter()
        .map(|entry| entry.verify(secret).is_ok())
        .collect();
    assert_eq!(verdicts, [true, true, false]);
    assert_eq!(secrets[0], secret);
    let unknown = json!({ "url": receiver.url(), "id": "msg_other" });
    assert_eq!(tell(&resend, "replay", unknown).await.0, 502);
}

#[actix_web::test]
async fn the_command_prints_its_address_and_obeys_its_flags() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let command = Command::start(&[
        "resend",
        "--api-key",
        "re_other",
        "--domain",
        "example.org",
        "--rate",
        "9",
        "--signing-secret",
        secret,
    ]);
    let url = command.url("resend");
    assert_eq!(get(url, "secrets").await, json!([secret]));
    assert_eq!(get(url, "limits").await["rate"], 9);
    let from = json!({ "from": "a@example.org" });
    let request = client()
        .post(format!("{url}/emails"))
        .bearer_auth("re_other");
    let request = request.header("User-Agent", "tests/1");
    assert_eq!(ask(request.json(&with(mail("a"), from))).await.0, 200);
}
