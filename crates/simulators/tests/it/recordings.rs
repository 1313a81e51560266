//! Every recorded answer about the state under `app/` is what the simulator answers from that state.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;
use simulators::panel::{Options, Panel, Resource, Scope, State, rows::Daemon};

use super::support::client;

/// Recorded requests that the simulator does not answer alike, by the beginning of their names, each with the reason.
const EXCEPTIONS: [(&str, &str); 10] = [
    (
        "app/nodes/configuration",
        "hands out a daemon's token; nobody may ask for it, so there is no such route",
    ),
    (
        "app/nodes/deployable",
        "placing new servers is no part of reading a panel",
    ),
    (
        "client/account",
        "the client's own account is no part of live use",
    ),
    (
        "client/permissions",
        "the names of permissions are no part of live use",
    ),
    ("client/websocket", "consoles are no part of live use"),
    ("client/s1_", "lists below a server are no part of live use"),
    ("client/s6_", "lists below a server are no part of live use"),
    (
        "client/s16_",
        "lists below a server are no part of live use",
    ),
    (
        "client/list_type=admin-all_filter___",
        "where `*` looks for an address is not known",
    ),
    ("err/403_write", "writes are no part of reading a panel"),
];

/// Fields that the recordings under `app/` do not hold, so that they cannot be answered from there.
const UNKNOWN_FIELDS: [&str; 2] = ["egg_features", "image"];

#[derive(Deserialize)]
struct Recorded {
    name: String,
    method: String,
    path: String,
    key: Option<String>,
    accept: Option<String>,
    status: u16,
}

impl Recorded {
    fn is_supported(&self) -> bool {
        let asks = self.method == "GET" || self.name == "err/405_method";
        let below_a_server = self.name.ends_with("_startup") || self.name.ends_with("_users");
        let excepted = EXCEPTIONS
            .iter()
            .any(|(beginning, _)| self.name.starts_with(beginning));
        asks && !excepted && !(self.name.starts_with("client/") && below_a_server)
    }
}

fn folder() -> Option<PathBuf> {
    let default =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings/pterodactyl");
    let folder = env::var_os("NODEBYTE_RECORDINGS").map_or(default, PathBuf::from);
    let small = folder.join("small");
    let folder = if small.is_dir() { small } else { folder };
    if folder.join("index.jsonl").is_file() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there are no recordings in {}", folder.display());
    None
}

/// Without the host of links and without what cannot be known.
fn comparable(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let known = object
                .into_iter()
                .filter(|(key, _)| !UNKNOWN_FIELDS.contains(&key.as_str()));
            Value::Object(known.map(|(key, value)| (key, comparable(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(comparable).collect()),
        Value::String(text) if text.starts_with("http://127.0.0.1:") => {
            Value::from(text.find("/api/").map_or("", |path| &text[path..]))
        }
        value => value,
    }
}

/// Where two values differ first, as a path with both sides.
fn difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let keys = ours.keys().chain(theirs.keys());
            let at = |object: &serde_json::Map<String, Value>, key: &str| object.get(key).cloned();
            keys.filter(|key| at(ours, key) != at(theirs, key))
                .find_map(|key| match (ours.get(key), theirs.get(key)) {
                    (Some(ours), Some(theirs)) => {
                        difference(&format!("{path}/{key}"), ours, theirs)
                    }
                    (ours, _) => Some(format!(
                        "{path}/{key} is {}",
                        if ours.is_some() {
                            "too much"
                        } else {
                            "missing"
                        }
                    )),
                })
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let pairs = ours.iter().zip(theirs).enumerate();
            pairs.into_iter().find_map(|(place, (ours, theirs))| {
                difference(&format!("{path}/{place}"), ours, theirs)
            })
        }
        _ if ours == theirs => None,
        _ => Some(format!("{path}: ours {ours:.200}, theirs {theirs:.200}")),
    }
}

/// A panel as it was when it was recorded, with the keys under the names that the index gives them.
async fn recorded_panel(folder: &Path) -> Panel {
    let mut state = State::from_recordings(folder).unwrap();
    state.transfers.insert(10);
    for node in state.nodes.values_mut() {
        node.daemon = Daemon::Unreachable;
    }
    let panel = Panel::start(state, Options::default()).await.unwrap();
    panel.access(|access| {
        for name in ["rw", "ro", "ip", "srv"] {
            access.add_application_key(name, 1);
        }
        access.keys.get_mut("ip").unwrap().foreign_address = true;
        access.keys.get_mut("srv").unwrap().scope = Scope::Application([Resource::Servers].into());
        access.add_client_key("cadmin", 1);
        access.add_client_key("cuser5", 5);
    });
    panel
}

/// How the simulator's answer differs from the recorded one.
async fn deviation(panel: &Panel, folder: &Path, recorded: &Recorded) -> Option<String> {
    let method = recorded.method.parse().unwrap();
    let mut request = client().request(method, format!("{}{}", panel.url(), recorded.path));
    if let Some(key) = &recorded.key {
        request = request.bearer_auth(key);
    }
    if let Some(accept) = &recorded.accept {
        request = request.header("Accept", accept);
    }
    let response = request.send().await.unwrap();
    if response.status().as_u16() != recorded.status {
        return Some(format!(
            "status {} instead of {}",
            response.status(),
            recorded.status
        ));
    }
    let (ours, theirs) = (
        response.bytes().await.unwrap(),
        fs::read(folder.join(format!("{}.json", recorded.name))).unwrap(),
    );
    match (
        serde_json::from_slice(&ours),
        serde_json::from_slice(&theirs),
    ) {
        (Ok(ours), Ok(theirs)) => difference("", &comparable(ours), &comparable(theirs)),
        (Err(_), Err(_)) => None,
        (ours, _) => Some(format!(
            "ours is {}JSON, theirs is not alike",
            if ours.is_ok() { "" } else { "not " }
        )),
    }
}

/// Compares all recordings below a folder, of which there are at least so many.
async fn compare(beginning: &str, least: usize) {
    let Some(folder) = folder() else { return };
    let panel = recorded_panel(&folder).await;
    let index = fs::read_to_string(folder.join("index.jsonl")).unwrap();
    let recorded = index
        .lines()
        .map(|line| serde_json::from_str::<Recorded>(line).unwrap());
    let (mut compared, mut failures) = (0, Vec::new());
    for recorded in
        recorded.filter(|recorded| recorded.name.starts_with(beginning) && recorded.is_supported())
    {
        compared += 1;
        if let Some(deviation) = deviation(&panel, &folder, &recorded).await {
            failures.push(format!("{}: {deviation}", recorded.name));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {compared} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(
        compared >= least,
        "only {compared} recordings were compared"
    );
}

#[actix_web::test]
async fn every_recorded_answer_of_the_application_api_is_answered_alike() {
    compare("app/", 200).await;
}

#[actix_web::test]
async fn every_recorded_error_is_answered_alike() {
    compare("err/", 19).await;
}

#[actix_web::test]
async fn every_recorded_list_view_and_use_of_the_client_api_is_answered_alike() {
    compare("client/", 35).await;
}

#[test]
fn either_folder_of_the_recordings_is_accepted() {
    let Some(small) = folder() else { return };
    let (inner, outer) = (
        State::from_recordings(&small).unwrap(),
        State::from_recordings(small.join("..")).unwrap(),
    );
    for state in [inner, outer] {
        let counts = [
            state.locations.len(),
            state.nodes.len(),
            state.allocations.len(),
            state.users.len(),
        ];
        assert_eq!(counts, [3, 5, 300, 40]);
        let counts = [
            state.nests.len(),
            state.eggs.len(),
            state.egg_variables.len(),
            state.servers.len(),
        ];
        assert_eq!(counts, [4, 14, 71, 60]);
        assert_eq!(
            [
                state.databases.len(),
                state.database_hosts.len(),
                state.subusers.len()
            ],
            [12, 2, 25]
        );
        assert_eq!(state.server_variables.len(), 260);
    }
}
