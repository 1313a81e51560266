//! Refresh tokens: spent once, by one, in time.

use std::time::Duration;

use serde_json::Value;
use simulators::hytale::{Behaviour, ConcurrentUse, FamilyState};

use super::support::{
    SERVER, ask, error, form, profiles, refresh, refreshing, text, token, usual, vendor,
};
use crate::support::{PATIENCE, until};

const USED: &str = "The refresh token was already used.";
const MALFORMED: &str = "The refresh token is malformed or not valid.";
const EXPIRED: &str = "The refresh token expired.";

/// What an `invalid_grant` says behind its long sentence.
fn hint((status, body): (u16, Value)) -> String {
    assert_eq!((status, &body["error"]), (400, &"invalid_grant".into()));
    let description = text(&body, "error_description");
    let (_, hint) = description
        .split_once("was issued to another client. ")
        .unwrap();
    hint.to_owned()
}

#[actix_web::test]
async fn a_second_use_revokes_the_whole_family() {
    let hytale = usual().await;
    let first = hytale.login("one").refresh_token;
    let other = hytale.login("one").refresh_token;
    let (_, newest) = refresh(&hytale, &first).await;
    assert_eq!(hint(refresh(&hytale, &first).await), USED);
    assert_eq!((hytale.spent(&first), hytale.families_lost()), (2, 1));
    assert_eq!(hytale.families()[0].state, FamilyState::Lost);
    // Hydra deletes the token that told, and only deactivates the others.
    assert_eq!(hint(refresh(&hytale, &first).await), MALFORMED);
    assert_eq!(
        hint(refresh(&hytale, text(&newest, "refresh_token")).await),
        USED
    );
    assert_eq!(
        profiles(&hytale, text(&newest, "access_token")).await.0,
        403
    );
    assert_eq!(
        refresh(&hytale, &other).await.0,
        200,
        "another login lives on"
    );
}

#[actix_web::test]
async fn unknown_and_old_refresh_tokens_have_hints_of_their_own() {
    let hytale = usual().await;
    let login = hytale.login("one");
    assert_eq!(hint(refresh(&hytale, "ory_rt_unknown").await), MALFORMED);
    hytale.advance(Duration::from_hours(29 * 24));
    let (status, renewed) = refresh(&hytale, &login.refresh_token).await;
    assert_eq!(status, 200);
    hytale.advance(Duration::from_hours(30 * 24));
    let old = text(&renewed, "refresh_token");
    assert_eq!(hint(refresh(&hytale, old).await), EXPIRED);
    assert_eq!(hytale.families_lost(), 0);
}

#[actix_web::test]
async fn a_token_of_another_client_is_refused() {
    let hytale = usual().await;
    let login = hytale.login("one");
    let fields = [
        ("client_id", "hytale-downloader"),
        ("grant_type", "refresh_token"),
        ("refresh_token", login.refresh_token.as_str()),
    ];
    assert_eq!(
        error(token(&hytale, &fields).await),
        (400, "invalid_grant".to_owned())
    );
    assert_eq!(refresh(&hytale, &login.refresh_token).await.0, 200);
}

#[actix_web::test]
async fn a_grace_period_forgives_repeats_for_as_long_as_it_lasts() {
    let hytale = vendor(Behaviour {
        grace_seconds: 60,
        ..Behaviour::default()
    })
    .await;
    let login = hytale.login("one");
    assert_eq!(refresh(&hytale, &login.refresh_token).await.0, 200);
    hytale.advance(Duration::from_secs(59));
    assert_eq!(refresh(&hytale, &login.refresh_token).await.0, 200);
    assert_eq!(hytale.families_lost(), 0);
    hytale.advance(Duration::from_secs(1));
    assert_eq!(hint(refresh(&hytale, &login.refresh_token).await), USED);
    assert_eq!(hytale.families_lost(), 1);
}

#[actix_web::test]
async fn two_at_a_time_are_refused_or_taken_in_turn() {
    for (concurrent_use, second, lost) in [
        (ConcurrentUse::Refused, "invalid_request", 0),
        (ConcurrentUse::InTurn, "invalid_grant", 1),
    ] {
        let hytale = vendor(Behaviour {
            refresh_milliseconds: 1500,
            concurrent_use,
            ..Behaviour::default()
        })
        .await;
        let login = hytale.login("one");
        let (one, two) = tokio::join!(
            refresh(&hytale, &login.refresh_token),
            refresh(&hytale, &login.refresh_token)
        );
        let mut statuses = [one.0, two.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
        let loser = if one.0 == 400 { one } else { two };
        assert_eq!(loser.1["error"], second);
        assert_eq!(hytale.families_lost(), lost);
    }
}

#[actix_web::test]
async fn a_refresh_happens_even_if_its_asker_hangs_up() {
    let hytale = vendor(Behaviour {
        refresh_milliseconds: 3000,
        ..Behaviour::default()
    })
    .await;
    let login = hytale.login("one");
    let impatient = refreshing(&hytale, &login.refresh_token).timeout(PATIENCE);
    assert!(impatient.send().await.is_err());
    until(|| hytale.spent(&login.refresh_token) == 1).await;
    assert_eq!(hint(refresh(&hytale, &login.refresh_token).await), USED);
}

#[actix_web::test]
async fn without_rotation_the_answer_has_no_refresh_token_and_the_old_one_lives() {
    let hytale = vendor(Behaviour {
        rotation: false,
        ..Behaviour::default()
    })
    .await;
    let login = hytale.login("one");
    for _ in 0..2 {
        let (status, body) = refresh(&hytale, &login.refresh_token).await;
        assert_eq!((status, body.get("refresh_token")), (200, None));
    }
}

#[actix_web::test]
async fn a_refresh_ends_earlier_access_tokens_unless_switched_off() {
    let hytale = usual().await;
    let login = hytale.login("one");
    let (_, renewed) = refresh(&hytale, &login.refresh_token).await;
    assert_eq!(profiles(&hytale, &login.access_token).await.0, 403);
    hytale.behaviour(|behaviour| behaviour.refresh_ends_access_tokens = false);
    refresh(&hytale, text(&renewed, "refresh_token")).await;
    assert_eq!(
        profiles(&hytale, text(&renewed, "access_token")).await.0,
        200
    );
}

#[actix_web::test]
async fn revocation_ends_a_family_and_says_nothing_of_unknown_tokens() {
    let hytale = usual().await;
    let login = hytale.login("one");
    let url = || format!("{}/oauth2/revoke", hytale.oauth_url());
    let revoke = |token: &str| ask(form(url(), &[SERVER, ("token", token)]));
    assert_eq!(revoke("ory_rt_unknown").await.0, 200);
    let foreign = [
        ("client_id", "hytale-downloader"),
        ("token", &login.refresh_token),
    ];
    assert_eq!(ask(form(url(), &foreign)).await.0, 200);
    assert_eq!(profiles(&hytale, &login.access_token).await.0, 200);
    assert_eq!(revoke(&login.refresh_token).await.0, 200);
    assert_eq!(profiles(&hytale, &login.access_token).await.0, 403);
    assert_eq!(hint(refresh(&hytale, &login.refresh_token).await), USED);
    assert_eq!(hytale.families_lost(), 0);
    hytale.behaviour(|behaviour| behaviour.revocation = false);
    assert_eq!(revoke(&login.refresh_token).await.0, 404);
}

#[actix_web::test]
async fn a_user_revokes_all_logins_of_an_account() {
    let hytale = usual().await;
    let (one, two) = (hytale.login("one"), hytale.login("many"));
    assert_eq!(hytale.revoke_account("one"), 1);
    assert_eq!(
        error(refresh(&hytale, &one.refresh_token).await).1,
        "invalid_grant"
    );
    assert_eq!(refresh(&hytale, &two.refresh_token).await.0, 200);
}
