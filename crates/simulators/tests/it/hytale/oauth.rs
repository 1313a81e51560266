//! How strictly the OAuth service reads, and what its tokens look like.

use serde_json::json;
use simulators::hytale::{Behaviour, SignatureFlaw};

use super::{
    jwt,
    support::{SERVER, ask, error, form, keys, refresh, text, token, usual, vendor},
};
use crate::support::client;

#[actix_web::test]
async fn json_is_refused_where_forms_are_wanted() {
    let hytale = usual().await;
    let login = hytale.login("one");
    let body = json!({
        "client_id": "hytale-server",
        "grant_type": "refresh_token",
        "refresh_token": login.refresh_token,
        "scope": "openid",
        "token": login.refresh_token,
    });
    for path in ["device/auth", "token", "revoke"] {
        let url = format!("{}/oauth2/{path}", hytale.oauth_url());
        let answer = ask(client().post(url).json(&body)).await;
        assert_eq!(error(answer), (400, "invalid_request".to_owned()), "{path}");
    }
    assert_eq!(hytale.spent(&login.refresh_token), 0);
}

#[actix_web::test]
async fn errors_have_hydras_body_and_headers() {
    let hytale = usual().await;
    let url = format!("{}/oauth2/token", hytale.oauth_url());
    let fields = [
        SERVER,
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
    ];
    let response = form(url, &fields).send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("Content-Type"), "application/json;charset=UTF-8");
    assert_eq!(header("Cache-Control"), "no-store");
    assert_eq!(header("Pragma"), "no-cache");
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(
        body,
        json!({
            "error": "invalid_grant",
            "error_description": "The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client. The refresh token is malformed or not valid.",
        })
    );
}

#[actix_web::test]
async fn wrong_clients_scopes_and_grants_are_told_apart() {
    let hytale = usual().await;
    let devices = format!("{}/oauth2/device/auth", hytale.oauth_url());
    let ask_device = |client_id, scope| {
        ask(form(
            devices.clone(),
            &[("client_id", client_id), ("scope", scope)],
        ))
    };
    let code = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(
        error(ask_device("nobody", "openid").await),
        code(401, "invalid_client")
    );
    assert_eq!(
        error(ask_device("hytale-launcher", "openid").await),
        code(400, "unauthorized_client")
    );
    assert_eq!(
        error(ask_device("hytale-server", "auth:downloader").await),
        code(400, "invalid_scope")
    );
    assert_eq!(
        ask_device("hytale-downloader", "offline auth:downloader")
            .await
            .0,
        200
    );
    for grant in ["password", "client_credentials"] {
        let fields = [SERVER, ("grant_type", grant)];
        assert_eq!(
            error(token(&hytale, &fields).await),
            code(400, "invalid_request")
        );
    }
    assert_eq!(
        error(token(&hytale, &[SERVER]).await),
        code(400, "invalid_request")
    );
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    assert_eq!(
        error(token(&hytale, &fields).await),
        code(401, "invalid_client")
    );
}

#[actix_web::test]
async fn other_paths_and_methods_are_refused() {
    let hytale = usual().await;
    let get = |path: &str| ask(client().get(format!("{}{path}", hytale.url())));
    assert_eq!(get("/oauth/oauth2/token").await.0, 405);
    assert_eq!(get("/oauth2/token").await.0, 404);
    assert_eq!(get("/sessions/game-session/").await.0, 404);
}

#[actix_web::test]
async fn an_id_token_is_signed_by_the_published_key_of_the_oauth_service() {
    let hytale = usual().await;
    let login = hytale.login("one");
    let (_, tokens) = refresh(&hytale, &login.refresh_token).await;
    let published = keys(&hytale.oauth_url()).await;
    let claims = jwt::verified(text(&tokens, "id_token"), &published).unwrap();
    let owner = hytale.account("one").unwrap().owner;
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (
            &json!("https://oauth.accounts.hytale.com"),
            &json!(owner),
            &json!(["hytale-server"])
        )
    );
    assert!(
        jwt::verified(
            text(&tokens, "id_token"),
            &keys(&hytale.sessions_url()).await
        )
        .is_none()
    );

    hytale.behaviour(|behaviour| {
        behaviour.foreign_subject = true;
        behaviour.id_token_flaw = Some(SignatureFlaw::ForeignKey);
    });
    let (_, tokens) = refresh(&hytale, text(&tokens, "refresh_token")).await;
    assert!(jwt::verified(text(&tokens, "id_token"), &published).is_none());
    assert_ne!(
        jwt::claims(text(&tokens, "id_token"))["sub"],
        owner.to_string()
    );
}

#[actix_web::test]
async fn id_tokens_and_their_keys_can_be_switched_off() {
    let hytale = vendor(Behaviour {
        id_token: false,
        oauth_keys: false,
        ..Behaviour::default()
    })
    .await;
    let login = hytale.login("one");
    let (_, tokens) = refresh(&hytale, &login.refresh_token).await;
    assert_eq!(tokens.get("id_token"), None);
    let url = format!("{}/.well-known/jwks.json", hytale.oauth_url());
    assert_eq!(ask(client().get(url)).await.0, 404);
}
