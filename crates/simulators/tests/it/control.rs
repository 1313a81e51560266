//! How other processes steer the panel.

use serde_json::{Value, json};

use super::support::{client, get, small};

async fn post(url: &str, path: &str, body: Value) -> Value {
    let response = client()
        .post(format!("{url}/__simulator/{path}"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{path} {body}");
    response.json().await.unwrap()
}

async fn read(url: &str, path: &str) -> Value {
    client()
        .get(format!("{url}/__simulator/{path}"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

#[actix_web::test]
async fn rows_are_changed_by_name() {
    let panel = small().await;
    let url = panel.url();
    assert_eq!(
        post(
            &url,
            "mutations",
            json!({ "remove_servers": { "count": 5 } })
        )
        .await,
        json!({ "changed": 5 })
    );
    let added = post(
        &url,
        "mutations",
        json!({ "add_servers": { "count": 1, "name": "new" } }),
    )
    .await;
    assert_eq!(added, json!({ "changed": 1 }));
    post(
        &url,
        "mutations",
        json!({ "set_status": { "id": 61, "status": "suspended" } }),
    )
    .await;
    assert_eq!(read(&url, "counts").await["servers"], 56);
    assert_eq!(get(&panel, "servers/5").await.status(), 404);
    let server: Value = get(&panel, "servers/61").await.json().await.unwrap();
    assert_eq!(
        (
            &server["attributes"]["suspended"],
            &server["attributes"]["name"]
        ),
        (&json!(true), &json!("new"))
    );
    post(
        &url,
        "mutations",
        json!({ "replace_panel": { "size": "empty" } }),
    )
    .await;
    assert_eq!(read(&url, "counts").await["servers"], 0);
    assert_eq!(get(&panel, "users/1").await.status(), 200);
}

#[actix_web::test]
async fn faults_are_switched_on_and_off() {
    let panel = small().await;
    let url = panel.url();
    let strike = json!({ "on": "/api/application/nodes", "times": 1, "effect": "maintenance" });
    post(&url, "faults", json!({ "strike": strike })).await;
    let strike = json!({ "on": "/api/application/nests", "effect": { "too_many_requests": { "retry_after": 2 } } });
    post(&url, "faults", json!({ "strike": strike })).await;
    post(
        &url,
        "faults",
        json!({ "poison": { "resource": "users", "id": 4 } }),
    )
    .await;
    let mut statuses = Vec::new();
    for path in ["nodes", "nodes", "nests", "users/4"] {
        statuses.push(get(&panel, path).await.status().as_u16());
    }
    assert_eq!(statuses, [503, 200, 429, 500]);
    client()
        .delete(format!("{url}/__simulator/faults"))
        .send()
        .await
        .unwrap();
    assert_eq!(get(&panel, "users/4").await.status(), 200);
}

#[actix_web::test]
async fn requests_are_counted_by_their_answers() {
    let panel = small().await;
    let url = panel.url();
    post(&url, "rate_limit", json!({ "application": 2, "client": 2 })).await;
    for _ in 0..4 {
        get(&panel, "locations?per_page=1").await;
    }
    let counted = read(&url, "requests").await;
    let answers = json!({ "200": 2, "429": 2 });
    assert_eq!(
        (&counted["total"], &counted["by_status"]),
        (&json!(4), &answers)
    );
    assert_eq!(
        (&counted["inside_retry_after"], &counted["most_open"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        read(&url, "requests/log").await[3]["path_and_query"],
        "/api/application/locations?per_page=1"
    );
    client()
        .delete(format!("{url}/__simulator/requests"))
        .send()
        .await
        .unwrap();
    assert_eq!(read(&url, "requests").await["total"], 0);
}
