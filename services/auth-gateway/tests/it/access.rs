//! Every operation of the document, asked by those who may and those who may not.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use common::crypto::api_key;
use common::crypto::bearer::{Realm, SigningKey};
use common::types::scope::{Scope, Scopes};
use common::types::user::Role;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use store::{NewAccessToken, UserChange};
use uuid::Uuid;

use crate::clients::operator;
use crate::gateway::{Differences, Gateway, KEY, WEBSITE_SECRET, answer, error_code};
use crate::hytale::stage::Stage;
use crate::users::{hs256, signed, website_token};

pub struct Operation {
    pub method: Method,
    /// With ids filled in.
    pub path: String,
    description: String,
    needs: &'static [Scope],
}

/// Addresses that answer whoever asks. A new one must be added here as well.
const PUBLIC: [&str; 5] = [
    "/.well-known/jwks.json",
    "/api/webhooks/resend",
    "/health",
    "/health/live",
    "/health/ready",
];

/// Addresses that take callers without a key, but refuse a key that is not good.
const OPEN: [&str; 4] = [
    "/api/hytale/device-code",
    "/api/hytale/token-poll",
    "/api/v1/hytale/oauth/device-code",
    "/api/v1/hytale/oauth/token",
];

/// What each operation needs, said here once more.
fn needs(method: &Method, path: &str) -> &'static [Scope] {
    if path == "/api/v1/hytale/logs" || path.starts_with("/api/admin/") {
        &[Scope::Admin]
    } else if path.starts_with("/api/v1/hytale/server-logs") && method == Method::GET {
        &[Scope::Read, Scope::Admin, Scope::Hytale]
    } else if path == "/api/v1/hytale/server-logs" {
        &[Scope::Logs]
    } else if path.contains("/owners/") {
        &[Scope::Hytale, Scope::HytaleAll, Scope::Admin]
    } else if path.starts_with("/api/hytale/") || path.starts_with("/api/v1/hytale/") {
        &[Scope::Hytale, Scope::HytaleAll]
    } else if path == "/api/v1/me" {
        // Good credentials, whatever they are good for.
        &[]
    } else if path == "/api/v1/webhook/dispatch" || path == "/api/v1/email/queue" {
        &[Scope::Notify]
    } else if path.starts_with("/api/v1/servers/") {
        &[Scope::Read]
    } else if path.starts_with("/api/v1/sync/") && method == Method::GET {
        &[Scope::Sync, Scope::Read]
    } else if path.starts_with("/api/v1/sync/") {
        &[Scope::Sync]
    } else {
        panic!("{method} {path} is new: say here what it needs")
    }
}

/// Every documented operation that needs a key.
pub fn closed_operations() -> Vec<Operation> {
    let document = auth_gateway::openapi::document();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .filter(|(path, _)| !PUBLIC.contains(&path.as_str()))
        .flat_map(|(path, item)| {
            let path = path.replace("{id}", &Uuid::new_v4().to_string());
            let path = path.replace("{owner}", "service");
            let operations = item.as_object().unwrap().iter();
            operations.map(move |(method, operation)| {
                let method: Method = method.to_uppercase().parse().unwrap();
                Operation {
                    needs: needs(&method, &path),
                    method,
                    path: path.clone(),
                    description: operation["description"].as_str().unwrap().to_owned(),
                }
            })
        })
        .collect()
}

#[tokio::test]
async fn every_operation_but_the_public_ones_refuses_strangers() {
    assert_eq!(PUBLIC, auth_gateway::openapi::PUBLIC);
    let gateway = Stage::new().await.gateway;
    let unknown = api_key::generate().unwrap().key;
    let unknown = unknown.expose_secret();
    let (expired, _) = gateway
        .key_for("expired", Scopes::all(), Some(Duration::ZERO))
        .await;
    let revoked = gateway.key("revoked", Scope::ALL).await;
    gateway.revoke(&revoked).await;
    let good = gateway.key("good", Scope::ALL).await;
    let tokens = bad_tokens(&gateway, &good).await;
    let operations = closed_operations();
    assert!(operations.len() >= 30, "{}", operations.len());
    for operation in operations {
        let Operation {
            method,
            path,
            needs,
            ..
        } = operation;
        let plain = || {
            let url = format!("{}{path}", gateway.url);
            gateway.client.request(method.clone(), url)
        };
        let with = |key: &str| plain().header("X-API-Key", key);
        let in_query = format!("{}{path}?api_key={KEY}", gateway.url);
        let without = [plain(), gateway.client.request(method.clone(), in_query)];
        let strangers = [
            with("forged"),
            with(""),
            with("nbk_"),
            with(&format!("{KEY}x")),
            with(&good[..good.len() - 1]),
            with(unknown),
            with(&expired),
            with(&revoked),
            plain().header("X-API-Key", b"\xff".as_slice()),
        ];
        let is_open = OPEN.contains(&path.as_str());
        let without = without.into_iter().filter(|_| !is_open);
        for stranger in strangers.into_iter().chain(without) {
            let (status, body) = answer(stranger).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(error_code(status, &body), "UNAUTHORIZED");
            assert_eq!(body["error"], "Invalid or missing API key");
        }
        for token in &tokens {
            let (status, body) = answer(plain().header("Authorization", token)).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path} {token}");
            let code = error_code(status, &body);
            assert!(
                ["INVALID_TOKEN", "EXPIRED_TOKEN"].contains(&code.as_str()),
                "{code}"
            );
        }
        let friend = with(KEY).send().await.unwrap();
        assert_ne!(friend.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        let administrators_only = needs == [Scope::Admin];
        let refused = friend.status() == StatusCode::FORBIDDEN;
        assert_eq!(refused, administrators_only, "{method} {path}");
    }
    assert_eq!(
        gateway.store.runs(None, 1, 0).await.unwrap().len(),
        1,
        "only the friend's runs"
    );
}

/// Every kind of `Authorization` that is not good.
async fn bad_tokens(gateway: &Gateway, key: &str) -> Vec<String> {
    gateway.user("anna", Role::Administrator).await;
    gateway.user("disabled", Role::Administrator).await;
    gateway.change("disabled", UserChange::Active(false)).await;
    let ours = gateway.signing_key().await;
    let stranger = SigningKey::generate().unwrap();
    let same_id = SigningKey::from_secret(ours.id().clone(), &stranger.secret()).unwrap();
    let realm = gateway.config.security.realm();
    let hour = TimeDelta::hours(1);
    let other_audience = Realm {
        audience: "others".to_owned(),
        ..realm.clone()
    };
    let other_issuer = Realm {
        issuer: "others".to_owned(),
        ..realm.clone()
    };
    let mut tokens = Vec::new();
    for (key, realm, ends_in) in [
        (&stranger, &realm, hour),
        (&same_id, &realm, hour),
        (&ours, &other_audience, hour),
        (&ours, &other_issuer, hour),
        (&ours, &realm, -TimeDelta::seconds(61)),
    ] {
        tokens.push(gateway.token_of("anna", key, realm, ends_in).await.text);
    }
    tokens.push(gateway.token("disabled").await.text);
    let revoked = gateway.token("anna").await;
    let by = operator();
    let revoke = gateway.store.access_token_revoke(revoked.id, &by);
    revoke.await.unwrap();
    tokens.push(revoked.text);
    // Signed by us, but the database knows nothing of it.
    let new = NewAccessToken {
        id: Uuid::new_v4(),
        user: "anna".to_owned(),
        issued_at: Utc::now(),
        expires_at: Utc::now() + hour,
    };
    tokens.push(signed(&ours, &realm, &new));

    tokens.push(website_token("another secret", "anna"));
    tokens.push(website_token(WEBSITE_SECRET, "nobody"));
    let claims = serde_json::json!({"id": "anna", "iat": 1, "exp": 4_000_000_000_u64});
    let public = String::from_utf8_lossy(&ours.public().point).into_owned();
    for (secret, header) in [
        (WEBSITE_SECRET, serde_json::json!({"alg": "none"})),
        (WEBSITE_SECRET, serde_json::json!({"alg": "HS512"})),
        (
            public.as_str(),
            serde_json::json!({"alg": "HS256", "kid": ours.id().as_str()}),
        ),
    ] {
        tokens.push(hs256(secret, &header, &claims));
    }
    tokens.extend([KEY.to_owned(), key.to_owned(), String::new()]);
    let mut headers: Vec<String> = tokens.iter().map(|it| format!("Bearer {it}")).collect();
    let good = gateway.token("anna").await.text;
    headers.extend([
        good.clone(),
        format!("Basic {good}"),
        format!("Bearer {good}x"),
    ]);
    headers
}

#[tokio::test]
async fn every_operation_takes_the_scopes_that_it_names_and_no_other() {
    let gateway = Stage::new().await.gateway;
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((scope, gateway.key(scope.as_str(), [scope]).await));
    }
    let mut users = Vec::new();
    for role in [Role::Member, Role::SupportTeam, Role::Administrator] {
        gateway.user(role.as_str(), role).await;
        users.push((role, gateway.token(role.as_str()).await.text));
    }
    for operation in closed_operations() {
        let (method, path) = (operation.method, operation.path);
        let words: Vec<String> = operation.needs.iter().map(|it| format!("`{it}`")).collect();
        let needs = if OPEN.contains(&path.as_str()) {
            "need"
        } else {
            "Needs"
        };
        let told = if words.is_empty() {
            "Needs no scope.".to_owned()
        } else {
            format!("{needs} scope {}.", words.join(" or "))
        };
        let any_does = words.is_empty();
        assert!(operation.description.contains(&told), "{method} {path}");
        for (role, token) in &users {
            let answer = gateway.as_user(token, method.clone(), &path).send().await;
            let answer = answer.unwrap();
            let here = format!("{method} {path} as {role}");
            assert_ne!(answer.status(), StatusCode::UNAUTHORIZED, "{here}");
            let let_in = any_does || role.scopes().has_any(operation.needs);
            assert_eq!(answer.status() != StatusCode::FORBIDDEN, let_in, "{here}");
        }
        for (scope, key) in &keys {
            let answer = gateway.as_client(key, method.clone(), &path).send().await;
            let answer = answer.unwrap();
            let here = format!("{method} {path} with {scope}");
            assert_ne!(answer.status(), StatusCode::UNAUTHORIZED, "{here}");
            let let_in = any_does || operation.needs.contains(scope);
            assert_eq!(answer.status() != StatusCode::FORBIDDEN, let_in, "{here}");
            if !let_in {
                let status = answer.status();
                let body: serde_json::Value = answer.json().await.unwrap();
                assert_eq!(error_code(status, &body), "FORBIDDEN");
                assert!(!body.to_string().contains(&key[12..]), "{here}");
            }
        }
    }
}

#[tokio::test]
async fn a_stranger_does_not_learn_what_is_wrong_with_a_request() {
    let gateway = Gateway::start().await;
    let unknown = api_key::generate().unwrap().key;
    let url = |path: &str| format!("{}{path}", gateway.url);
    for key in ["forged", unknown.expose_secret()] {
        let post = gateway.client.post(url("/api/v1/sync/full"));
        for stranger in [
            gateway.client.get(url("/api/v1/sync/status/no-id")),
            gateway.client.get(url("/api/v1/sync/logs?limit=many")),
            post.body("{"),
        ] {
            let (status, body) = answer(stranger.header("X-API-Key", key)).await;
            assert_eq!(error_code(status, &body), "UNAUTHORIZED");
        }
    }
}

#[tokio::test]
async fn without_a_configured_key_nobody_gets_in() {
    let variables = vec![("BACKEND_API_KEY", String::new())];
    let gateway = Gateway::start_with(Differences {
        variables,
        ..Differences::default()
    })
    .await;
    for key in ["", " ", KEY] {
        let url = format!("{}/api/v1/sync/logs", gateway.url);
        let (status, _) = answer(gateway.client.get(url).header("X-API-Key", key)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn health_and_description_need_no_key() {
    let gateway = Gateway::start().await;
    gateway.with_a_worker().await;
    for path in [
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/api/openapi.json",
        "/docs",
    ] {
        let answer = gateway
            .client
            .get(format!("{}{path}", gateway.url))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
}
