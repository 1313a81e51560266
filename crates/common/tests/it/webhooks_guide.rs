//! `docs/webhooks.md` says what the types say.

use chrono::DateTime;
use common::crypto::webhook_signature::{SigningSecret, verify};
use common::subscription::{Condition, Pattern};
use common::types::event::{Event, EventType};
use std::time::Duration;

const GUIDE: &str = include_str!("../../../../docs/webhooks.md");

/// What lies between two texts, the first time that it does.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text
        .split_once(begin)
        .unwrap_or_else(|| panic!("no {begin}"));
    rest.split_once(end)
        .unwrap_or_else(|| panic!("no {end} after {begin}"))
        .0
}

/// The rows below a table's head, cell by cell, without the marks of code.
fn rows(head: &str) -> Vec<Vec<String>> {
    between(GUIDE, head, "\n\n")
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|it| it.trim().replace('`', "")).collect()
        })
        .collect()
}

#[test]
fn the_table_of_events_is_the_catalogue() {
    let documented: Vec<Vec<String>> = rows("| event | type | scope | told when | `data` |")
        .into_iter()
        .map(|mut row| {
            assert!(!row.remove(3).is_empty(), "{row:?}");
            row
        })
        .collect();
    let known: Vec<Vec<String>> = EventType::ALL
        .iter()
        .map(|event| {
            let audience = event.audience();
            vec![
                event.as_str().to_owned(),
                audience.about.to_string(),
                audience.scope.to_string(),
                event.data_fields().join(", "),
            ]
        })
        .collect();
    assert_eq!(documented, known);
}

#[test]
fn the_request_that_is_shown_is_signed_by_the_secret_that_is_shown() {
    let request = between(GUIDE, "```http\n", "\n```");
    let (head, body) = request.split_once("\n\n").unwrap();
    let header = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(it, _)| *it == name).unwrap().1
    };
    let secret = between(GUIDE, "its secret is `", "`");
    let at: i64 = header("webhook-timestamp").parse().unwrap();
    verify(
        header("webhook-id"),
        header("webhook-timestamp"),
        body.as_bytes(),
        header("webhook-signature"),
        &[SigningSecret::parse(secret).unwrap()],
        DateTime::from_timestamp(at, 0).unwrap(),
        Duration::ZERO,
    )
    .unwrap();
    let event: Event = serde_json::from_str(body).unwrap();
    assert_eq!(event.id.to_string(), header("webhook-id"));
    assert!(EventType::named(&event.event_type).is_some());
}

#[test]
fn the_patterns_and_conditions_that_are_shown_can_be_given() {
    let patterns = rows("| pattern | fits |");
    let given = patterns.iter().filter(|row| row[0] != "none");
    for row in given {
        Pattern::parse(&row[0]).unwrap();
    }
    assert_eq!(patterns.len(), 5);
    let blocks: Vec<&str> = GUIDE.split("```json\n").skip(1).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let (json, _) = block.split_once("```").unwrap();
        let conditions: Vec<Condition> = serde_json::from_str(json).unwrap();
        assert!(!conditions.is_empty());
        assert!(conditions.iter().all(|it| it.check().is_ok()));
    }
}
