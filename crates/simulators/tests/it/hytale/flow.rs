//! From the device code to the end of a game session.

use serde_json::json;
use simulators::hytale::{Endpoint, fingerprint};

use super::{
    jwt,
    support::{create, delete, device, error, keys, poll, profiles, prolong, refresh, text, usual},
};

#[actix_web::test]
async fn a_login_leads_to_a_game_session_that_is_prolonged_and_ended() {
    let hytale = usual().await;
    let code = device(&hytale).await;
    assert_eq!(
        error(poll(&hytale, &code).await),
        (400, "authorization_pending".to_owned())
    );
    assert!(hytale.approve(text(&code, "user_code"), "one"));

    let (status, tokens) = poll(&hytale, &code).await;
    assert_eq!(status, 200, "{tokens}");
    assert!(text(&tokens, "access_token").starts_with("ory_at_"));
    assert!(text(&tokens, "refresh_token").starts_with("ory_rt_"));
    assert_eq!(
        (
            &tokens["expires_in"],
            &tokens["token_type"],
            &tokens["scope"]
        ),
        (
            &json!(3599),
            &json!("bearer"),
            &json!("openid offline auth:server")
        )
    );

    let spent = text(&tokens, "refresh_token");
    let (status, tokens) = refresh(&hytale, spent).await;
    assert_eq!(status, 200);
    let access = text(&tokens, "access_token");
    assert_ne!(text(&tokens, "refresh_token"), spent);
    assert_eq!(hytale.spent(spent), 1);

    let account = hytale.account("one").unwrap();
    let (status, body) = profiles(&hytale, access).await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({ "owner": account.owner, "profiles": account.profiles })
    );
    let profile = account.profiles[0].uuid;
    assert_ne!(profile, account.owner);

    let (status, session) = create(&hytale, access, &profile.to_string()).await;
    assert_eq!(status, 200, "{session}");
    assert_eq!(session["expiresAt"], "2026-06-01T13:00:00.123456789Z");
    assert_eq!(hytale.live_sessions("one"), 1);

    let published = keys(&hytale.sessions_url()).await;
    let identity = jwt::verified(text(&session, "identityToken"), &published).unwrap();
    assert_eq!(identity["iss"], "https://sessions.hytale.com");
    assert_eq!(identity["sub"], profile.to_string());
    assert_eq!(identity["scope"], "hytale:server");
    assert_eq!(identity["profile"]["username"], "ServerOperator");
    let held = text(&session, "sessionToken");
    let claims = jwt::verified(held, &published).unwrap();
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((life, &claims["sub"]), (3600, &json!(profile)));

    let (status, prolonged) = prolong(&hytale, held).await;
    assert_eq!(status, 200);
    assert_ne!(text(&prolonged, "sessionToken"), held);
    assert_eq!(delete(&hytale, text(&prolonged, "sessionToken")).await, 204);
    assert_eq!(hytale.live_sessions("one"), 0);
    assert_eq!(delete(&hytale, held).await, 401);

    let journal = hytale.journal();
    let made = &journal[5];
    assert_eq!(made.session, Some(hytale.sessions()[0].id));
    assert_eq!(made.account.as_deref(), Some("one"));
    assert_eq!(made.fingerprint, Some(fingerprint(access)));
    assert_eq!((made.family, made.at), (Some(0), hytale.now()));
    let asked: Vec<_> = journal
        .into_iter()
        .map(|entry| (entry.endpoint.unwrap(), entry.outcome))
        .collect();
    let ok = |endpoint| (endpoint, "ok".to_owned());
    let pending = "authorization_pending".to_owned();
    assert_eq!(
        asked[..8],
        [
            ok(Endpoint::DeviceAuth),
            (Endpoint::DeviceToken, pending),
            ok(Endpoint::DeviceToken),
            ok(Endpoint::RefreshToken),
            ok(Endpoint::Profiles),
            ok(Endpoint::SessionNew),
            ok(Endpoint::SessionKeys),
            ok(Endpoint::SessionRefresh),
        ]
    );
}
