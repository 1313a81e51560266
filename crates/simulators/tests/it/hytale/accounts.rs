//! Accounts and their profiles.

use std::time::Duration;

use serde_json::json;

use super::support::{DEVICE_GRANT, ask, create, form, profile, profiles, text, token, usual};
use crate::support::client;

#[actix_web::test]
async fn accounts_have_no_one_or_many_profiles() {
    let hytale = usual().await;
    for (account, count) in [("none", 0), ("one", 1), ("many", 3)] {
        let login = hytale.login(account);
        let (status, body) = profiles(&hytale, &login.access_token).await;
        assert_eq!(
            (status, body["profiles"].as_array().unwrap().len()),
            (200, count)
        );
    }
    hytale.accounts(|accounts| accounts[2].null_profiles = true);
    let login = hytale.login("none");
    assert_eq!(
        profiles(&hytale, &login.access_token).await.1["profiles"],
        json!(null)
    );
}

#[actix_web::test]
async fn a_missing_or_bad_bearer_is_403_in_plain_text() {
    let hytale = usual().await;
    let url = format!("{}/my-account/get-profiles", hytale.account_data_url());
    let response = client().get(&url).send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(
        response.headers()["Content-Type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    assert_eq!(
        response.text().await.unwrap(),
        "invalid authorization header"
    );
    assert_eq!(profiles(&hytale, "ory_at_unknown").await.0, 403);
    let login = hytale.login("one");
    hytale.advance(Duration::from_hours(1));
    assert_eq!(profiles(&hytale, &login.access_token).await.0, 403);
}

#[actix_web::test]
async fn an_account_without_the_game_is_403() {
    let hytale = usual().await;
    hytale.accounts(|accounts| accounts[0].owns_game = false);
    let login = hytale.login("one");
    assert_eq!(profiles(&hytale, &login.access_token).await.0, 403);
    let profile = profile(&hytale, "one");
    assert_eq!(create(&hytale, &login.access_token, &profile).await.0, 403);
}

#[actix_web::test]
async fn a_downloader_login_is_good_for_neither_profiles_nor_sessions() {
    let hytale = usual().await;
    let downloader = ("client_id", "hytale-downloader");
    let url = format!("{}/oauth2/device/auth", hytale.oauth_url());
    let (_, code) = ask(form(url, &[downloader, ("scope", "auth:downloader")])).await;
    hytale.approve(text(&code, "user_code"), "one");
    let fields = [
        downloader,
        DEVICE_GRANT,
        ("device_code", text(&code, "device_code")),
    ];
    let (status, tokens) = token(&hytale, &fields).await;
    assert_eq!(
        (status, tokens.get("refresh_token"), tokens.get("id_token")),
        (200, None, None),
        "neither `offline` nor `openid` was asked"
    );
    let access = text(&tokens, "access_token");
    assert_eq!(profiles(&hytale, access).await.0, 403);
    assert_eq!(
        create(&hytale, access, &profile(&hytale, "one")).await.0,
        403
    );
}

#[actix_web::test]
async fn profiles_are_looked_up_with_a_session_token() {
    let hytale = usual().await;
    let login = hytale.login("one");
    let uuid = profile(&hytale, "one");
    let (_, session) = create(&hytale, &login.access_token, &uuid).await;
    let look_up = |path: String, token: &str| {
        let url = format!("{}/profile/{path}", hytale.account_data_url());
        ask(client().get(url).bearer_auth(token))
    };
    let held = text(&session, "sessionToken");
    let known = json!({ "uuid": uuid, "username": "ServerOperator" });
    assert_eq!(
        look_up(format!("uuid/{uuid}"), held).await,
        (200, known.clone())
    );
    assert_eq!(
        look_up("username/serveroperator".to_owned(), held).await,
        (200, known)
    );
    assert_eq!(look_up("username/nobody".to_owned(), held).await.0, 404);
    assert_eq!(
        look_up(format!("uuid/{uuid}"), &login.access_token).await.0,
        403
    );
}
