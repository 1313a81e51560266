use reqwest::{Method, StatusCode};
use uuid::Uuid;

use crate::gateway::{Differences, Gateway, KEY, answer, error_code};

/// Every documented operation that needs the key, with ids filled in.
fn closed_operations() -> Vec<(Method, String)> {
    let document = auth_gateway::openapi::document();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .filter(|(path, _)| !auth_gateway::openapi::PUBLIC.contains(&path.as_str()))
        .flat_map(|(path, item)| {
            let path = path.replace("{id}", &Uuid::new_v4().to_string());
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase().parse().unwrap(), path.clone()))
        })
        .collect()
}

#[tokio::test]
async fn every_operation_but_the_public_ones_refuses_strangers() {
    let gateway = Gateway::start().await;
    let operations = closed_operations();
    assert!(operations.len() >= 15, "{operations:?}");
    for (method, path) in operations {
        let plain = || {
            gateway
                .client
                .request(method.clone(), format!("{}{path}", gateway.url))
        };
        let in_query = format!("{}{path}?api_key={KEY}", gateway.url);
        let strangers = [
            plain(),
            plain().header("X-API-Key", "forged"),
            plain().header("X-API-Key", ""),
            plain().header("X-API-Key", format!("{KEY}x")),
            plain().header("Authorization", format!("Bearer {KEY}")),
            gateway.client.request(method.clone(), in_query),
        ];
        for stranger in strangers {
            let (status, body) = answer(stranger).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(error_code(status, &body), "UNAUTHORIZED");
            assert_eq!(body["error"], "Invalid or missing API key");
        }
        let friend = plain().header("X-API-Key", KEY).send().await.unwrap();
        assert_ne!(friend.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    assert_eq!(
        gateway.store.runs(None, 1, 0).await.unwrap().len(),
        1,
        "only the friend's runs"
    );
}

#[tokio::test]
async fn a_stranger_does_not_learn_what_is_wrong_with_a_request() {
    let gateway = Gateway::start().await;
    let url = |path: &str| format!("{}{path}", gateway.url);
    let post = gateway.client.post(url("/api/v1/sync/full"));
    for stranger in [
        gateway.client.get(url("/api/v1/sync/status/no-id")),
        gateway.client.get(url("/api/v1/sync/logs?limit=many")),
        post.body("{"),
    ] {
        let (status, body) = answer(stranger.header("X-API-Key", "forged")).await;
        assert_eq!(error_code(status, &body), "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn without_a_configured_key_nobody_gets_in() {
    let variables = vec![("BACKEND_API_KEY", String::new())];
    let gateway = Gateway::start_with(Differences { variables }).await;
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
