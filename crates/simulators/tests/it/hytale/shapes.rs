//! The guide's shapes, and a vendor on the real clock.

use std::time::Duration;

use chrono::Utc;
use serde_json::json;
use simulators::hytale::{Behaviour, Hytale, Options, Shapes};

use super::{
    jwt,
    support::{create, device, keys, poll, profile, profiles, text, vendor},
};

#[actix_web::test]
async fn the_guides_shapes_are_an_option() {
    let hytale = vendor(Behaviour {
        shapes: Shapes::Guide,
        ..Behaviour::default()
    })
    .await;
    let code = device(&hytale).await;
    let (letters, digits) = text(&code, "user_code").split_once('-').unwrap();
    assert!(letters.len() == 4 && letters.chars().all(|letter| letter.is_ascii_uppercase()));
    assert!(digits.len() == 4 && digits.chars().all(|digit| digit.is_ascii_digit()));
    assert_eq!(code["expires_in"], 900);
    assert_eq!(
        code["verification_uri"],
        format!("{}/accounts/device", hytale.url())
    );
    let pending = poll(&hytale, &code).await;
    assert_eq!(pending, (400, json!({ "error": "authorization_pending" })));
    hytale.approve(text(&code, "user_code"), "one");
    let (_, tokens) = poll(&hytale, &code).await;
    assert_eq!(
        (&tokens["expires_in"], &tokens["token_type"]),
        (&json!(3600), &json!("Bearer"))
    );
    let access = text(&tokens, "access_token");
    assert!(jwt::verified(access, &keys(&hytale.oauth_url()).await).is_some());
    assert_eq!(profiles(&hytale, access).await.0, 200);
    let (_, session) = create(&hytale, access, &profile(&hytale, "one")).await;
    assert_eq!(session["expiresAt"], "2026-06-01T13:00:00Z");
}

#[actix_web::test]
async fn unless_told_to_stand_still_the_clock_runs_with_the_real_one() {
    let hytale = Hytale::start(Options {
        public_url: Some("http://hytale.test".to_owned()),
        ..Options::default()
    })
    .await
    .unwrap();
    assert_eq!(hytale.sessions_url(), "http://hytale.test/sessions");
    let before = Utc::now();
    assert!(hytale.now() >= before);
    hytale.advance(Duration::from_hours(1));
    assert!(hytale.now() >= before + chrono::TimeDelta::hours(1));
}
