//! Device codes and what polls meet.

use std::time::Duration;

use serde_json::json;
use simulators::hytale::{AutoApprove, Behaviour, DeviceState};

use super::support::{DEVICE_GRANT, ask, device, error, form, poll, text, token, usual, vendor};
use crate::support::client;

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[actix_web::test]
async fn a_device_code_has_the_live_shape() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    let user_code = text(&code, "user_code");
    assert!(text(&code, "device_code").starts_with("ory_dc_"));
    assert!(
        user_code.len() == 8
            && user_code
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric())
    );
    let page = format!("{}/oauth2/device/verify", hytale.oauth_url());
    assert_eq!(
        (
            &code["verification_uri"],
            &code["verification_uri_complete"]
        ),
        (
            &json!(page),
            &json!(format!("{page}?user_code={user_code}"))
        )
    );
    assert_eq!(
        (&code["expires_in"], &code["interval"]),
        (&json!(600), &json!(5))
    );
}

#[actix_web::test]
async fn user_codes_mind_their_case() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    let swapped: String = text(&code, "user_code")
        .chars()
        .map(|letter| {
            if letter.is_ascii_uppercase() {
                letter.to_ascii_lowercase()
            } else {
                letter.to_ascii_uppercase()
            }
        })
        .collect();
    assert!(!hytale.approve(&swapped, "one"));
    assert!(!hytale.approve(text(&code, "user_code"), "nobody"));
    assert!(hytale.approve(text(&code, "user_code"), "one"));
    assert!(!hytale.deny(text(&code, "user_code")), "it is decided");
}

#[actix_web::test]
async fn a_code_gives_tokens_once() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    hytale.approve(text(&code, "user_code"), "one");
    assert_eq!(poll(&hytale, &code).await.0, 200);
    assert_eq!(
        error(poll(&hytale, &code).await),
        refused(400, "invalid_grant")
    );
    assert_eq!(hytale.devices()[0].state, DeviceState::Used);
    assert_eq!(hytale.families().len(), 1);
}

#[actix_web::test]
async fn another_client_cannot_take_an_approved_code() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    hytale.approve(text(&code, "user_code"), "one");
    let other = [
        ("client_id", "hytale-downloader"),
        DEVICE_GRANT,
        ("device_code", text(&code, "device_code")),
    ];
    assert_eq!(
        error(token(&hytale, &other).await),
        refused(400, "invalid_grant")
    );
    assert_eq!(poll(&hytale, &code).await.0, 200);
}

#[actix_web::test]
async fn a_denied_code_is_403_or_400() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    assert!(hytale.deny(text(&code, "user_code")));
    assert_eq!(
        error(poll(&hytale, &code).await),
        refused(403, "access_denied")
    );
    hytale.behaviour(|behaviour| behaviour.access_denied_status = 400);
    assert_eq!(
        error(poll(&hytale, &code).await),
        refused(400, "access_denied")
    );
}

#[actix_web::test]
async fn an_expired_code_that_nobody_touched_is_pending_for_ever_unless_switched() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    hytale.advance(Duration::from_secs(601));
    assert!(!hytale.approve(text(&code, "user_code"), "one"));
    assert_eq!(
        error(poll(&hytale, &code).await),
        refused(400, "authorization_pending")
    );
    hytale.behaviour(|behaviour| behaviour.untouched_codes_expire = true);
    assert_eq!(
        error(poll(&hytale, &code).await),
        refused(400, "expired_token")
    );
}

#[actix_web::test]
async fn an_approved_code_expires_by_the_clock_and_any_code_by_order() {
    let hytale = usual().await;
    let approved = device(&hytale).await;
    hytale.approve(text(&approved, "user_code"), "one");
    let ordered = device(&hytale).await;
    assert!(hytale.expire(text(&ordered, "user_code")));
    assert_eq!(
        error(poll(&hytale, &ordered).await),
        refused(400, "expired_token")
    );
    hytale.advance(Duration::from_secs(600));
    assert_eq!(
        error(poll(&hytale, &approved).await),
        refused(400, "expired_token")
    );
}

#[actix_web::test]
async fn hasty_polls_are_slowed_down_only_where_switched_on() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    for _ in 0..2 {
        assert_eq!(
            error(poll(&hytale, &code).await),
            refused(400, "authorization_pending")
        );
    }
    hytale.behaviour(|behaviour| behaviour.slow_down = true);
    assert_eq!(error(poll(&hytale, &code).await), refused(400, "slow_down"));
    hytale.advance(Duration::from_secs(9));
    assert_eq!(
        error(poll(&hytale, &code).await),
        refused(400, "slow_down"),
        "the interval is 10 s by now"
    );
    hytale.advance(Duration::from_secs(15));
    assert_eq!(
        error(poll(&hytale, &code).await),
        refused(400, "authorization_pending")
    );
}

#[actix_web::test]
async fn codes_approve_themselves_after_some_polls() {
    let hytale = vendor(Behaviour {
        auto_approve: Some(AutoApprove {
            after_polls: 2,
            account: Some("many".to_owned()),
        }),
        ..Behaviour::default()
    })
    .await;
    let code = device(&hytale).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(poll(&hytale, &code).await.0);
    }
    assert_eq!(statuses, [400, 400, 200]);
    assert_eq!(hytale.families()[0].account, "many");
}

#[actix_web::test]
async fn a_human_decides_on_the_page() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    let page = client()
        .get(text(&code, "verification_uri_complete"))
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains(text(&code, "user_code")) && page.contains("<option value=\"many\">"));
    let fields = [
        ("user_code", text(&code, "user_code")),
        ("account", "many"),
        ("decision", "approve"),
    ];
    let post = || ask(form(text(&code, "verification_uri").to_owned(), &fields));
    assert_eq!(post().await.0, 200);
    assert_eq!(post().await.0, 400);
    assert_eq!(poll(&hytale, &code).await.0, 200);
    assert_eq!(hytale.families()[0].account, "many");
}
