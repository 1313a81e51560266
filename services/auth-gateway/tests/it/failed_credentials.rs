//! The ceiling on credentials of one address that are not good.

use std::time::{Duration, Instant};

use common::crypto::api_key;
use common::types::scope::Scope;
use common::types::user::Role;
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use testkit::wait_for;

use crate::gateway::{Differences, Gateway, KEY, answer, closed_port, error_code};

const LOGS: &str = "/api/v1/sync/logs";
const CEILING: usize = 5;

async fn start() -> Gateway {
    let variables = vec![
        ("LIMITS_FAILED_CREDENTIALS", CEILING.to_string()),
        ("HTTP_TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
    ];
    Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await
}

fn with_key(gateway: &Gateway, url: &str, key: &str) -> RequestBuilder {
    let request = gateway.client.get(format!("{url}{LOGS}"));
    request.header("X-API-Key", key)
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

/// Good keys, one after the other.
async fn let_in_more_than_the_ceiling(gateway: &Gateway) {
    for number in 0..2 * CEILING {
        let key = gateway
            .key(&format!("client {number}"), [Scope::Read])
            .await;
        let request = with_key(gateway, &gateway.url, &key);
        assert_eq!(status(request).await, StatusCode::OK);
    }
}

/// Uses the ceiling up.
async fn exhaust(gateway: &Gateway) {
    for _ in 0..CEILING {
        let request = with_key(gateway, &gateway.url, "forged");
        assert_eq!(status(request).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn many_tries_at_once_over_two_replicas_are_no_more_than_the_ceiling() {
    let gateway = start().await;
    let replica = gateway.replica().await;
    let tries = (0..40).map(async |number| {
        let key = api_key::generate().unwrap().key;
        let url = if number % 2 == 0 {
            &gateway.url
        } else {
            &replica.url
        };
        status(with_key(&gateway, url, key.expose_secret())).await
    });
    let answers = join_all(tries).await;
    let count = |status| answers.iter().filter(|it| **it == status).count();
    assert_eq!(count(StatusCode::UNAUTHORIZED), CEILING, "{answers:?}");
    assert_eq!(count(StatusCode::TOO_MANY_REQUESTS), 40 - CEILING);
}

#[tokio::test]
async fn beyond_the_ceiling_only_credentials_known_to_be_good_pass() {
    let gateway = start().await;
    gateway.user("anna", Role::Administrator).await;
    let token = gateway.token("anna").await.text;
    let known = gateway.key("known", [Scope::Read]).await;
    let unknown = gateway.key("unknown", [Scope::Read]).await;
    let as_known = || with_key(&gateway, &gateway.url, &known);
    let as_anna = || gateway.as_user(&token, Method::GET, LOGS);
    assert_eq!(status(as_known()).await, StatusCode::OK);
    assert_eq!(status(as_anna()).await, StatusCode::OK);
    exhaust(&gateway).await;

    for stranger in [
        with_key(&gateway, &gateway.url, "forged"),
        with_key(&gateway, &gateway.url, &unknown),
        gateway.as_user("forged", Method::GET, LOGS),
    ] {
        let answer = stranger.send().await.unwrap();
        assert!(answer.headers().contains_key("retry-after"));
        let status = answer.status();
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        let body = answer.json().await.unwrap();
        assert_eq!(error_code(status, &body), "RATE_LIMITED");
    }
    assert_eq!(status(as_known()).await, StatusCode::OK);
    assert_eq!(status(as_anna()).await, StatusCode::OK);
    let installation = with_key(&gateway, &gateway.url, KEY);
    assert_eq!(status(installation).await, StatusCode::OK);
    // One without any credentials has tried none.
    let url = format!("{}{LOGS}", gateway.url);
    assert_eq!(
        status(gateway.client.get(url)).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn good_credentials_count_nothing_however_many_there_are() {
    let gateway = start().await;
    let_in_more_than_the_ceiling(&gateway).await;
    exhaust(&gateway).await;
}

#[tokio::test]
async fn tokens_that_have_expired_are_no_guesses() {
    let gateway = start().await;
    gateway.user("anna", Role::Administrator).await;
    let key = gateway.signing_key().await;
    let realm = gateway.config.security.realm();
    for number in 0..2 * CEILING {
        let ago = -chrono::TimeDelta::seconds(61 + i64::try_from(number).unwrap());
        let expired = gateway.token_of("anna", &key, &realm, ago).await.text;
        let (answered, body) = answer(gateway.as_user(&expired, Method::GET, LOGS)).await;
        assert_eq!(answered, StatusCode::UNAUTHORIZED, "{body}");
        assert_eq!(error_code(answered, &body), "EXPIRED_TOKEN");
    }
    exhaust(&gateway).await;
}

#[tokio::test]
async fn many_good_credentials_at_once_refuse_nobody() {
    let gateway = start().await;
    let replica = gateway.replica().await;
    let mut keys = Vec::new();
    for number in 0..8 * CEILING {
        keys.push(
            gateway
                .key(&format!("client {number}"), [Scope::Read])
                .await,
        );
    }
    let calls = keys.iter().enumerate().map(async |(number, key)| {
        let url = [&gateway.url, &replica.url][number % 2];
        status(with_key(&gateway, url, key)).await
    });
    let answers = join_all(calls).await;
    assert!(
        answers.iter().all(|status| *status == StatusCode::OK),
        "{answers:?}"
    );
    exhaust(&gateway).await;
}

#[tokio::test]
async fn requests_that_come_at_once_with_one_new_key_refuse_nobody() {
    let gateway = start().await;
    let key = gateway.key("busy", [Scope::Read]).await;
    let calls = (0..100).map(|_| status(with_key(&gateway, &gateway.url, &key)));
    let answers = join_all(calls).await;
    assert!(
        answers.iter().all(|status| *status == StatusCode::OK),
        "{answers:?}"
    );
    exhaust(&gateway).await;
}

#[tokio::test]
async fn each_address_has_a_ceiling_of_its_own_and_an_ipv6_network_one_for_all() {
    let gateway = start().await;
    let from = async |address: &str| {
        let request = with_key(&gateway, &gateway.url, "forged");
        status(request.header("X-Forwarded-For", address)).await
    };
    for number in 0..CEILING {
        let address = format!("2001:db8:7:7::{number}");
        assert_eq!(from(&address).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        from("2001:db8:7:7::99").await,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(from("2001:db8:7:8::1").await, StatusCode::UNAUTHORIZED);
    assert_eq!(from("203.0.113.9").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn while_the_database_is_away_nobody_is_locked_out_for_it() {
    let (gateway, proxy) = Gateway::start_with_fragile_database().await;
    let key = gateway.key("client", [Scope::Read]).await;
    proxy.cut();
    for _ in 0..3 {
        let (status, body) = answer(with_key(&gateway, &gateway.url, &key)).await;
        assert_eq!(error_code(status, &body), "SERVICE_ERROR");
        assert_eq!(body["retry_after"], 5);
    }
    let used = gateway.figure("nodebyte_rate_limit_total{limit=\"failed-credentials\",outcome=\"limited\",counted=\"shared\"}");
    assert_eq!(used.await, None);
}

#[tokio::test]
async fn beyond_the_ceiling_a_key_that_was_good_is_looked_at_again() {
    let gateway = start().await;
    let key = gateway.key("client", [Scope::Read]).await;
    let ask = || with_key(&gateway, &gateway.url, &key);
    assert_eq!(status(ask()).await, StatusCode::OK);
    exhaust(&gateway).await;
    // Whatever is believed of it is so no longer.
    let database = gateway.database.connect().await;
    let begun = Instant::now();
    wait_for(
        "verdicts that are over",
        Duration::from_secs(20),
        async || {
            let advance = "UPDATE credential_epoch SET epoch = epoch + 1";
            database.batch_execute(advance).await.unwrap();
            assert_eq!(status(ask()).await, StatusCode::OK);
            (begun.elapsed() > Duration::from_millis(1200)).then_some(())
        },
    )
    .await;
    gateway.revoke(&key).await;
    wait_for("the refusal", Duration::from_secs(20), async || {
        (status(ask()).await == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    wait_for(
        "the end of what is remembered",
        Duration::from_secs(20),
        async || (status(ask()).await == StatusCode::TOO_MANY_REQUESTS).then_some(()),
    )
    .await;
}

#[tokio::test]
async fn good_credentials_count_nothing_though_redis_is_away() {
    let variables = vec![
        ("LIMITS_FAILED_CREDENTIALS", CEILING.to_string()),
        ("LIMITS_GATEWAYS", "1".to_owned()),
        ("LIMITS_DECISION_MILLISECONDS", "100".to_owned()),
        ("REDIS_URL", format!("redis://127.0.0.1:{}", closed_port())),
    ];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    let_in_more_than_the_ceiling(&gateway).await;
    exhaust(&gateway).await;
    let request = with_key(&gateway, &gateway.url, "forged");
    assert_eq!(status(request).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn whoever_hangs_up_while_the_database_is_silent_is_not_locked_out() {
    let (gateway, proxy) =
        Gateway::start_with_fragile(vec![("LIMITS_FAILED_CREDENTIALS", CEILING.to_string())]).await;
    let mut keys = Vec::new();
    for number in 0..=CEILING {
        keys.push(
            gateway
                .key(&format!("client {number}"), [Scope::Read])
                .await,
        );
    }
    let last = keys.pop().unwrap();
    proxy.silence();
    for key in &keys {
        let request = with_key(&gateway, &gateway.url, key);
        let gave_up = request.timeout(Duration::from_millis(300)).send().await;
        assert!(gave_up.unwrap_err().is_timeout());
    }
    proxy.mend();
    wait_for(
        "the other key to be let in",
        Duration::from_secs(30),
        async || {
            let request = with_key(&gateway, &gateway.url, &last);
            (status(request).await == StatusCode::OK).then_some(())
        },
    )
    .await;
}
