//! Logins of callers without credentials.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::hytale::{Endpoint, Options};

use super::stage::{Stage, code};
use crate::gateway::answer;

const DEVICE_CODE: &str = "/api/hytale/device-code";
const TOKEN_POLL: &str = "/api/hytale/token-poll";

impl Stage {
    /// Asks without a key, from an address that the gateway takes from its proxy.
    async fn stranger(&self, path: &str, from: &str, body: &Value) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.gateway.url);
        let request = self
            .gateway
            .client
            .post(url)
            .header("X-Forwarded-For", from);
        answer(request.json(body)).await
    }

    /// Behind a proxy of its own.
    async fn behind_a_proxy() -> Self {
        let trusted = vec![("HTTP_TRUSTED_PROXIES", "127.0.0.0/8".to_owned())];
        Self::with(Options::default(), trusted).await
    }

    async fn stranger_logs_in(&self, account: &str) -> (StatusCode, Value) {
        let name = json!({ "account_id": "host" });
        let (status, begun) = self.stranger(DEVICE_CODE, "203.0.113.9", &name).await;
        assert_eq!(status, StatusCode::OK, "{begun}");
        let user_code = begun["user_code"].as_str().unwrap();
        assert!(self.hytale.approve(user_code, account));
        let code = json!({ "device_code": begun["device_code"] });
        self.stranger(TOKEN_POLL, "203.0.113.9", &code).await
    }
}

#[tokio::test]
async fn a_strangers_login_makes_an_account_without_owner_and_name() {
    let stage = Stage::behind_a_proxy().await;
    let (status, body) = stage.stranger_logs_in("one").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    for table in ["hytale_account_owners", "hytale_account_names"] {
        let sql = format!("SELECT 1 FROM {table}");
        assert!(stage.query(&sql).await.is_empty(), "{table}");
    }
    let lines = stage.query("SELECT principal, ip FROM hytale_audit").await;
    assert_eq!(lines[0].get::<_, Option<String>>(0), None);
    assert_eq!(lines[0].get::<_, String>(1), "203.0.113.9");
}

#[tokio::test]
async fn a_strangers_login_never_replaces_live_tokens() {
    let stage = Stage::behind_a_proxy().await;
    stage.host().await;
    let before = stage.query("SELECT generation FROM hytale_accounts").await;
    let (status, body) = stage.stranger_logs_in("one").await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
    let after = stage.query("SELECT generation FROM hytale_accounts").await;
    assert_eq!(before[0].get::<_, i64>(0), after[0].get::<_, i64>(0));
}

#[tokio::test]
async fn strangers_begin_five_logins_from_one_address_and_do_not_use_up_those_of_others() {
    let stage = Stage::behind_a_proxy().await;
    let nothing = json!({});
    let from = |address: &'static str| stage.stranger(DEVICE_CODE, address, &nothing);
    for _ in 0..5 {
        assert_eq!(from("203.0.113.9").await.0, StatusCode::OK);
    }
    let (status, body) = from("203.0.113.9").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{body}");
    assert_eq!(code(&body), "RATE_LIMITED");
    // What the caller put in front is not believed.
    let (status, _) = from("198.51.100.1, 203.0.113.9").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(stage.asked(Endpoint::DeviceAuth), 5);

    assert_eq!(from("203.0.113.10").await.0, StatusCode::OK);
    stage.begin("host").await;
}

#[tokio::test]
async fn strangers_cannot_open_more_logins_than_there_is_room_for_and_crowd_out_nobody() {
    let more = vec![
        ("HTTP_TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
        ("LIMITS_OPEN_LOGINS_OF_STRANGERS", "3".to_owned()),
    ];
    let stage = Stage::with(Options::default(), more).await;
    // Those with a key take no room.
    for name in ["one", "two", "three", "four"] {
        stage.begin(name).await;
    }
    let from = async |last: usize| {
        let address = format!("203.0.113.{last}");
        stage.stranger(DEVICE_CODE, &address, &json!({})).await
    };
    for last in 1..=3 {
        assert_eq!(from(last).await.0, StatusCode::OK);
    }
    // More often than one address may begin: that costs it nothing.
    for _ in 0..6 {
        let (status, body) = from(4).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{body}");
        assert_eq!(code(&body), "RATE_LIMITED");
        let wait = body["retry_after"].as_u64().unwrap();
        assert!((1..=1800).contains(&wait), "the rest of a login: {wait}");
    }
    // No code was asked for.
    assert_eq!(stage.asked(Endpoint::DeviceAuth), 7);
    stage.begin("five").await;

    stage
        .execute(
            "UPDATE hytale_device_flows SET expires_at = now() - interval '1 second' \
             WHERE id = (SELECT id FROM hytale_device_flows WHERE principal IS NULL LIMIT 1)",
        )
        .await;
    assert_eq!(from(4).await.0, StatusCode::OK);
    assert_eq!(from(5).await.0, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn strangers_that_begin_at_once_at_two_gateways_find_no_more_room_than_there_is() {
    let more = vec![
        ("HTTP_TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
        ("LIMITS_OPEN_LOGINS_OF_STRANGERS", "3".to_owned()),
    ];
    let stage = Stage::with(Options::default(), more).await;
    let replica = stage.gateway.replica().await;
    let gateways = [&stage.gateway.url, &replica.url];
    let asked = (1..=20).map(|last| {
        let url = format!("{}{DEVICE_CODE}", gateways[last % 2]);
        let request = stage.gateway.client.post(url);
        let from = format!("203.0.113.{last}");
        answer(request.header("X-Forwarded-For", from).json(&json!({})))
    });
    let answers = futures_util::future::join_all(asked).await;
    let begun = answers.iter().filter(|it| it.0 == StatusCode::OK).count();
    assert_eq!(begun, 3);
    let refused = |it: &&(StatusCode, Value)| it.0 == StatusCode::TOO_MANY_REQUESTS;
    assert_eq!(answers.iter().filter(refused).count(), 17);
    let open = "SELECT 1 FROM hytale_device_flows WHERE state = 'open'";
    assert_eq!(stage.query(open).await.len(), 3);
}

#[tokio::test]
async fn addresses_of_one_ipv6_subnet_share_their_logins() {
    let stage = Stage::behind_a_proxy().await;
    for last in 1..=6 {
        let address = format!("2001:db8:1:2::{last}");
        let (status, _) = stage.stranger(DEVICE_CODE, &address, &json!({})).await;
        assert_eq!(status == StatusCode::OK, last <= 5, "{address}");
    }
}

#[tokio::test]
async fn credentials_that_are_not_good_are_never_taken_for_none() {
    let stage = Stage::behind_a_proxy().await;
    for path in [DEVICE_CODE, TOKEN_POLL] {
        for (header, value) in [
            ("X-API-Key", "forged"),
            ("X-API-Key", ""),
            ("Authorization", "Bearer of-somebody"),
        ] {
            let url = format!("{}{path}", stage.gateway.url);
            let request = stage.gateway.client.request(Method::POST, url);
            let (status, body) = answer(request.header(header, value)).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {header}: {body}");
        }
    }
    assert_eq!(stage.asked(Endpoint::DeviceAuth), 0);
}

#[tokio::test]
async fn a_login_begun_with_a_key_is_not_polled_without_it() {
    let stage = Stage::behind_a_proxy().await;
    let begun = stage.begin("host").await;
    let poll = json!({ "device_code": begun.device_code });
    let (status, body) = stage.stranger(TOKEN_POLL, "203.0.113.9", &poll).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(code(&body), "INVALID_DEVICE_CODE");
}
