//! The table of game sessions.

use std::time::Duration;

use serde_json::json;
use simulators::hytale::{Behaviour, BodyStyle, Ended};

use super::support::{ask, create, creating, delete, error, profile, prolong, text, usual, vendor};
use crate::support::client;

#[actix_web::test]
async fn the_limit_counts_live_sessions_of_one_account() {
    let hytale = vendor(Behaviour {
        session_limit: Some(2),
        ..Behaviour::default()
    })
    .await;
    let (one, many) = (hytale.login("one"), hytale.login("many"));
    let (first, second) = (profile(&hytale, "one"), profile(&hytale, "many"));
    let (_, session) = create(&hytale, &one.access_token, &first).await;
    assert_eq!(create(&hytale, &one.access_token, &first).await.0, 200);
    assert_eq!(create(&hytale, &one.access_token, &first).await.0, 403);
    assert_eq!(create(&hytale, &many.access_token, &second).await.0, 200);
    assert_eq!(delete(&hytale, text(&session, "sessionToken")).await, 204);
    assert_eq!(create(&hytale, &one.access_token, &first).await.0, 200);
    hytale.behaviour(|behaviour| behaviour.session_limit = None);
    assert_eq!(create(&hytale, &one.access_token, &first).await.0, 200);
    hytale.behaviour(|behaviour| behaviour.session_limit = Some(0));
    assert_eq!(create(&hytale, &one.access_token, &first).await.0, 403);
    hytale.accounts(|accounts| accounts[0].unlimited_sessions = true);
    assert_eq!(create(&hytale, &one.access_token, &first).await.0, 200);
    assert_eq!(hytale.live_sessions("one"), 4);
}

#[actix_web::test]
async fn refusals_come_in_three_styles() {
    let hytale = vendor(Behaviour {
        session_limit: Some(0),
        ..Behaviour::default()
    })
    .await;
    let login = hytale.login("one");
    let profile = profile(&hytale, "one");
    for (style, content_type, body) in [
        (
            BodyStyle::Json,
            Some("application/json"),
            r#"{"error":"session_limit_exceeded"}"#,
        ),
        (
            BodyStyle::Text,
            Some("text/plain; charset=utf-8"),
            "session limit exceeded",
        ),
        (BodyStyle::Empty, None, ""),
    ] {
        hytale.behaviour(|behaviour| behaviour.refusal_body = style);
        let response = creating(&hytale, &login.access_token, &profile)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 403);
        let said = response
            .headers()
            .get("Content-Type")
            .map(|value| value.to_str().unwrap());
        assert_eq!(said, content_type);
        assert_eq!(response.text().await.unwrap(), body);
    }
}

#[actix_web::test]
async fn what_is_wrong_with_a_request_decides_the_status() {
    let hytale = usual().await;
    let login = hytale.login("one");
    let access = login.access_token.as_str();
    let owner = hytale.account("one").unwrap().owner.to_string();
    assert_eq!(
        create(&hytale, access, &owner).await.0,
        404,
        "the owner is no profile"
    );
    let foreign = profile(&hytale, "many");
    assert_eq!(create(&hytale, access, &foreign).await.0, 404);
    assert_eq!(create(&hytale, access, "no uuid").await.0, 400);
    let own = profile(&hytale, "one");
    assert_eq!(create(&hytale, "ory_at_unknown", &own).await.0, 401);
    let url = format!("{}/game-session/new", hytale.sessions_url());
    let bare = client().post(&url).json(&json!({ "uuid": own }));
    assert_eq!(ask(bare).await.0, 401);
    for body in [
        json!({ "profile": own }),
        json!({ "UUID": own }),
        json!([own]),
    ] {
        let request = client().post(&url).bearer_auth(access).json(&body);
        assert_eq!(ask(request).await.0, 400, "{body}");
    }
    let form = client()
        .post(&url)
        .bearer_auth(access)
        .body(format!("uuid={own}"));
    assert_eq!(ask(form).await.0, 400);
    let (_, session) = create(&hytale, access, &own).await;
    assert_eq!(
        prolong(&hytale, access).await.0,
        401,
        "an OAuth token is no session token"
    );
    assert_eq!(
        create(&hytale, text(&session, "sessionToken"), &own)
            .await
            .0,
        401
    );
    hytale.behaviour(|behaviour| behaviour.bad_bearer_status = 403);
    assert_eq!(
        error(create(&hytale, "x", &own).await),
        (403, "unauthorized".to_owned())
    );
}

#[actix_web::test]
async fn successes_can_answer_with_the_other_status() {
    let hytale = vendor(Behaviour {
        created_status: 201,
        deleted_status: 200,
        ..Behaviour::default()
    })
    .await;
    let login = hytale.login("one");
    let (status, session) = create(&hytale, &login.access_token, &profile(&hytale, "one")).await;
    assert_eq!(status, 201);
    let (status, session) = prolong(&hytale, text(&session, "sessionToken")).await;
    assert_eq!(status, 200);
    assert_eq!(delete(&hytale, text(&session, "sessionToken")).await, 200);
}

#[actix_web::test]
async fn a_session_lapses_after_an_hour_without_a_refresh() {
    let hytale = vendor(Behaviour {
        session_limit: Some(2),
        ..Behaviour::default()
    })
    .await;
    let profile = profile(&hytale, "one");
    let access = hytale.login("one").access_token;
    let (_, left) = create(&hytale, &access, &profile).await;
    let (_, kept) = create(&hytale, &access, &profile).await;
    hytale.advance(Duration::from_mins(59));
    let (status, kept) = prolong(&hytale, text(&kept, "sessionToken")).await;
    assert_eq!(status, 200);
    hytale.advance(Duration::from_mins(1));
    assert_eq!(hytale.live_sessions("one"), 1);
    let ended: Vec<_> = hytale
        .sessions()
        .iter()
        .map(|session| session.ended)
        .collect();
    assert_eq!(ended, [Some(Ended::Lapsed), None]);
    assert_eq!(prolong(&hytale, text(&left, "sessionToken")).await.0, 401);
    assert_eq!(prolong(&hytale, text(&kept, "sessionToken")).await.0, 200);
    let access = hytale.login("one").access_token;
    assert_eq!(
        create(&hytale, &access, &profile).await.0,
        200,
        "the place is free"
    );
}

#[actix_web::test]
async fn the_old_session_token_stays_good_or_dies() {
    let hytale = usual().await;
    let access = hytale.login("one").access_token;
    let (_, session) = create(&hytale, &access, &profile(&hytale, "one")).await;
    let old = text(&session, "sessionToken");
    assert_eq!(prolong(&hytale, old).await.0, 200);
    hytale.behaviour(|behaviour| behaviour.old_session_token_dies = true);
    let (status, newest) = prolong(&hytale, old).await;
    assert_eq!(status, 200);
    assert_eq!(prolong(&hytale, old).await.0, 401);
    assert_eq!(prolong(&hytale, text(&newest, "sessionToken")).await.0, 200);
    assert_eq!(hytale.live_sessions("one"), 1);
}

#[actix_web::test]
async fn the_vendor_can_end_all_sessions_of_an_account_at_once() {
    let hytale = usual().await;
    let access = hytale.login("one").access_token;
    let (_, session) = create(&hytale, &access, &profile(&hytale, "one")).await;
    assert_eq!(hytale.end_sessions("one"), 1);
    assert_eq!(
        prolong(&hytale, text(&session, "sessionToken")).await.0,
        401
    );
    assert_eq!(hytale.sessions()[0].ended, Some(Ended::Revoked));
}

#[actix_web::test]
async fn an_old_session_token_ends_by_its_own_hour_although_its_session_goes_on() {
    let hytale = usual().await;
    let access = hytale.login("one").access_token;
    let (_, session) = create(&hytale, &access, &profile(&hytale, "one")).await;
    let old = text(&session, "sessionToken");
    hytale.advance(Duration::from_mins(30));
    let (_, newest) = prolong(&hytale, old).await;
    hytale.advance(Duration::from_mins(30));
    assert_eq!(prolong(&hytale, old).await.0, 401);
    assert_eq!(prolong(&hytale, text(&newest, "sessionToken")).await.0, 200);
}

#[actix_web::test]
async fn a_token_under_another_scheme_than_bearer_is_none() {
    let hytale = usual().await;
    let access = hytale.login("one").access_token;
    let request = |scheme: &str| {
        let request = client().post(format!("{}/game-session/new", hytale.sessions_url()));
        request
            .header("Authorization", format!("{scheme} {access}"))
            .json(&json!({ "uuid": profile(&hytale, "one") }))
    };
    assert_eq!(ask(request("Basic")).await.0, 401);
    assert_eq!(ask(request("bearer")).await.0, 200);
}
