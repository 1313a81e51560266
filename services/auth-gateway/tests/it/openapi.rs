use std::collections::BTreeSet;
use std::path::Path;

use auth_gateway::openapi;
use reqwest::StatusCode;
use serde_json::Value;

use crate::gateway::Gateway;

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let document = format!("{:#}\n", openapi::document());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == document,
        "openapi.json is out of date; UPDATE_OPENAPI=1 cargo test -p auth-gateway rewrites it"
    );
}

#[tokio::test]
async fn the_document_and_the_page_are_served() {
    let gateway = Gateway::start().await;
    let (status, served) = gateway.get("/api/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    let is_current = served == openapi::document();
    assert!(is_current, "openapi.json was rewritten: build again");
    let page = gateway
        .client
        .get(format!("{}/docs", gateway.url))
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("/api/openapi.json"));
    assert!(
        !page.contains("https://") && !page.contains("http://"),
        "it works offline"
    );
}

#[test]
fn every_reference_leads_somewhere() {
    let document = openapi::document();
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref") {
                into.push(reference.as_str().unwrap().to_owned());
            }
            object
                .values()
                .for_each(|value| collect_references(value, into));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|value| collect_references(value, into)),
        _ => {}
    }
}

#[test]
fn every_operation_is_complete() {
    let document = openapi::document();
    assert_eq!(document["openapi"], "3.0.3");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let here = format!("{method} {path}");
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
                "{here}"
            );
            assert!(operation["summary"].is_string(), "{here}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{here}"
            );
            for response in responses.values() {
                assert!(response["description"].is_string(), "{here}");
                let content = response["content"].as_object();
                let content = content.unwrap_or_else(|| panic!("{here} answers without content"));
                assert!(
                    content.values().all(|media| media["schema"].is_object()),
                    "{here}"
                );
            }
            assert_eq!(in_template(path), declared(operation), "{here}");
            let is_public = openapi::PUBLIC.contains(&path.as_str());
            assert_eq!(operation["security"].is_array(), !is_public, "{here}");
            // What is signed needs no credentials, and may be refused all the same.
            let may_be_refused = !is_public || path == "/api/webhooks/resend";
            assert_eq!(responses.contains_key("401"), may_be_refused, "{here}");
        }
    }
}

fn in_template(path: &str) -> BTreeSet<String> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(str::to_owned)
        .collect()
}

fn declared(operation: &Value) -> BTreeSet<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "path")
        .map(|parameter| {
            assert_eq!(parameter["required"], true);
            parameter["name"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn what_is_not_there_is_left_out_and_not_null() {
    fn nulls(value: &Value, at: &str, into: &mut Vec<String>) {
        match value {
            Value::Null => into.push(at.to_owned()),
            Value::Object(object) => object
                .iter()
                .for_each(|(name, value)| nulls(value, &format!("{at}/{name}"), into)),
            Value::Array(items) => items.iter().for_each(|value| nulls(value, at, into)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    nulls(&openapi::document(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn component_names_are_names() {
    let document = openapi::document();
    let components = document["components"]["schemas"].as_object().unwrap();
    assert!(components.contains_key("Error"));
    for name in components.keys() {
        assert!(name.chars().all(|it| it.is_ascii_alphanumeric()), "{name}");
    }
}

#[test]
fn what_may_be_null_says_so() {
    let document = openapi::document();
    let log =
        &document["components"]["schemas"]["AnswerSyncLog"]["properties"]["data"]["properties"];
    assert_eq!(log["completedAt"]["nullable"], true);
    assert_eq!(log["id"]["nullable"], Value::Null);
    assert_eq!(log["status"]["enum"].as_array().unwrap().len(), 5);
    assert_eq!(
        log["metadata"]["properties"]["failed_step"]["nullable"],
        true
    );
}

#[test]
fn errors_are_json_also_where_success_is_not() {
    let document = openapi::document();
    let responses = &document["paths"]["/api/v1/sync/stream/{id}"]["get"]["responses"];
    assert!(responses["200"]["content"]["text/event-stream"].is_object());
    assert!(responses["404"]["content"]["application/json"].is_object());
}
