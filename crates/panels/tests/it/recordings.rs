//! Every recorded answer of a real panel is served again, byte by byte, to a
//! client that asks for such a thing, and must be read as what it says.

use common::types::panel::{Chunk, Lookup, Nest, PageRequest, ServerIncludes};
use panels::{PanelError, Pterodactyl};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

use crate::sameness::{allocation, location, nest, node, relations, server, user};
use crate::setup::client;
use crate::stage::{Reply, Stage};

struct Recording {
    name: String,
    method: String,
    path: String,
    reply: Reply,
}

impl Recording {
    fn read(folder: &Path, name: &str, method: &str, path: &str) -> Self {
        let read = |ending: &str| std::fs::read(folder.join(format!("{name}.{ending}")));
        let headers = String::from_utf8(read("headers").unwrap()).unwrap();
        let mut lines = headers.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let kept = ["content-type", "location", "retry-after"];
        Self {
            name: name.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            reply: Reply {
                status: status.parse().unwrap(),
                headers: lines
                    .filter_map(|line| line.split_once(": "))
                    .filter(|(name, _)| kept.contains(&name.to_lowercase().as_str()))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                body: read("json").or_else(|_| read("html")).unwrap_or_default(),
            },
        }
    }

    fn value(&self) -> Value {
        serde_json::from_slice(&self.reply.body).unwrap_or_default()
    }
}

/// A panel that gives one answer to everything, and a client of it.
struct Replay {
    answer: Arc<Mutex<Reply>>,
    client: Pterodactyl,
}

impl Replay {
    async fn new() -> Self {
        let answer = Arc::new(Mutex::new(Reply::json(500, "")));
        let shown = Arc::clone(&answer);
        let stage = Stage::play(move |_, _| shown.lock().unwrap().clone()).await;
        Self {
            answer,
            client: client(&stage.url),
        }
    }

    /// The client, for which the panel now gives the recorded answer.
    fn of(&self, recording: &Recording) -> &Pterodactyl {
        *self.answer.lock().unwrap() = recording.reply.clone();
        &self.client
    }
}

fn folder() -> Option<PathBuf> {
    let root = match std::env::var_os("NODEBYTE_RECORDINGS") {
        Some(folder) => PathBuf::from(folder),
        None => {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings/pterodactyl")
        }
    };
    let folder = root.join("small");
    if folder.join("index.jsonl").exists() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no recordings at {}", folder.display());
    None
}

fn recordings() -> Vec<Recording> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let index = std::fs::read_to_string(folder.join("index.jsonl")).unwrap();
    let mut found: Vec<_> = index
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            Recording::read(&folder, &text("name"), &text("method"), &text("path"))
        })
        .collect();
    for special in [
        "2fa_required_all",
        "db_down",
        "debug_404",
        "debug_500",
        "expired_key",
    ] {
        let name = format!("special/{special}");
        let path = "/api/application/servers/999999";
        found.push(Recording::read(&folder, &name, "GET", path));
    }
    found
}

#[tokio::test]
async fn every_recorded_page_is_read_as_it_stands() {
    let mut read = 0;
    let replay = Replay::new().await;
    for recording in recordings() {
        let value = recording.value();
        let Some(pagination) = value.pointer("/meta/pagination") else {
            continue;
        };
        let resource = recording.path.trim_start_matches("/api/application/");
        let resource = resource.split(['?', '&']).next().unwrap();
        if recording.path.starts_with("/api/client") {
            continue;
        }
        let number = |key: &str| u32::try_from(pagination[key].as_u64().unwrap()).unwrap();
        let asked = PageRequest {
            number: number("current_page"),
            size: number("per_page"),
        };
        let panel = replay.of(&recording);
        let name = &recording.name;
        match resource {
            "locations" => same(name, &value, panel.locations(asked).await, location),
            "nodes" | "nodes/deployable" => same(name, &value, panel.nodes(asked).await, node),
            "users" => same(name, &value, panel.users(asked).await, user),
            "nests" if recording.path.contains("eggs.variables") => {
                same(name, &value, panel.nests(asked).await, nest);
            }
            "nests" => nests_without_eggs(&value, panel.nests(asked).await),
            "servers" => {
                let include = relations(&value["data"][0]["attributes"]);
                let chunk = panel.servers(asked, include).await;
                same(name, &value, chunk, |row, value| {
                    server(row, value, include)
                });
            }
            _ if resource.ends_with("/allocations") => {
                same(name, &value, panel.allocations(1, asked).await, allocation);
            }
            other => panic!("{name}: nobody reads {other}"),
        }
        read += 1;
    }
    assert!(read == 0 || read > 100, "{read} pages only");
}

#[tokio::test]
async fn every_recorded_row_is_read_as_it_stands() {
    let mut read = 0;
    let replay = Replay::new().await;
    for recording in recordings() {
        let value = recording.value();
        let attributes = &value["attributes"];
        let Some(id) = attributes["id"].as_i64() else {
            continue;
        };
        if !recording.path.starts_with("/api/application") || recording.method != "GET" {
            continue;
        }
        let panel = replay.of(&recording);
        match value["object"].as_str().unwrap() {
            "location" => location(&found(panel.location(id).await), attributes),
            "node" => node(&found(panel.node(id).await), attributes),
            "user" => user(&found(panel.user(id).await), attributes),
            "server" => {
                let include = relations(attributes);
                server(&found(panel.server(id, include).await), attributes, include);
            }
            "server_database" => {
                let database = found(panel.database(1, id).await);
                assert_eq!(database.server, attributes["server"].as_i64().unwrap());
                assert_eq!(database.database, attributes["database"]);
                let host = attributes.pointer("/relationships/host/attributes/host");
                assert_eq!(
                    database
                        .database_host
                        .as_ref()
                        .map(|host| host.host.as_str()),
                    host.and_then(Value::as_str)
                );
            }
            "nest" => assert!(matches!(
                panel.nest(id).await.unwrap(),
                Lookup::Unreadable(_)
            )),
            "egg" => continue,
            other => panic!("{}: nobody reads a {other}", recording.name),
        }
        read += 1;
    }
    assert!(read == 0 || read > 10, "{read} rows only");
}

/// What a refusal means to somebody who asked for one server.
#[tokio::test]
async fn every_recorded_refusal_is_told_apart() {
    let mut read = 0;
    for recording in recordings() {
        let status = recording.reply.status;
        if status < 300 || status == 429 {
            continue;
        }
        // A new client: this one's breaker would open at the 503s.
        let replay = Replay::new().await;
        let panel = replay.of(&recording);
        let value = recording.value();
        let code = value["errors"][0]["code"].as_str().unwrap_or_default();
        let detail = value["errors"][0]["detail"].as_str().unwrap_or_default();
        let answer = panel.server(999_999, ServerIncludes::default()).await;
        let name = &recording.name;
        match (status, code) {
            (302 | 401, _) | (400, "TwoFactorAuthRequiredException") => {
                assert!(
                    matches!(answer, Err(PanelError::Unauthorized { .. })),
                    "{name}"
                );
            }
            (403, _) if detail.starts_with("This action") => {
                let named = matches!(
                    answer,
                    Err(PanelError::Forbidden {
                        permission: "servers"
                    })
                );
                assert!(named, "{name}");
            }
            (403, _) => {
                assert!(
                    matches!(answer, Err(PanelError::Unauthorized { .. })),
                    "{name}"
                );
            }
            (404, "NotFoundHttpException") if !detail.starts_with("The route") => {
                assert!(matches!(answer, Ok(Lookup::Gone)), "{name}");
            }
            (404, _) => {
                assert!(
                    matches!(answer, Err(PanelError::NoSuchAddress(_))),
                    "{name}"
                );
            }
            (409, _) => assert!(matches!(answer, Err(PanelError::StateConflict)), "{name}"),
            (500, "QueryException") | (503, _) => {
                assert!(matches!(answer, Err(PanelError::Offline { .. })), "{name}");
            }
            (500, _) => assert!(matches!(answer, Ok(Lookup::Unreadable(_))), "{name}"),
            (504, _) => {
                assert!(
                    matches!(answer, Err(PanelError::DaemonUnreachable)),
                    "{name}"
                );
            }
            (400 | 405 | 422, _) => {
                let told =
                    matches!(answer, Err(PanelError::Unexpected { status: s, .. }) if s == status);
                assert!(told, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        read += 1;
    }
    assert!(read == 0 || read > 80, "{read} refusals only");
}

#[tokio::test]
async fn every_recorded_live_answer_is_read_as_it_stands() {
    let mut read = 0;
    let replay = Replay::new().await;
    for recording in recordings() {
        let value = recording.value();
        let attributes = &value["attributes"];
        if recording.reply.status != 200 || !recording.path.starts_with("/api/client/servers/") {
            continue;
        }
        let panel = replay.of(&recording);
        match value["object"].as_str() {
            Some("server") => {
                let uuid: Uuid = attributes["uuid"].as_str().unwrap().parse().unwrap();
                let detail = panel.server_detail(uuid).await.unwrap();
                assert_eq!(detail.uuid, uuid);
                assert_eq!(
                    detail.internal_id,
                    attributes["internal_id"].as_i64().unwrap()
                );
                assert_eq!(detail.is_transferring, attributes["is_transferring"]);
                let listed = attributes.pointer("/relationships/variables/data").unwrap();
                let variables = detail.variables.unwrap();
                assert_eq!(variables.len(), listed.as_array().unwrap().len());
            }
            Some("stats") => {
                let resources = panel.server_resources(Uuid::nil()).await.unwrap();
                assert_eq!(resources.current_state, attributes["current_state"]);
                let memory = attributes["resources"]["memory_bytes"].as_i64();
                assert_eq!(Some(resources.memory_bytes), memory);
            }
            _ => continue,
        }
        read += 1;
    }
    assert!(read == 0 || read > 5, "{read} live answers only");
}

fn found<T>(answer: Result<Lookup<T>, PanelError>) -> T {
    match answer.unwrap() {
        Lookup::Found(row) => row,
        Lookup::Gone => panic!("gone"),
        Lookup::Unreadable(reason) => panic!("{reason}"),
    }
}

fn same<T>(
    name: &str,
    value: &Value,
    chunk: Result<Chunk<T>, PanelError>,
    check: impl Fn(&T, &Value),
) {
    let chunk = chunk.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(
        chunk.bad.is_empty() && chunk.poison.is_empty(),
        "{name}: {:?}",
        chunk.bad
    );
    assert_eq!(chunk.total, value["meta"]["pagination"]["total"], "{name}");
    let records = value["data"].as_array().unwrap();
    assert_eq!(chunk.rows.len(), records.len(), "{name}");
    for (row, record) in chunk.rows.iter().zip(records) {
        check(row, &record["attributes"]);
    }
}

fn nests_without_eggs(value: &Value, chunk: Result<Chunk<Nest>, PanelError>) {
    let chunk = chunk.unwrap();
    let ids: Vec<_> = chunk.bad.iter().map(|record| record.id.unwrap()).collect();
    let told = value["data"].as_array().unwrap().iter();
    let told: Vec<_> = told
        .map(|record| record["attributes"]["id"].as_i64().unwrap())
        .collect();
    assert!(chunk.rows.is_empty());
    assert_eq!(ids, told);
}
