//! Payloads that were sent once must parse for ever: nobody knows how long one
//! rests in a queue. A new version adds a file here; none is ever changed.

use common::types::event::Event;
use common::types::id::RunId;
use common::types::message::Command;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The golden payloads of one folder, by name.
pub fn payloads(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/golden")
        .join(folder);
    let mut payloads: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    payloads.sort();
    assert!(!payloads.is_empty());
    payloads
}

/// The name on the wire of every command; a new variant does not compile here
/// until it is named.
pub fn commands() -> Vec<(&'static str, Command)> {
    let wire_name = |command: &Command| match command {
        Command::SyncRunV1 { .. } => "sync.run.v1",
    };
    [Command::SyncRunV1 {
        run_id: RunId::new(),
    }]
    .into_iter()
    .map(|command| (wire_name(&command), command))
    .collect()
}

#[test]
fn every_command_that_was_ever_sent_still_parses() {
    for (name, payload) in payloads("commands") {
        let command: Command =
            serde_json::from_str(&payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(serde_json::to_value(&command).unwrap(), written, "{name}");
        assert_eq!(written["type"], name);
    }
}

#[test]
fn every_command_has_a_golden_payload() {
    let golden: Vec<String> = payloads("commands")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for (name, command) in commands() {
        assert!(
            golden.iter().any(|known| known == name),
            "no golden payload of {name}"
        );
        assert_eq!(serde_json::to_value(&command).unwrap()["type"], name);
    }
}

#[test]
fn every_event_that_was_ever_sent_still_parses() {
    for (name, payload) in payloads("events") {
        let event: Event =
            serde_json::from_str(&payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(event.event_type, name);
        assert_eq!(
            serde_json::to_value(&event).unwrap(),
            serde_json::from_str::<Value>(&payload).unwrap()
        );
    }
}

#[test]
fn an_unknown_command_version_or_field_is_refused() {
    let run_id = RunId::new();
    for payload in [
        json!({"type": "sync.run.v2", "run_id": run_id}),
        json!({"type": "sync.run.v1", "run_id": run_id, "more": 1}),
        json!({"type": "sync.run.v1", "run_id": "no id"}),
        json!({"type": "sync.run.v1"}),
        json!({"run_id": run_id}),
        json!([]),
    ] {
        assert!(
            serde_json::from_value::<Command>(payload.clone()).is_err(),
            "{payload}"
        );
    }
}

proptest! {
    #[test]
    fn no_payload_makes_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = serde_json::from_slice::<Command>(&bytes);
        let _ = serde_json::from_slice::<Event>(&bytes);
    }
}

/// Searches for `NODEBYTE_FUZZ_SECONDS` (a minute in CI), or one round without it.
#[test]
fn no_damaged_payload_makes_a_reader_panic() {
    let seconds = std::env::var("NODEBYTE_FUZZ_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(seconds);
    let known: Vec<_> = payloads("commands")
        .into_iter()
        .chain(payloads("events"))
        .collect();
    loop {
        let damaged = (
            any::<Index>(),
            prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        );
        TestRunner::default()
            .run(&damaged, |(which, damages)| {
                let mut bytes = which.get(&known).1.clone().into_bytes();
                for (at, byte) in damages {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                let _ = serde_json::from_slice::<Command>(&bytes);
                let _ = serde_json::from_slice::<Event>(&bytes);
                Ok(())
            })
            .unwrap();
        if Instant::now() >= end {
            return;
        }
    }
}
