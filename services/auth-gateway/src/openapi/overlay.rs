//! What paperclip 0.9 cannot say, added to what it collected: version and title,
//! names of components that are names, `null`, ids of operations, limits, and the
//! addresses that are not mounted through it.

use serde_json::{Map, Value, json};

use super::limits;
use crate::routes;

const DESCRIPTION: &str = "The gateway of a NodeByte installation. Every address below \
    `/api` needs a key in `X-API-Key` or a user's token in `Authorization: Bearer`, or both, \
    that have one of the scopes named there, or says that it is open to callers without. A \
    call with both may do what both may. Successes are `{success, data, message}`, those of Hytale \
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
        { "name": "Mail", "description": "Mail that is sent, and addresses that get none" },
        { "name": "Servers", "description": "Live use of single servers" },
        { "name": "Webhooks", "description": "Who is told what, and how that went" },
        { "name": "Settings", "description": "What administrators change while the installation runs, and the trail of that" },
        { "name": "Callers", "description": "What callers learn of themselves" },
        { "name": "Tokens", "description": "Tokens of users" },
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
        paths.extend(jwks());
        paths.extend(resend());
    }
    take_bearers(&mut document);
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
        for parameter in parameters(operation) {
            if parameter["name"] == "limit" {
                let (usual, most) = page_sizes(path);
                parameter["schema"] = number(1, Some(most), usual);
            }
            if parameter["name"] == "offset" {
                let most = path.ends_with("/server-logs").then_some(100_000);
                parameter["schema"] = number(0, most, 0);
            }
            if matches!(
                parameter["name"].as_str(),
                Some("from" | "to" | "since" | "until")
            ) {
                parameter["schema"]["format"] = json!("date-time");
            }
        }
    }
}

/// paperclip knows one way to send credentials for each operation; a token is the other.
fn take_bearers(document: &mut Value) {
    document["components"]["securitySchemes"]["Bearer"] = json!({
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A user's token: one of the gateway's own (EdDSA, verified by \
            `/.well-known/jwks.json`) or, where the installation shares a secret with it, one \
            of the website's (HS256). What its user may do is looked up, not read from it.",
    });
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        if let Some(Value::Array(ways)) = operation.get_mut("security") {
            ways.insert(1, json!({ "Bearer": [] }));
            ways.insert(2, json!({ "ApiKey": [], "Bearer": [] }));
        }
    }
}

/// Rows of a page for which no number is given, and of the longest one.
fn page_sizes(path: &str) -> (u32, u32) {
    match path {
        "/api/v1/sync/logs" => (20, 100),
        "/api/v1/hytale/accounts" => (50, 200),
        _ => (100, 1000),
    }
}

fn number(least: u32, most: Option<u32>, usual: u32) -> Value {
    let mut schema = json!({
        "type": "integer",
        "format": "int64",
        "minimum": least,
        "default": usual,
    });
    if let Some(most) = most {
        schema["maximum"] = json!(most);
    }
    schema
}

/// An operation's parameters; asked for by index, missing ones would come to be `null`.
fn parameters(operation: &mut Value) -> impl Iterator<Item = &mut Value> {
    let parameters = operation.get_mut("parameters");
    parameters
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
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

/// The keys of tokens, which are mounted apart since they are no part of the API.
fn jwks() -> Map<String, Value> {
    let key = json!({
        "type": "object",
        "required": ["kty", "crv", "alg", "use", "kid", "x"],
        "properties": {
            "kty": { "type": "string", "enum": ["OKP"] },
            "crv": { "type": "string", "enum": ["Ed25519"] },
            "alg": { "type": "string", "enum": ["EdDSA"] },
            "use": { "type": "string", "enum": ["sig"] },
            "kid": { "type": "string", "description": "Names the key in the header of tokens" },
            "x": { "type": "string", "description": "The public key, base64url" },
        },
    });
    let set = json!({
        "type": "object",
        "required": ["keys"],
        "properties": { "keys": { "type": "array", "items": key } },
    });
    let answer = |description: &str, schema: Value| {
        json!({
            "description": description,
            "content": { "application/json": { "schema": schema } },
        })
    };
    let error = json!({ "$ref": "#/components/schemas/Error" });
    let mut away = answer("Service Unavailable", error.clone());
    limits::describe_late(&mut away);
    let get = json!({
        "tags": ["Tokens"],
        "summary": "Publishes the keys that verify the gateway's own tokens (RFC 7517)",
        "operationId": operation_id("get", routes::JWKS),
        "responses": {
            "200": answer("The key that signs now first, then those before it", set),
            "500": answer("Internal Server Error", error),
            "503": away,
        },
    });
    Map::from_iter([(routes::JWKS.to_owned(), json!({ "get": get }))])
}

/// Where Resend says what became of mail, mounted apart since its signature is all that it
/// needs.
fn resend() -> Map<String, Value> {
    let answer = |description: &str, schema: Value| {
        json!({
            "description": description,
            "content": { "application/json": { "schema": schema } },
        })
    };
    let refused = |description: &str| {
        let error = json!({ "$ref": "#/components/schemas/Error" });
        answer(description, error)
    };
    let header = |name: &str| json!({ "name": name, "in": "header", "required": true, "schema": { "type": "string" } });
    let mut away = refused("Service Unavailable");
    limits::describe_late(&mut away);
    let event = json!({
        "type": "object",
        "required": ["type"],
        "properties": { "type": { "type": "string" }, "data": { "type": "object" } },
    });
    let heard = json!({
        "type": "object",
        "required": ["success"],
        "properties": { "success": { "type": "boolean" } },
    });
    let post = json!({
        "tags": ["Mail"],
        "summary": "Hears what became of a mail (an event of Resend's, signed by Svix)",
        "description": "Addresses that bounce for good or complain get no more mail; every \
            other event is taken and changes nothing. Each event has its effect once.",
        "operationId": operation_id("post", routes::RESEND),
        "parameters": [header("svix-id"), header("svix-timestamp"), header("svix-signature")],
        "requestBody": { "required": true, "content": { "application/json": { "schema": event } } },
        "responses": {
            "200": answer("Heard", heard),
            "400": refused("The body is no event"),
            "401": refused("The signature is missing, wrong or too old"),
            "404": refused("The installation has no secret of Resend's"),
            "408": refused("Request Timeout"),
            "413": refused("Payload Too Large"),
            "500": refused("Internal Server Error"),
            "503": away,
        },
    });
    Map::from_iter([(routes::RESEND.to_owned(), json!({ "post": post }))])
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
