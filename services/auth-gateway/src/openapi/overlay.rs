//! What paperclip 0.9 cannot say, added to what it collected: version and title,
//! names of components that are names, `null`, ids of operations, limits, and the
//! addresses that are not mounted through it.

use serde_json::{Map, Value, json};

use super::limits;

const DESCRIPTION: &str = "The gateway of a NodeByte installation. Every address below \
    `/api` needs a key in `X-API-Key` that has one of the scopes named there, or says that it \
    is open to callers without one. Successes are `{success, data, message}`, those of Hytale \
    `{success, …}`; errors are `{success, error, message, code, status}`. What is asked of \
    Hytale may stand in the query, in the body, or in both. Every caller has a general limit \
    of requests a minute, and some operations a strict one beside it; each answer tells of them.";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Completes a document.
pub(super) fn complete(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    document["info"] = json!({
        "title": "NodeByte gateway",
        "version": env!("CARGO_PKG_VERSION"),
        "description": DESCRIPTION,
    });
    document["tags"] = json!([
        { "name": "Sync", "description": "Mirroring panels" },
        { "name": "Hytale", "description": "Hytale accounts in custody: logins, tokens, game sessions" },
        { "name": "Servers", "description": "Live use of single servers" },
        { "name": "Health", "description": "For probes and monitors; no key needed" },
    ]);
    document["components"]["headers"] = limits::components();
    rename_components(&mut document);
    join_lines(&mut document);
    allow_null(&mut document["components"]["schemas"]);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths.iter_mut() {
            complete_path(path, item);
        }
        paths.extend(health());
    }
    document
}

/// paperclip names generic types like `Answer<SyncLog>`; component names may hold
/// letters, digits, `.`, `_` and `-` only.
fn rename_components(document: &mut Value) {
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        *schemas = std::mem::take(schemas)
            .into_iter()
            .map(|(name, schema)| (component_name(&name), schema))
            .collect();
    }
    rename_references(document);
}

fn rename_references(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref")
                && let Some((place, name)) = reference.rsplit_once('/')
            {
                let name = name
                    .replace("%3C", "<")
                    .replace("%3E", ">")
                    .replace("%20", " ");
                *reference = format!("{place}/{}", component_name(&name));
            }
            object.values_mut().for_each(rename_references);
        }
        Value::Array(items) => items.iter_mut().for_each(rename_references),
        _ => {}
    }
}

fn component_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Doc comments are wrapped where the source is; descriptions are not.
fn join_lines(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            object.values_mut().for_each(join_lines);
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}

/// A property that is not required may be null, in what we take and in what we
/// send.
fn allow_null(value: &mut Value) {
    let Some(object) = value.as_object_mut() else {
        return;
    };
    let required = object.get("required").cloned().unwrap_or(json!([]));
    let is_required = |name: &str| {
        required
            .as_array()
            .is_some_and(|it| it.contains(&json!(name)))
    };
    if object.get("type") == Some(&json!("object"))
        && let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut)
    {
        for (_, property) in properties.iter_mut().filter(|(name, _)| !is_required(name)) {
            property["nullable"] = json!(true);
        }
    }
    object.values_mut().for_each(allow_null);
}

fn complete_path(path: &str, item: &mut Value) {
    for method in METHODS {
        let Some(operation) = item.get_mut(method) else {
            continue;
        };
        operation["operationId"] = json!(operation_id(method, path));
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            errors_are_json(status, response);
            limits::describe(status, response);
        }
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
            if parameter["name"] == "limit" {
                parameter["schema"]["minimum"] = json!(1);
                parameter["schema"]["maximum"] = json!(100);
                parameter["schema"]["default"] = json!(20);
            }
            if parameter["name"] == "offset" {
                parameter["schema"]["minimum"] = json!(0);
                parameter["schema"]["default"] = json!(0);
            }
        }
    }
}

/// Whatever an operation produces, its errors are JSON.
fn errors_are_json(status: &str, response: &mut Value) {
    if status >= "400"
        && let Some(content) = response["content"].as_object_mut()
        && let Some((_, media)) = std::mem::take(content).into_iter().next()
    {
        content.insert("application/json".to_owned(), media);
    }
}

/// For example `getSyncStatusId`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path
        .trim_start_matches("/api/v1")
        .split(|it: char| !it.is_ascii_alphanumeric());
    let mut id = method.to_owned();
    for word in words.filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_ascii_uppercase());
        id.push_str(rest);
    }
    id
}

/// The addresses that `runtime` mounts.
fn health() -> Map<String, Value> {
    let answer = |description: &str| {
        json!({
            "description": description,
            "content": { "application/json": { "schema": { "type": "object" } } },
        })
    };
    let operation = |path: &str, summary: &str, well: &str, ill: Option<&str>| {
        let mut responses = json!({ "200": answer(well) });
        if let Some(ill) = ill {
            responses["503"] = answer(ill);
        }
        let get = json!({
            "tags": ["Health"],
            "summary": summary,
            "operationId": operation_id("get", path),
            "responses": responses,
        });
        (path.to_owned(), json!({ "get": get }))
    };
    Map::from_iter([
        operation(
            "/health",
            "Tells how the service is",
            "Healthy",
            Some("Unhealthy"),
        ),
        operation("/health/live", "Tells that the process lives", "Live", None),
        operation(
            "/health/ready",
            "Tells whether it can work",
            "Ready",
            Some("Not ready"),
        ),
    ])
}
