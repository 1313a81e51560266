//! What becomes of a key after it was let in.

use std::time::{Duration, Instant};

use common::crypto::api_key;
use common::types::scope::Scope;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use slog::{Drain, Logger, o};
use testkit::{LogLines, wait_for};

use crate::gateway::{Gateway, KEY};

const LOGS: &str = "/api/v1/sync/logs";
const REFUSED: &str =
    "nodebyte_gateway_credential_lookups_total{kind=\"api-key\",outcome=\"refused\"}";

async fn status(gateway: &Gateway, key: &str) -> StatusCode {
    let request = gateway.as_client(key, Method::GET, LOGS);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_a_second_on_every_replica() {
    let gateway = Gateway::start().await;
    let replica = gateway.replica().await;
    let key = gateway.key("website", [Scope::Read]).await;
    let ask = async |url: &str| {
        let request = gateway.client.get(format!("{url}{LOGS}"));
        let answer = request.header("X-API-Key", &key).send().await;
        answer.unwrap().status()
    };
    let both = [gateway.url.as_str(), replica.url.as_str()];
    for url in both {
        assert_eq!(ask(url).await, StatusCode::OK);
    }
    gateway.revoke(&key).await;
    let revoked = Instant::now();
    for url in both {
        // The last answer that let it in was to a question of this age.
        let mut asked = Duration::ZERO;
        wait_for("the refusal", Duration::from_secs(20), async || {
            let question = revoked.elapsed();
            let refused = ask(url).await == StatusCode::UNAUTHORIZED;
            if !refused {
                asked = question;
            }
            refused.then_some(())
        })
        .await;
        assert!(asked < Duration::from_secs(1), "{asked:?}");
        assert_eq!(ask(url).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_new_key_is_let_in_though_it_was_unknown_a_moment_ago() {
    let gateway = Gateway::start().await;
    let key = gateway.key("website", [Scope::Read]).await;
    let database = gateway.database.connect().await;
    database
        .batch_execute("UPDATE api_keys SET revoked_at = now()")
        .await
        .unwrap();
    assert_eq!(status(&gateway, &key).await, StatusCode::UNAUTHORIZED);
    database
        .batch_execute("UPDATE api_keys SET revoked_at = NULL")
        .await
        .unwrap();
    wait_for("the key's use", Duration::from_secs(20), async || {
        (status(&gateway, &key).await == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_unknown_key_costs_at_most_one_look_in_half_a_second() {
    let gateway = Gateway::start().await;
    let unknown = api_key::generate().unwrap().key;
    let begun = Instant::now();
    for _ in 0..5 {
        let asking = (0..20).map(|_| status(&gateway, unknown.expose_secret()));
        for status in join_all(asking).await {
            assert_eq!(status, StatusCode::UNAUTHORIZED);
        }
    }
    let most = 1 + begun.elapsed().as_millis() / 500;
    let looked = gateway.figure(REFUSED).await.unwrap();
    assert!(looked >= 1.0 && looked <= most as f64, "{looked} of {most}");
}

#[tokio::test]
async fn what_has_not_the_form_of_a_key_is_not_looked_for() {
    let gateway = Gateway::start().await;
    for key in ["forged", "nbk_0123456_", ""] {
        assert_eq!(status(&gateway, key).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(status(&gateway, KEY).await, StatusCode::OK);
    assert_eq!(gateway.figure(REFUSED).await, None);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_noted() {
    let gateway = Gateway::start().await;
    let key = gateway.key("website", [Scope::Read]).await;
    assert_eq!(
        gateway.store.api_keys().await.unwrap()[0].last_used_at,
        None
    );
    assert_eq!(status(&gateway, &key).await, StatusCode::OK);
    wait_for("the note", Duration::from_secs(20), async || {
        gateway.store.api_keys().await.unwrap()[0].last_used_at
    })
    .await;
}

#[tokio::test]
async fn while_the_database_is_away_only_the_installations_key_is_known() {
    let nowhere = format!(
        "postgres://nobody@127.0.0.1:{}/none",
        crate::gateway::closed_port()
    );
    let variables = vec![
        ("DATABASE_URL", nowhere),
        ("DATABASE_ACQUIRE_SECONDS", "1".to_owned()),
    ];
    let gateway = Gateway::start_with(crate::gateway::Differences {
        variables,
        ..crate::gateway::Differences::default()
    })
    .await;
    let key = api_key::generate().unwrap().key;
    let request = gateway.as_client(key.expose_secret(), Method::GET, LOGS);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status(&gateway, "forged").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn no_key_stands_in_the_log() {
    let lines = LogLines::default();
    let drain = runtime::log::json_lines(lines.clone()).fuse();
    let gateway = Gateway::logging_to(&Logger::root(drain, o!())).await;
    let good = gateway.key("website", [Scope::Read]).await;
    let poor = gateway.key("poor", [Scope::Notify]).await;
    let revoked = gateway.key("revoked", [Scope::Read]).await;
    gateway.revoke(&revoked).await;
    for key in [&good, &poor, &revoked] {
        status(&gateway, key).await;
    }
    let log = lines.text();
    assert_eq!(log.matches(LOGS).count(), 3, "{log}");
    for key in [&good, &poor, &revoked] {
        assert!(!log.contains(&key[13..]), "{log}");
    }
}
