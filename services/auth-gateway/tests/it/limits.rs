//! The general limit of every caller, and limits that are set for somebody.

use std::time::{Duration, Instant};

use common::types::caller::{Actor, Principal};
use common::types::limit::{Limit, Subject};
use common::types::scope::Scope;
use common::types::user::Role;
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use testkit::wait_for;
use uuid::Uuid;

use crate::access::closed_operations;
use crate::gateway::{Differences, Gateway, closed_port};
use crate::hytale::stage::Stage;

const LOGS: &str = "/api/v1/sync/logs";
const PATIENCE: Duration = Duration::from_secs(20);

const FIELDS: [&str; 5] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit",
    "ratelimit-policy",
];

async fn gateway_with(variables: &[(&'static str, &str)]) -> Gateway {
    let variables = variables
        .iter()
        .map(|&(name, value)| (name, value.to_owned()))
        .collect();
    Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

pub fn field(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name);
    let value = value.unwrap_or_else(|| panic!("{} without {name}", answer.status()));
    value.to_str().unwrap().to_owned()
}

pub fn operator() -> Actor {
    Actor::Operator("cli:test".to_owned())
}

#[tokio::test]
async fn every_answer_of_every_operation_tells_of_the_limits() {
    let gateway = Stage::new().await.gateway;
    let poor = gateway.key("poor", [Scope::Notify]).await;
    for operation in closed_operations() {
        let (method, path) = (operation.method, operation.path);
        let plain = || {
            let url = format!("{}{path}", gateway.url);
            gateway.client.request(method.clone(), url)
        };
        for (request, policy) in [
            (plain(), r#""address";q=100000;w=60"#),
            (
                plain().header("X-API-Key", "forged"),
                r#""address";q=100000;w=60"#,
            ),
            (plain().header("X-API-Key", &poor), r#""key";q=6000;w=60"#),
            (
                gateway.request(method.clone(), &path),
                r#""key";q=6000;w=60"#,
            ),
            (
                gateway.request(method.clone(), &path).body("{"),
                r#""key";q=6000;w=60"#,
            ),
        ] {
            let answer = send(request).await;
            let told: Vec<String> = FIELDS.iter().map(|name| field(&answer, name)).collect();
            let here = format!("{method} {path}: {} {told:?}", answer.status());
            assert!(told[4].ends_with(policy), "{here}");
        }
    }
}

#[tokio::test]
async fn what_is_no_operation_is_counted_as_well() {
    let gateway = Gateway::start().await;
    for (method, path, status) in [
        (Method::GET, "/api/v1/nothing", StatusCode::NOT_FOUND),
        (Method::DELETE, LOGS, StatusCode::METHOD_NOT_ALLOWED),
        (Method::HEAD, LOGS, StatusCode::OK),
        (
            Method::GET,
            "/api/v1/sync/status/00000000-0000-0000-0000-000000000000",
            StatusCode::NOT_FOUND,
        ),
    ] {
        let answer = send(gateway.request(method, path)).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(field(&answer, "x-ratelimit-limit"), "6000");
    }
}

#[tokio::test]
async fn a_client_beyond_its_limit_is_refused_and_nobody_else_is() {
    let gateway = gateway_with(&[("LIMITS_KEY", "3")]).await;
    let (busy, row) = gateway
        .key_for("busy", [Scope::Read].into_iter().collect(), None)
        .await;
    let twin = gateway.key("busy", [Scope::Read]).await;
    let calm = gateway.key("calm", [Scope::Read]).await;
    let ask = async |key: &str| {
        let request = gateway.as_client(key, Method::GET, LOGS);
        send(request.header("Origin", "https://site.example")).await
    };
    for (key, left) in [(&busy, "2"), (&twin, "1"), (&busy, "0")] {
        let answer = ask(key).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(field(&answer, "x-ratelimit-limit"), "3");
        assert_eq!(field(&answer, "x-ratelimit-remaining"), left);
        assert_eq!(field(&answer, "ratelimit-policy"), r#""key";q=3;w=60"#);
    }
    let refused = ask(&twin).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = field(&refused, "retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "the time of one token: {wait}");
    assert_eq!(field(&refused, "x-ratelimit-remaining"), "0");
    assert!(field(&refused, "ratelimit").starts_with(r#""key";r=0;t="#));
    let exposed = field(&refused, "access-control-expose-headers");
    for name in FIELDS.into_iter().chain(["retry-after"]) {
        assert!(
            exposed.split(", ").any(|it| it == name),
            "{name}: {exposed}"
        );
    }
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], "RATE_LIMITED");
    assert_eq!(body["retry_after"], wait);

    assert_eq!(ask(&calm).await.status(), StatusCode::OK);
    assert_eq!(
        send(gateway.request(Method::GET, LOGS)).await.status(),
        StatusCode::OK
    );
    let counted = async |outcome: &str| {
        let name = format!(
            "nodebyte_rate_limit_total{{limit=\"key\",outcome=\"{outcome}\",counted=\"shared\"}}"
        );
        gateway.figure(&name).await.unwrap_or_default()
    };
    assert!(counted("limited").await >= 1.0);
    assert!(counted("near_limit").await >= 1.0);
    assert!(counted("ok").await >= 3.0);

    let subject = Subject::Principal(Principal::Client(row.client_id));
    let by = operator();
    let raised = gateway
        .store
        .rate_limit_set(Limit::Key, &subject, 1_000, &by);
    raised.await.unwrap();
    wait_for("the raised limit", PATIENCE, async || {
        let answer = ask(&busy).await;
        (answer.status() == StatusCode::OK && field(&answer, "x-ratelimit-limit") == "1000")
            .then_some(())
    })
    .await;
    assert_eq!(field(&ask(&calm).await, "x-ratelimit-limit"), "3");
}

#[tokio::test]
async fn strangers_are_counted_by_their_address_and_clients_behind_it_are_not() {
    let gateway = gateway_with(&[
        ("LIMITS_ADDRESS", "2"),
        ("HTTP_TRUSTED_PROXIES", "127.0.0.0/8"),
    ])
    .await;
    let from =
        |request: RequestBuilder, address: &str| send(request.header("X-Forwarded-For", address));
    let stranger = || {
        let request = gateway.client.get(format!("{}{LOGS}", gateway.url));
        request.header("X-API-Key", "forged")
    };
    let nobody = || gateway.client.get(format!("{}{LOGS}", gateway.url));
    for (request, address, status) in [
        (stranger(), "2001:db8::1", StatusCode::UNAUTHORIZED),
        (nobody(), "2001:db8::2", StatusCode::UNAUTHORIZED),
        (stranger(), "2001:db8::3", StatusCode::TOO_MANY_REQUESTS),
        (nobody(), "2001:db8::3", StatusCode::TOO_MANY_REQUESTS),
        (nobody(), "2001:db8:0:1::1", StatusCode::UNAUTHORIZED),
        (nobody(), "203.0.113.9", StatusCode::UNAUTHORIZED),
    ] {
        let answer = from(request, address).await;
        assert_eq!(answer.status(), status, "{address}");
        assert_eq!(field(&answer, "ratelimit-policy"), r#""address";q=2;w=60"#);
    }
    let client = from(gateway.request(Method::GET, LOGS), "2001:db8::1").await;
    assert_eq!(client.status(), StatusCode::OK);
}

#[tokio::test]
async fn twenty_callers_of_two_gateways_get_the_general_limit_and_no_more() {
    const LIMIT: u32 = 400;
    let gateway = gateway_with(&[("LIMITS_KEY", "400")]).await;
    let replica = gateway.replica().await;
    let key = gateway.key("busy", [Scope::Read]).await;
    let begun = Instant::now();
    let callers = (0..20).map(|caller| {
        let base = [&gateway.url, &replica.url][caller % 2];
        let request = gateway.client.get(format!("{base}{LOGS}"));
        let request = request.header("X-API-Key", &key);
        async move {
            let mut accepted = 0_u32;
            loop {
                let answer = send(request.try_clone().unwrap()).await;
                if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                    return accepted;
                }
                assert_eq!(answer.status(), StatusCode::OK);
                accepted += 1;
            }
        }
    });
    let accepted: u32 = join_all(callers).await.into_iter().sum();
    let refilled = begun.elapsed().as_secs_f64() * f64::from(LIMIT) / 60.0;
    let leases = 2.0 * 4.0;
    assert!(accepted >= LIMIT - 8, "{accepted}: all but what is held");
    let most = f64::from(LIMIT) + refilled + leases;
    assert!(f64::from(accepted) <= most, "{accepted} of {most}");
}

#[tokio::test]
async fn a_call_with_key_and_token_counts_for_both() {
    // Exactly, and from leases.
    for (of_key, of_token, margin) in [(3, 2, 0), (400, 300, 10)] {
        let (key_limit, bearer_limit) = (of_key.to_string(), of_token.to_string());
        let gateway =
            gateway_with(&[("LIMITS_KEY", &key_limit), ("LIMITS_BEARER", &bearer_limit)]).await;
        gateway.user("anna", Role::Administrator).await;
        let anna = gateway.token("anna").await.text;
        let key = gateway.key("reader", [Scope::Read]).await;
        let begun = Instant::now();
        // How many pass before one is refused, and by which limit.
        let until_refused = async |request: RequestBuilder| {
            let mut passed = 0_u32;
            loop {
                let answer = send(request.try_clone().unwrap()).await;
                if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                    return (passed, field(&answer, "ratelimit-policy"));
                }
                assert_eq!(answer.status(), StatusCode::OK);
                passed += 1;
            }
        };
        let alone = || gateway.as_client(&key, Method::GET, LOGS);
        let (both, by) = until_refused(alone().bearer_auth(&anna)).await;
        assert!(by.starts_with("\"bearer\""), "{by}");
        let (rest, by) = until_refused(alone()).await;
        assert!(by.starts_with("\"key\""), "{by}");
        let refilled = begun.elapsed().as_secs() as u32 * of_key / 60 + 1;
        let near = |passed: u32, limit: u32| {
            passed + margin >= limit && passed <= limit + margin + refilled
        };
        assert!(near(both, of_token), "{both} of {of_token}");
        // The refused one has counted for the key.
        assert!(near(both + rest + 1, of_key), "{both}, {rest} of {of_key}");
    }
}

#[tokio::test]
async fn without_redis_each_gateway_holds_its_share_of_the_general_limit() {
    let url = format!("redis://127.0.0.1:{}", closed_port());
    let gateway = gateway_with(&[
        ("REDIS_URL", &url),
        ("LIMITS_KEY", "8"),
        ("LIMITS_GATEWAYS", "4"),
        ("LIMITS_DECISION_MILLISECONDS", "20"),
    ])
    .await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = send(gateway.request(Method::GET, LOGS)).await;
        assert_eq!(field(&answer, "x-ratelimit-limit"), "8");
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
}

#[tokio::test]
async fn a_limit_of_an_account_is_raised_and_lowered_within_seconds_on_every_replica() {
    let more = vec![("LIMITS_GAME_SESSION", "1".to_owned())];
    let stage = Stage::with(simulators::hytale::Options::default(), more).await;
    let login = stage.host().await;
    let account: Uuid = login["account_id"].as_str().unwrap().parse().unwrap();
    let gateway = &stage.gateway;
    let replica = gateway.replica().await;
    let ask = async |base: &str| {
        let request = gateway.client.post(format!("{base}/api/hytale/profiles"));
        let request = request.header("X-API-Key", crate::gateway::KEY);
        send(request.json(&json!({ "account_id": "host" }))).await
    };
    let both = [gateway.url.as_str(), replica.url.as_str()];
    let becomes = async |limit: &str| {
        for base in both {
            wait_for("the other limit", PATIENCE, async || {
                (field(&ask(base).await, "x-ratelimit-limit") == limit).then_some(())
            })
            .await;
        }
    };
    assert_eq!(ask(both[0]).await.status(), StatusCode::OK);
    assert_eq!(ask(both[1]).await.status(), StatusCode::TOO_MANY_REQUESTS);

    let of_account = Subject::Account(account);
    let of_caller = Subject::Principal(Principal::Service);
    let by = operator();
    let set = async |subject: &Subject, requests| {
        let store = &gateway.store;
        let row = store.rate_limit_set(Limit::GameSession, subject, requests, &by);
        row.await.unwrap();
    };
    set(&of_account, 1_000).await;
    becomes("1000").await;
    for base in both {
        let answer = ask(base).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let policy = field(&answer, "ratelimit-policy");
        assert_eq!(policy, r#""game-session";q=1000;w=3600, "key";q=6000;w=60"#);
    }
    set(&of_caller, 500).await;
    let unset = gateway
        .store
        .rate_limit_unset(Limit::GameSession, &of_account, &by);
    unset.await.unwrap();
    becomes("500").await;
    set(&of_caller, 2).await;
    becomes("2").await;
    assert_eq!(ask(both[0]).await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn every_limited_operation_documents_the_refusal_and_the_fields() {
    let document = auth_gateway::openapi::document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let is_public = auth_gateway::openapi::PUBLIC.contains(&path.as_str());
            assert_eq!(responses.contains_key("429"), !is_public, "{method} {path}");
            for (status, response) in responses.iter().filter(|_| !is_public) {
                let headers = response["headers"].as_object();
                let headers = headers.unwrap_or_else(|| panic!("{method} {path} {status}"));
                for name in FIELDS {
                    let has = headers.keys().any(|it| it.eq_ignore_ascii_case(name));
                    assert!(has, "{method} {path} {status}: {name}");
                }
                let late = headers.contains_key("Retry-After");
                assert!(late || status != "429", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn while_the_database_is_away_the_limits_hold() {
    let nowhere = format!("postgres://nobody@127.0.0.1:{}/none", closed_port());
    let gateway = gateway_with(&[
        ("DATABASE_URL", &nowhere),
        ("DATABASE_ACQUIRE_SECONDS", "1"),
        ("LIMITS_KEY", "1"),
    ])
    .await;
    let ask = async || send(gateway.request(Method::GET, LOGS)).await;
    let answer = ask().await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(field(&answer, "x-ratelimit-remaining"), "0");
    assert_eq!(ask().await.status(), StatusCode::TOO_MANY_REQUESTS);
}
