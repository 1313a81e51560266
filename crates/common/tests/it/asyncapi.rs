//! `docs/asyncapi.json` says what the types say.

use crate::golden;
use common::types::event::EventType;
use common::types::message::{COMMAND_EXCHANGE, EVENT_EXCHANGE, SYNC_QUEUE};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::from_str(include_str!("../../../../docs/asyncapi.json")).unwrap()
}

/// The value that a reference of the document points to.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref") {
        Some(reference) => {
            let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
            document
                .pointer(pointer)
                .unwrap_or_else(|| panic!("{pointer} points nowhere"))
        }
        None => value,
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"))
}

fn names<'a>(values: impl IntoIterator<Item = &'a String>) -> BTreeSet<&'a str> {
    values.into_iter().map(String::as_str).collect()
}

#[test]
fn every_reference_points_somewhere() {
    fn walk(document: &Value, value: &Value) {
        resolve(document, value);
        match value {
            Value::Object(fields) => fields.values().for_each(|field| walk(document, field)),
            Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
            _ => {}
        }
    }
    let document = document();
    assert_eq!(document["asyncapi"], "3.0.0");
    walk(&document, &document);
}

#[test]
fn the_events_are_those_of_the_catalogue() {
    let document = document();
    let documented = names(object(&document["channels"]["events"]["messages"]).keys());
    let known: BTreeSet<&str> = EventType::ALL.iter().map(|event| event.as_str()).collect();
    assert_eq!(documented, known);
}

#[test]
fn every_event_has_its_type_and_the_fields_of_the_catalogue() {
    let document = document();
    for event in EventType::ALL {
        let name = event.as_str();
        let message = resolve(&document, &document["channels"]["events"]["messages"][name]);
        assert_eq!(message["name"], name);
        let own = &message["payload"]["allOf"][1]["properties"];
        assert_eq!(own["type"]["const"], name);

        let data = resolve(&document, &own["data"]);
        let fields: BTreeSet<&str> = event.data_fields().iter().copied().collect();
        assert_eq!(names(object(&data["properties"]).keys()), fields, "{name}");
        let required: BTreeSet<&str> = data["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field.as_str().unwrap())
            .collect();
        assert_eq!(required, fields, "{name}");
    }
}

#[test]
fn golden_events_have_the_documented_fields() {
    let document = document();
    let envelope = &document["components"]["schemas"]["CloudEvent"];
    for (name, payload) in golden::payloads("events") {
        let event: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(
            names(object(&event).keys()),
            names(object(&envelope["properties"]).keys()),
            "{name}"
        );
        for (field, schema) in object(&envelope["properties"]) {
            if let Some(constant) = schema.get("const") {
                assert_eq!(&event[field], constant, "{name}: {field}");
            }
        }
        let known = EventType::ALL
            .iter()
            .find(|known| known.as_str() == name)
            .unwrap();
        let fields: BTreeSet<&str> = known.data_fields().iter().copied().collect();
        assert_eq!(names(object(&event["data"]).keys()), fields, "{name}");
    }
}

#[test]
fn every_command_is_documented_with_its_queue_and_fields() {
    let document = document();
    for (name, command) in golden::commands() {
        let channel = object(&document["channels"])
            .values()
            .find(|channel| channel["address"] == command.queue())
            .unwrap_or_else(|| panic!("no channel for {}", command.queue()));
        let message = resolve(&document, &channel["messages"][name]);
        assert_eq!(message["name"], name);
        let payload = resolve(&document, &message["payload"]);
        assert_eq!(payload["properties"]["type"]["const"], name);
        let written = serde_json::to_value(&command).unwrap();
        assert_eq!(
            names(object(&payload["properties"]).keys()),
            names(object(&written).keys()),
            "{name}"
        );
    }
}

#[test]
fn exchanges_and_queues_have_their_names() {
    let channels = &document()["channels"];
    let exchange =
        |channel: &str| channels[channel]["bindings"]["amqp"]["exchange"]["name"].clone();
    assert_eq!(exchange("events"), EVENT_EXCHANGE);
    assert_eq!(exchange("sync-worker"), COMMAND_EXCHANGE);
    assert_eq!(channels["sync-worker"]["address"], SYNC_QUEUE);
}
