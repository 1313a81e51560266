use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::gateway::{answer, error_code};

const REPOS: &str = "/api/admin/settings/repos";

async fn repos(stage: &Stage, method: Method, body: Value) -> Value {
    let (status, body) = stage.send(method, REPOS, &body).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["success"], true);
    body["repos"].clone()
}

#[tokio::test]
async fn repositories_are_added_renamed_and_removed_by_name() {
    let stage = Stage::new().await;
    assert_eq!(
        repos(&stage, Method::POST, json!({"repo": "a/a"})).await,
        json!(["a/a"])
    );
    assert_eq!(
        repos(&stage, Method::POST, json!({"repo": "a/a"})).await,
        json!(["a/a"])
    );
    let two = json!(["a/a", "b/b"]);
    assert_eq!(
        repos(&stage, Method::POST, json!({"repo": "b/b"})).await,
        two
    );
    let by_name = repos(&stage, Method::DELETE, json!({"repo": "b/b"})).await;
    assert_eq!(by_name, json!(["a/a"]), "and not the first");
    let other = json!({"oldRepo": "a/a", "repo": "c/c"});
    assert_eq!(repos(&stage, Method::PUT, other).await, json!(["c/c"]));
    let new = json!({"oldRepo": "x/x", "repo": "d/d"});
    assert_eq!(repos(&stage, Method::PUT, new).await, json!(["c/c", "d/d"]));
    let by_query = stage.request(Method::DELETE, &format!("{REPOS}?repo=c/c"));
    // The website says that it sends JSON and sends nothing.
    let (_, body) = answer(by_query.header("Content-Type", "application/json")).await;
    assert_eq!(body["repos"], json!(["d/d"]));
    assert_eq!(
        repos(
            &stage,
            Method::DELETE,
            json!({"index": null, "repo": "d/d"})
        )
        .await,
        json!([])
    );
    repos(&stage, Method::POST, json!({"repo": "e/e"})).await;
    assert_eq!(
        repos(&stage, Method::DELETE, json!({"index": 0, "repo": ""})).await,
        json!([])
    );
    let (_, body) = answer(stage.request(Method::GET, REPOS)).await;
    assert_eq!(body, json!({"success": true, "repos": []}));
}

#[tokio::test]
async fn a_removal_that_names_nothing_removes_nothing() {
    let stage = Stage::new().await;
    stage
        .saved(json!({"githubRepositories": ["a/a", "b/b"]}))
        .await;
    let bare = stage.request(Method::DELETE, REPOS);
    let bare = bare.header("Content-Type", "application/json");
    let mut refused = vec![answer(bare).await];
    for body in [
        json!({}),
        json!({"repo": ""}),
        json!({"repo": null, "index": ""}),
        json!({"index": 2}),
        json!({"index": -1}),
    ] {
        refused.push(stage.send(Method::DELETE, REPOS, &body).await);
    }
    for (method, body) in [
        (Method::POST, json!({"repo": "no-repo"})),
        (Method::POST, json!({"repo": "a/b/c"})),
        (Method::PUT, json!({"oldRepo": "a/a", "repo": ""})),
    ] {
        refused.push(stage.send(method, REPOS, &body).await);
    }
    for (status, body) in refused {
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(error_code(status, &body), "INVALID_REQUEST");
    }
    let gone = repos(&stage, Method::DELETE, json!({"repo": "x/x"})).await;
    assert_eq!(gone, json!(["a/a", "b/b"]));
}

#[tokio::test]
async fn repositories_that_are_added_at_once_are_all_there() {
    let stage = Stage::new().await;
    let names = ["a/a", "b/b", "c/c", "d/d"];
    let added = names.map(|name| repos(&stage, Method::POST, json!({"repo": name})));
    futures_util::future::join_all(added).await;
    let (_, body) = answer(stage.request(Method::GET, REPOS)).await;
    let mut listed: Vec<String> = serde_json::from_value(body["repos"].clone()).unwrap();
    listed.sort();
    assert_eq!(listed, names);
}
