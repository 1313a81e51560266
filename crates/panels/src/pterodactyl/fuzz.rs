//! Whatever bytes come, the decoder answers; and what is wrong with one record
//! costs no other. The documents in `corpus/` are mutated. `PROPTEST_CASES` says
//! how often; `NODEBYTE_FUZZ_SECONDS` for how long the search for a panic goes on
//! (a minute in CI).

use common::types::panel::ServerIncludes;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use std::time::{Duration, Instant};

use super::decode::{self, Fault, Record, Row};
use super::{answer, dto};
use crate::error::PanelError;

const ALL: ServerIncludes = ServerIncludes {
    allocations: true,
    variables: true,
    subusers: true,
    databases: true,
};

/// A document and how its records are read.
#[derive(Debug, Clone, Copy)]
struct Sample {
    text: &'static str,
    read: fn(&[u8]) -> Result<Vec<Read>, PanelError>,
}

/// What became of a record.
#[derive(Debug)]
enum Read {
    Whole { shown: String },
    Bad { id: Option<i64>, reason: String },
}

const SAMPLES: [Sample; 6] = [
    Sample {
        text: include_str!("../../corpus/locations.json"),
        read: |body| read(body, dto::place::location),
    },
    Sample {
        text: include_str!("../../corpus/nodes.json"),
        read: |body| read(body, dto::place::node),
    },
    Sample {
        text: include_str!("../../corpus/allocations.json"),
        read: |body| read(body, dto::place::allocation),
    },
    Sample {
        text: include_str!("../../corpus/nests.json"),
        read: |body| read(body, dto::nest::nest),
    },
    Sample {
        text: include_str!("../../corpus/users.json"),
        read: |body| read(body, dto::user::user),
    },
    Sample {
        text: include_str!("../../corpus/servers.json"),
        read: |body| read(body, |raw| dto::server::server(raw, ALL)),
    },
];

fn read<T: Row + std::fmt::Debug>(
    body: &[u8],
    read: impl Fn(&str) -> Result<T, Fault>,
) -> Result<Vec<Read>, PanelError> {
    let records = decode::page(body)?.read(read)?;
    Ok(records
        .into_iter()
        .map(|record| match record {
            Record::Read(row) => Read::Whole {
                shown: format!("{row:?}"),
            },
            Record::Bad { id, reason } => Read::Bad { id, reason },
        })
        .collect())
}

/// Everything that reads bytes from a panel.
fn read_as_everything(body: &[u8]) {
    for sample in SAMPLES {
        let _ = (sample.read)(body);
    }
    if let Ok(raw) = decode::whole(body) {
        let _ = dto::database::database(raw);
        let _ = dto::live::resources(raw);
        let _ = dto::live::detail(raw);
    }
    for status in [302, 400, 403, 404, 409, 500, 504] {
        let _ = answer::refusal(status.try_into().unwrap(), body, "servers");
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    prop::sample::select(&SAMPLES[..])
}

/// A value that could stand anywhere in a document.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(serde_json::json!([])),
        Just(serde_json::json!({"object": "list", "data": [{}]})),
    ]
}

/// One change of the bytes: cut some out at a place and put others there.
fn splice() -> impl Strategy<Value = (Index, usize, Vec<u8>)> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..8),
        prop::sample::select(&["\\ud800", "\\u0000", "null", "{", "[[", "\"", "1e999", "-"][..])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    (any::<Index>(), 0usize..40, bytes)
}

/// Every place in a value that holds something, by JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| places(value, &format!("{at}/{key}"), found)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, value)| places(value, &format!("{at}/{index}"), found)),
        _ => {}
    }
}

/// The document with the value at one place inside its first record replaced.
fn with_first_record_changed(text: &str, place: Index, value: Value) -> Vec<u8> {
    let mut document: Value = serde_json::from_str(text).unwrap();
    let record = document.pointer_mut("/data/0").unwrap();
    let mut found = Vec::new();
    places(record, "", &mut found);
    let place: &String = place.get(&found);
    *record.pointer_mut(place).unwrap() = value;
    serde_json::to_vec(&document).unwrap()
}

#[test]
fn every_sample_is_read_whole_and_without_its_environment() {
    for sample in SAMPLES {
        let records = (sample.read)(sample.text.as_bytes()).unwrap();
        assert_eq!(records.len(), 2);
        for record in records {
            match record {
                Read::Whole { shown } => assert!(!shown.contains("environment-secret")),
                Read::Bad { reason, .. } => panic!("{reason}"),
            }
        }
    }
}

#[test]
fn nesting_without_end_is_refused() {
    for open in ["[", "{\"a\":", "{\"object\":\"list\",\"data\":[["] {
        read_as_everything(open.repeat(100_000).as_bytes());
    }
}

#[test]
fn no_damaged_document_makes_it_panic() {
    let seconds = std::env::var("NODEBYTE_FUZZ_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        let damaged = (sample(), prop::collection::vec(splice(), 1..6));
        TestRunner::default()
            .run(&damaged, |(sample, changes)| {
                let mut bytes = sample.text.as_bytes().to_vec();
                for (place, length, new) in changes {
                    let from = place.index(bytes.len() + 1);
                    let to = (from + length).min(bytes.len());
                    bytes.splice(from..to, new);
                }
                read_as_everything(&bytes);
                Ok(())
            })
            .unwrap();
        if Instant::now() >= end {
            return;
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn a_damaged_record_costs_no_other(
        sample in sample(),
        place in any::<Index>(),
        value in any_value(),
    ) {
        let body = with_first_record_changed(sample.text, place, value);
        match (sample.read)(&body) {
            Ok(records) => {
                prop_assert_eq!(records.len(), 2);
                let whole = matches!(records[1], Read::Whole { .. });
                prop_assert!(whole);
            }
            // A nest whose eggs are `null_resource` speaks for the key, not the nest.
            Err(error) => {
                let speaks_for_the_key = matches!(error, PanelError::Forbidden { .. });
                prop_assert!(speaks_for_the_key);
            }
        }
    }

    #[test]
    fn what_is_told_of_a_bad_record_holds_none_of_its_values(
        sample in sample(),
        place in any::<Index>(),
        ending in prop::sample::select(&["", ", expected x", " at line 1", "`"][..]),
    ) {
        let planted = format!("planted-secret{ending}");
        let body = with_first_record_changed(sample.text, place, Value::from(planted));
        for record in (sample.read)(&body).unwrap_or_default() {
            if let Read::Bad { id, reason } = record {
                prop_assert!(!reason.contains("planted"), "{reason}");
                prop_assert!(id.is_none_or(|id| id < 100));
            }
        }
    }
}
