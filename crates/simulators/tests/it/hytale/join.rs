//! A player joins a server.

use serde_json::{Value, json};
use simulators::hytale::Hytale;

use super::{
    jwt,
    support::{ask, create, keys, profile, text, usual},
};
use crate::support::client;

async fn post(hytale: &Hytale, path: &str, bearer: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/server-join/{path}", hytale.sessions_url());
    ask(client().post(url).bearer_auth(bearer).json(&body)).await
}

#[actix_web::test]
async fn a_grant_is_exchanged_once_for_a_token_with_the_servers_audience() {
    let hytale = usual().await;
    let mut pairs = Vec::new();
    for account in ["one", "many"] {
        let access = hytale.login(account).access_token;
        pairs.push(create(&hytale, &access, &profile(&hytale, account)).await.1);
    }
    let server = text(&pairs[0], "sessionToken");
    let player = &pairs[1];
    let wanted = json!({ "identityToken": player["identityToken"], "aud": "server-1" });
    let unsigned = json!({ "identityToken": "a.b.c", "aud": "server-1" });
    assert_eq!(post(&hytale, "auth-grant", server, unsigned).await.0, 401);
    assert_eq!(
        post(&hytale, "auth-grant", "x", wanted.clone()).await.0,
        401
    );
    let (status, grant) = post(&hytale, "auth-grant", server, wanted).await;
    assert_eq!(status, 200);
    let exchange = json!({
        "authorizationGrant": grant["authorizationGrant"],
        "x509Fingerprint": "thumbprint",
    });
    let bearer = text(player, "sessionToken");
    let (status, token) = post(&hytale, "auth-token", bearer, exchange.clone()).await;
    assert_eq!(status, 200);
    let published = keys(&hytale.sessions_url()).await;
    let claims = jwt::verified(text(&token, "accessToken"), &published).unwrap();
    assert_eq!(
        (
            &claims["aud"],
            &claims["sub"],
            &claims["username"],
            &claims["cnf"]["x5t#S256"]
        ),
        (
            &json!("server-1"),
            &json!(profile(&hytale, "many")),
            &json!("FirstProfile"),
            &json!("thumbprint")
        )
    );
    assert_eq!(post(&hytale, "auth-token", bearer, exchange).await.0, 400);
}
