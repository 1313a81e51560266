//! How other processes steer the vendor.

use serde_json::{Value, json};
use simulators::hytale::Hytale;

use super::support::{ask, create, device, error, poll, refresh, text, usual};
use crate::support::client;

async fn get(hytale: &Hytale, path: &str) -> Value {
    let (status, body) = ask(client().get(format!("{}/__simulator/{path}", hytale.url()))).await;
    assert_eq!(status, 200, "{path} {body}");
    body
}

async fn post(hytale: &Hytale, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/__simulator/{path}", hytale.url());
    ask(client().post(url).json(&body)).await
}

#[actix_web::test]
async fn another_process_can_lead_a_login_and_read_what_happened() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    let approve = json!({ "approve": { "account": "many" } });
    assert_eq!(post(&hytale, "orders", approve.clone()).await.0, 200);
    let (status, refused) = post(&hytale, "orders", approve).await;
    assert_eq!(status, 409, "{refused}");
    let (_, tokens) = poll(&hytale, &code).await;
    let spent = text(&tokens, "refresh_token");
    for _ in 0..2 {
        refresh(&hytale, spent).await;
    }
    let count = get(&hytale, &format!("spent?token={spent}")).await;
    assert_eq!(count, json!({ "count": 2 }));
    let journal = get(&hytale, "journal?from=1").await;
    assert_eq!(journal.as_array().unwrap().len(), 3);
    assert_eq!(
        (
            &journal[1]["endpoint"],
            &journal[1]["presented"],
            &journal[1]["account"]
        ),
        (&json!("refresh_token"), &json!(spent), &json!("many"))
    );
    let summary = get(&hytale, "summary").await;
    assert_eq!(
        (
            &summary["families"],
            &summary["families_lost"],
            &summary["spent_more_than_once"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(get(&hytale, "families").await[0]["state"], "lost");
    assert_eq!(get(&hytale, "devices").await[0]["state"], "used");
}

#[actix_web::test]
async fn another_process_can_change_clock_behaviour_faults_and_accounts() {
    let hytale = usual().await;
    let add = json!({ "add_logins": { "prefix": "customer-", "count": 2 } });
    let (_, logins) = post(&hytale, "orders", add).await;
    let login = &logins[1];
    assert_eq!(login["account"], "customer-1");
    let (access, profile) = (text(login, "access_token"), text(login, "profile"));

    let fault =
        json!({ "on": "session_new", "times": 1, "effect": { "status": { "status": 503 } } });
    assert_eq!(post(&hytale, "faults", fault).await.0, 200);
    assert_eq!(create(&hytale, access, profile).await.0, 503);
    let misspelt = json!({ "on": "session_new", "time": 1, "effect": "closed" });
    assert_eq!(post(&hytale, "faults", misspelt).await.0, 400);

    let limit = json!({ "session_limit": 1, "refusal_body": "text" });
    assert_eq!(post(&hytale, "behaviour", limit).await.0, 200);
    let unknown = json!({ "no_such_switch": 1 });
    assert_eq!(post(&hytale, "behaviour", unknown).await.0, 400);
    assert_eq!(create(&hytale, access, profile).await.0, 200);
    assert_eq!(create(&hytale, access, profile).await.0, 403);
    assert_eq!(
        get(&hytale, "summary").await["live_sessions"],
        json!({ "customer-1": 1 })
    );

    let (_, clock) = post(&hytale, "clock", json!({ "advance_seconds": 3600 })).await;
    assert_eq!(clock["now"], "2026-06-01T13:00:00.123456789Z");
    assert_eq!(get(&hytale, "sessions").await[0]["ended"], "lapsed");
    assert_eq!(
        error(create(&hytale, access, profile).await).0,
        401,
        "the access token is over"
    );
}
