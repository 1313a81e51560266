//! Every fault as a client meets it, and what it leaves behind.

use serde_json::{Value, json};
use simulators::hytale::{Effect, Endpoint, Fault, Hytale};

use super::support::{
    create, creating, error, profile, profiles, refresh, refreshing, text, usual,
};
use crate::support::PATIENCE;

fn strike(hytale: &Hytale, endpoint: Endpoint, effect: Effect) {
    hytale.faults(|faults| faults.add(Fault::new(effect).on(endpoint).times(1)));
}

#[actix_web::test]
async fn a_fault_strikes_its_endpoint_after_some_requests_for_as_long_as_told() {
    let hytale = usual().await;
    let access = hytale.login("one").access_token;
    let effect = Effect::Status {
        status: 429,
        retry_after: Some(7),
    };
    hytale.faults(|faults| faults.add(Fault::new(effect).on(Endpoint::Profiles).after(1).times(2)));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(profiles(&hytale, &access).await.0);
    }
    assert_eq!(statuses, [200, 429, 429, 200]);

    let effect = Effect::Status {
        status: 503,
        retry_after: None,
    };
    hytale.faults(|faults| faults.add(Fault::new(effect)));
    let profile = profile(&hytale, "one");
    for _ in 0..3 {
        assert_eq!(create(&hytale, &access, &profile).await.0, 503);
    }
    hytale.faults(simulators::hytale::Faults::clear);
    assert_eq!(create(&hytale, &access, &profile).await.0, 200);
}

#[actix_web::test]
async fn a_status_can_come_with_retry_after_and_leaves_the_token_unspent() {
    let hytale = usual().await;
    let token = hytale.login("one").refresh_token;
    strike(
        &hytale,
        Endpoint::RefreshToken,
        Effect::Status {
            status: 429,
            retry_after: Some(7),
        },
    );
    let response = refreshing(&hytale, &token).send().await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["Retry-After"]
        ),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(hytale.spent(&token), 0);
    let entry = hytale.journal().pop().unwrap();
    assert_eq!(
        (entry.processed, entry.answered, entry.presented),
        (false, true, Some(token.clone()))
    );
    assert_eq!(refresh(&hytale, &token).await.0, 200);
}

#[actix_web::test]
async fn a_closed_connection_leaves_the_token_and_a_lost_response_spends_it() {
    let hytale = usual().await;
    let token = hytale.login("one").refresh_token;
    strike(&hytale, Endpoint::RefreshToken, Effect::Closed);
    assert!(refreshing(&hytale, &token).send().await.is_err());
    assert_eq!(hytale.spent(&token), 0);
    strike(&hytale, Endpoint::RefreshToken, Effect::ResponseLost);
    assert!(refreshing(&hytale, &token).send().await.is_err());
    assert_eq!(hytale.spent(&token), 1);
    let journal = hytale.journal();
    let seen: Vec<_> = journal
        .iter()
        .map(|entry| (entry.processed, entry.answered))
        .collect();
    assert_eq!(seen, [(false, false), (true, false)]);
    assert_eq!(journal[1].outcome, "ok");
    assert_eq!(error(refresh(&hytale, &token).await).1, "invalid_grant");
    assert_eq!(hytale.families_lost(), 1);
}

#[actix_web::test]
async fn a_lost_response_leaves_a_session_that_nobody_holds() {
    let hytale = usual().await;
    let access = hytale.login("one").access_token;
    strike(&hytale, Endpoint::SessionNew, Effect::ResponseLost);
    let request = creating(&hytale, &access, &profile(&hytale, "one"));
    assert!(request.send().await.is_err());
    assert_eq!(hytale.live_sessions("one"), 1);
}

#[actix_web::test]
async fn silence_before_and_after_the_deed_are_told_apart() {
    let hytale = usual().await;
    for (effect, spent) in [
        (Effect::Hang, 0),
        (Effect::ResponseHangs, 1),
        (Effect::Late { seconds: 600.0 }, 1),
        (Effect::Slow { seconds: 600.0 }, 0),
    ] {
        let token = hytale.login("one").refresh_token;
        strike(&hytale, Endpoint::RefreshToken, effect.clone());
        let request = refreshing(&hytale, &token).timeout(PATIENCE);
        assert!(request.send().await.unwrap_err().is_timeout());
        assert_eq!(hytale.spent(&token), spent, "{effect:?}");
    }
    for effect in [
        Effect::Late { seconds: 0.01 },
        Effect::Slow { seconds: 0.01 },
    ] {
        let token = hytale.login("one").refresh_token;
        strike(&hytale, Endpoint::RefreshToken, effect);
        assert_eq!(refresh(&hytale, &token).await.0, 200);
    }
}

#[actix_web::test]
async fn answers_can_be_cut_off_padded_or_something_else() {
    let hytale = usual().await;
    let login = hytale.login("one");
    let strike = |effect| strike(&hytale, Endpoint::RefreshToken, effect);
    let send = |token: &str| refreshing(&hytale, token).send();

    strike(Effect::Html { status: 502 });
    let page = send(&login.refresh_token).await.unwrap();
    assert_eq!(page.status(), 502);
    assert!(
        page.headers()["Content-Type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );

    let body = json!({ "error": "temporarily_unavailable" });
    strike(Effect::Answer {
        status: 503,
        body: body.clone(),
    });
    assert_eq!(refresh(&hytale, &login.refresh_token).await, (503, body));

    strike(Effect::ConcurrentUse);
    let refused = refresh(&hytale, &login.refresh_token).await;
    assert!(text(&refused.1, "error_description").ends_with("Please retry the request."));
    assert_eq!(error(refused), (400, "invalid_request".to_owned()));
    assert_eq!(hytale.spent(&login.refresh_token), 0);

    strike(Effect::Huge { bytes: 3_000_000 });
    let huge = send(&login.refresh_token)
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(huge.len() > 3_000_000);
    let tokens: Value = serde_json::from_slice(&huge).unwrap();

    strike(Effect::Malformed);
    let cut = send(text(&tokens, "refresh_token")).await.unwrap();
    assert_eq!(cut.status(), 200);
    assert!(serde_json::from_slice::<Value>(&cut.bytes().await.unwrap()).is_err());
    assert_eq!(hytale.spent(text(&tokens, "refresh_token")), 1);
}
