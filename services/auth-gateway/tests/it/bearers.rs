//! Callers with tokens, and with token and key.

use std::time::{Duration, Instant};

use common::types::scope::Scope;
use common::types::user::Role;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use store::UserChange;
use testkit::wait_for;

use crate::clients::operator;
use crate::events::Events;
use crate::gateway::{Differences, Gateway, KEY, WEBSITE_SECRET, answer, error_code};
use crate::users::website_token;

const LOGS: &str = "/api/v1/sync/logs";
const LIMIT: Duration = Duration::from_secs(20);

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

async fn of_token(gateway: &Gateway, token: &str) -> StatusCode {
    status(gateway.as_user(token, Method::GET, LOGS)).await
}

/// Asks everywhere until nobody lets the caller in, and proves that the last who did was
/// asked within a second after the change.
async fn refused_within_a_second(urls: &[&str], request: impl Fn(&str) -> RequestBuilder) {
    let changed = Instant::now();
    for url in urls {
        let mut asked = Duration::ZERO;
        wait_for("the refusal", LIMIT, async || {
            let question = changed.elapsed();
            let refused = status(request(url)).await == StatusCode::UNAUTHORIZED;
            if !refused {
                asked = question;
            }
            refused.then_some(())
        })
        .await;
        assert!(asked < Duration::from_secs(1), "{asked:?}");
        assert_eq!(status(request(url)).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn what_a_user_may_is_looked_up_and_not_read_from_the_token() {
    let gateway = Gateway::start().await;
    gateway.user("anna", Role::Administrator).await;
    gateway.user("ben", Role::Member).await;
    let anna = gateway.token("anna").await.text;
    let ben = gateway.token("ben").await.text;
    assert_eq!(of_token(&gateway, &anna).await, StatusCode::OK);
    assert_eq!(of_token(&gateway, &ben).await, StatusCode::FORBIDDEN);
    // It says that he is an administrator.
    let ben = website_token(WEBSITE_SECRET, "ben");
    assert_eq!(of_token(&gateway, &ben).await, StatusCode::FORBIDDEN);
    let anna = website_token(WEBSITE_SECRET, "anna");
    assert_eq!(of_token(&gateway, &anna).await, StatusCode::OK);
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_missed_within_a_second() {
    let gateway = Gateway::start().await;
    gateway.user("anna", Role::SuperAdmin).await;
    let token = gateway.token("anna").await.text;
    assert_eq!(of_token(&gateway, &token).await, StatusCode::OK);
    gateway
        .change("anna", UserChange::Roles(vec![Role::Member]))
        .await;
    let taken = Instant::now();
    let mut asked = Duration::ZERO;
    wait_for("the refusal", LIMIT, async || {
        let question = taken.elapsed();
        let refused = of_token(&gateway, &token).await == StatusCode::FORBIDDEN;
        if !refused {
            asked = question;
        }
        refused.then_some(())
    })
    .await;
    assert!(asked < Duration::from_secs(1), "{asked:?}");
}

#[tokio::test]
async fn whatever_is_taken_back_is_refused_within_a_second_on_every_replica() {
    let gateway = Gateway::start().await;
    let replica = gateway.replica().await;
    let both = [gateway.url.as_str(), replica.url.as_str()];
    for user in ["disabled", "logged-out", "revoked", "deleted", "signed"] {
        gateway.user(user, Role::Administrator).await;
        let token = gateway.token(user).await;
        let ask = |url: &str| {
            let request = gateway.client.get(format!("{url}{LOGS}"));
            request.bearer_auth(&token.text)
        };
        for url in both {
            // Twice and more than half a second apart: the second is a verdict that lasts.
            assert_eq!(status(ask(url)).await, StatusCode::OK, "{user}");
        }
        let lasted = Instant::now();
        wait_for("verdicts that last", LIMIT, async || {
            for url in both {
                assert_eq!(status(ask(url)).await, StatusCode::OK, "{user}");
            }
            (lasted.elapsed() > Duration::from_millis(600)).then_some(())
        })
        .await;
        match user {
            "disabled" => gateway.change(user, UserChange::Active(false)).await,
            "logged-out" => gateway.change(user, UserChange::RevokeTokens).await,
            "revoked" => {
                let by = operator();
                let revoked = gateway.store.access_token_revoke(token.id, &by);
                revoked.await.unwrap();
            }
            "deleted" => {
                // By hand, past everything that we wrote.
                let database = gateway.database.connect().await;
                let delete = "DELETE FROM users WHERE id = 'deleted'";
                database.batch_execute(delete).await.unwrap();
            }
            _ => {
                let key = gateway.signing_key().await;
                let id = key.id().as_str();
                let by = operator();
                let dropped = gateway.store.signing_key_drop(id, &by);
                dropped.await.unwrap();
            }
        }
        refused_within_a_second(&both, ask).await;
    }
}

#[tokio::test]
async fn a_disabled_user_who_is_enabled_again_is_let_in_again() {
    let gateway = Gateway::start().await;
    gateway.user("anna", Role::Administrator).await;
    let token = gateway.token("anna").await.text;
    gateway.change("anna", UserChange::Active(false)).await;
    assert_eq!(of_token(&gateway, &token).await, StatusCode::UNAUTHORIZED);
    gateway.change("anna", UserChange::Active(true)).await;
    wait_for("the user to be let in", LIMIT, async || {
        (of_token(&gateway, &token).await == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_website_token_counts_until_its_user_is_logged_out() {
    let gateway = Gateway::start().await;
    gateway.user("anna", Role::Administrator).await;
    let token = website_token(WEBSITE_SECRET, "anna");
    assert_eq!(of_token(&gateway, &token).await, StatusCode::OK);
    gateway.change("anna", UserChange::RevokeTokens).await;
    let ask = |url: &str| {
        let request = gateway.client.get(format!("{url}{LOGS}"));
        request.bearer_auth(&token)
    };
    refused_within_a_second(&[&gateway.url], ask).await;
}

#[tokio::test]
async fn a_logout_ends_tokens_of_a_clock_that_is_ahead() {
    let gateway = Gateway::start().await;
    gateway.user("anna", Role::Administrator).await;
    let key = gateway.signing_key().await;
    let realm = gateway.config.security.realm();
    // Two hours long: made in 50 seconds from now.
    let ahead = chrono::TimeDelta::hours(2) + chrono::TimeDelta::seconds(50);
    let own = gateway.token_of("anna", &key, &realm, ahead).await.text;
    let website = website_token(WEBSITE_SECRET, "anna");
    for token in [&own, &website] {
        assert_eq!(of_token(&gateway, token).await, StatusCode::OK);
    }
    gateway.change("anna", UserChange::RevokeTokens).await;
    for token in [&own, &website] {
        let ask = |url: &str| {
            let request = gateway.client.get(format!("{url}{LOGS}"));
            request.bearer_auth(token)
        };
        refused_within_a_second(&[&gateway.url], ask).await;
    }
}

#[tokio::test]
async fn without_a_shared_secret_no_website_token_is_taken() {
    let variables = vec![("JWT_SECRET", String::new())];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    gateway.user("anna", Role::Administrator).await;
    for secret in ["", WEBSITE_SECRET] {
        let token = website_token(secret, "anna");
        assert_eq!(of_token(&gateway, &token).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn key_and_token_must_both_be_good_and_do_what_both_may() {
    let gateway = Gateway::start().await;
    gateway.user("anna", Role::Administrator).await;
    gateway.user("ben", Role::Member).await;
    let anna = gateway.token("anna").await.text;
    let ben = gateway.token("ben").await.text;
    let read = gateway.key("reader", [Scope::Read]).await;
    let notify = gateway.key("notifier", [Scope::Notify]).await;
    let ask = async |key: &str, token: &str| {
        let request = gateway.as_client(key, Method::GET, LOGS);
        status(request.bearer_auth(token)).await
    };
    assert_eq!(ask(&read, &anna).await, StatusCode::OK);
    assert_eq!(ask(KEY, &anna).await, StatusCode::OK);
    assert_eq!(ask(&notify, &anna).await, StatusCode::FORBIDDEN);
    assert_eq!(ask(&read, &ben).await, StatusCode::FORBIDDEN);
    assert_eq!(ask("forged", &anna).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(KEY, "forged").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_refused_token_is_told_what_it_lacks_as_rfc_6750_says() {
    let gateway = Gateway::start().await;
    gateway.user("anna", Role::Administrator).await;
    let key = gateway.signing_key().await;
    let realm = gateway.config.security.realm();
    let ago = -chrono::TimeDelta::seconds(61);
    let expired = gateway.token_of("anna", &key, &realm, ago).await.text;
    let challenge = async |request: RequestBuilder| {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        let challenge = challenge.to_owned();
        let body: Value = answer.json().await.unwrap();
        let code = error_code(StatusCode::UNAUTHORIZED, &body);
        (challenge, code)
    };
    let invalid = "Bearer error=\"invalid_token\"".to_owned();
    let of = |token: &str| challenge(gateway.as_user(token, Method::GET, LOGS));
    assert_eq!(
        of(&expired).await,
        (invalid.clone(), "EXPIRED_TOKEN".to_owned())
    );
    assert_eq!(of("forged").await, (invalid, "INVALID_TOKEN".to_owned()));
    let url = format!("{}{LOGS}", gateway.url);
    let without = challenge(gateway.client.get(url)).await;
    assert_eq!(without, ("Bearer".to_owned(), "UNAUTHORIZED".to_owned()));
}

#[tokio::test]
async fn an_open_stream_ends_within_a_second_when_its_credentials_do() {
    let gateway = Gateway::start().await;
    let run = gateway.running().await;
    gateway.user("anna", Role::Administrator).await;
    let token = gateway.token("anna").await;
    let key = gateway.key("website", [Scope::Read]).await;
    let path = format!("/api/v1/sync/stream/{}", run.id);
    let mut of_user = Events::of(gateway.as_user(&token.text, Method::GET, &path)).await;
    let mut of_client = Events::of(gateway.as_client(&key, Method::GET, &path)).await;
    for events in [&mut of_user, &mut of_client] {
        assert_eq!(events.next().await.unwrap().name, "connected");
        assert_eq!(events.next().await.unwrap().name, "update");
    }
    gateway.change("anna", UserChange::Active(false)).await;
    gateway.revoke(&key).await;
    let ended = Instant::now();
    assert_eq!(of_user.next().await, None);
    assert_eq!(of_client.next().await, None);
    // Time for a busy machine; a heartbeat would come only after 15 s.
    assert!(ended.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn whoever_cannot_be_checked_is_not_known_though_a_moment_ago_he_was() {
    let (gateway, proxy) = Gateway::start_with_fragile_database().await;
    gateway.user("anna", Role::Administrator).await;
    gateway.user("ben", Role::Member).await;
    let run = gateway.running().await;
    let path = format!("/api/v1/sync/stream/{}", run.id);
    let anna = gateway.token("anna").await.text;
    let mut stream = Events::of(gateway.as_user(&anna, Method::GET, &path)).await;
    assert_eq!(stream.next().await.unwrap().name, "connected");
    assert_eq!(stream.next().await.unwrap().name, "update");
    // Refused by what is known of him, before the database is asked for anything else.
    let ben = gateway.token("ben").await.text;
    assert_eq!(of_token(&gateway, &ben).await, StatusCode::FORBIDDEN);
    // In silence: no connection breaks.
    proxy.silence();
    let silent = Instant::now();
    let mut asked = Duration::ZERO;
    wait_for("the refusal", LIMIT, async || {
        let question = silent.elapsed();
        let unknown = of_token(&gateway, &ben).await == StatusCode::SERVICE_UNAVAILABLE;
        if !unknown {
            asked = question;
        }
        unknown.then_some(())
    })
    .await;
    assert!(asked < Duration::from_secs(1), "{asked:?}");
    assert_eq!(stream.next().await, None);
    let (status, body) = answer(gateway.as_user(&ben, Method::GET, LOGS)).await;
    assert_eq!(error_code(status, &body), "SERVICE_ERROR");
    proxy.mend();
    wait_for("the user to be known", LIMIT, async || {
        (of_token(&gateway, &ben).await == StatusCode::FORBIDDEN).then_some(())
    })
    .await;
}

#[tokio::test]
async fn published_keys_verify_and_stay_while_their_tokens_count() {
    let gateway = Gateway::start().await;
    let published = async || {
        let url = format!("{}/.well-known/jwks.json", gateway.url);
        let (status, body) = answer(gateway.client.get(url)).await;
        assert_eq!(status, StatusCode::OK);
        let keys = body["keys"].as_array().unwrap().clone();
        assert!(keys.iter().all(|key| key.get("d").is_none()));
        let ids = keys
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    // What was read is believed for a second.
    let until = async |ids: &[&str]| {
        wait_for("the keys", LIMIT, async || {
            (published().await == ids).then_some(())
        })
        .await;
    };
    until(&[]).await;
    gateway.user("anna", Role::Administrator).await;
    let before = gateway.token("anna").await.text;
    let old = gateway.signing_key().await;
    until(&[old.id().as_str()]).await;

    let new = gateway.rotate().await;
    until(&[new.id().as_str(), old.id().as_str()]).await;
    let after = gateway.token("anna").await.text;
    for token in [&before, &after] {
        wait_for("the token to be taken", LIMIT, async || {
            (of_token(&gateway, token).await == StatusCode::OK).then_some(())
        })
        .await;
    }
    let database = gateway.database.connect().await;
    database
        .batch_execute(
            "UPDATE signing_keys SET published_until = now() WHERE retired_at IS NOT NULL",
        )
        .await
        .unwrap();
    until(&[new.id().as_str()]).await;
    let ask = |url: &str| {
        let request = gateway.client.get(format!("{url}{LOGS}"));
        request.bearer_auth(&before)
    };
    refused_within_a_second(&[&gateway.url], ask).await;
}

#[tokio::test]
async fn a_token_stands_neither_in_the_database_nor_in_an_answer() {
    let gateway = Gateway::start().await;
    gateway.user("anna", Role::Member).await;
    let token = gateway.token("anna").await.text;
    let (_, body) = answer(gateway.as_user(&token, Method::GET, LOGS)).await;
    let signature = token.rsplit('.').next().unwrap();
    assert!(!body.to_string().contains(signature));
    let database = gateway.database.connect().await;
    for table in ["access_tokens", "signing_keys", "users", "admin_audit"] {
        let all = format!("SELECT coalesce(string_agg(it::text, ' '), '') FROM {table} it");
        let all: String = database.query_one(&all, &[]).await.unwrap().get(0);
        assert!(!all.contains(signature), "{table}");
        let secret = gateway.signing_key().await.secret();
        let secret = secrecy::ExposeSecret::expose_secret(&secret).to_owned();
        assert!(!all.contains(&secret), "{table}");
    }
}
