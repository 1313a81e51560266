use super::*;
use common::types::event::EventType;
use proptest::prelude::*;
use serde_json::json;

fn event(event_type: &str, data: Value) -> Event {
    let time = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let event = Event::new(EventType::SyncStarted, "subject", time, data);
    Event {
        event_type: event_type.to_owned(),
        ..event
    }
}

fn rendered(event_type: &str, data: Value) -> Value {
    serde_json::to_value(embed(&event(event_type, data))).unwrap()
}

fn field(embed: &Value, name: &str) -> Option<String> {
    let field = embed["fields"]
        .as_array()?
        .iter()
        .find(|field| field["name"] == name)?;
    Some(field["value"].as_str()?.to_owned())
}

#[test]
fn a_completed_run_tells_its_duration_and_counts() {
    let embed = rendered(
        "sync.completed",
        json!({"panel_id": "p", "kind": "full", "seconds": 12.3456,
               "items_total": 110, "items_synced": 107, "items_failed": 3}),
    );
    assert_eq!(embed["title"], "🔄 Sync Operation Completed Successfully");
    assert_eq!(
        embed["description"],
        "Panel synchronization has completed successfully"
    );
    assert_eq!(embed["color"], 3_066_993);
    assert_eq!(
        field(&embed, "Status").unwrap(),
        "✅ Completed Successfully"
    );
    assert_eq!(field(&embed, "Duration").unwrap(), "12.35 seconds");
    assert_eq!(field(&embed, "Type").unwrap(), "full");
    assert_eq!(
        field(&embed, "Items").unwrap(),
        "107 of 110 synced, 3 failed"
    );
    assert_eq!(embed["timestamp"], "2023-11-14T22:13:20Z");
}

#[test]
fn a_failed_run_tells_where_and_why() {
    let embed = rendered(
        "sync.failed",
        json!({"kind": "servers", "seconds": 1, "failed_step": "servers", "error": "no *answer*"}),
    );
    assert_eq!(embed["title"], "🔄 Sync Operation Failed");
    assert_eq!(embed["color"], 15_158_332);
    assert_eq!(field(&embed, "Duration").unwrap(), "1.00 seconds");
    assert_eq!(field(&embed, "Failed Step").unwrap(), "servers");
    assert_eq!(field(&embed, "Error").unwrap(), r"no \*answer\*");
}

#[test]
fn a_cancelled_and_a_started_run_are_told_without_what_is_not_known() {
    let embed = rendered("sync.cancelled", json!({"kind": "full"}));
    assert_eq!(embed["title"], "🔄 Sync Operation Cancelled");
    assert_eq!(embed["color"], 16_776_960);
    assert_eq!(field(&embed, "Duration"), None);
    let data = json!({"kind": "full", "seconds": 2.5, "items_total": 7, "items_synced": 6});
    for event in ["sync.cancelled", "sync.failed"] {
        let embed = rendered(event, data.clone());
        assert_eq!(field(&embed, "Duration").unwrap(), "2.50 seconds");
        let items = field(&embed, "Items").unwrap();
        assert_eq!(items, "6 of 7 synced, 0 failed", "{event}");
    }
    let embed = rendered("sync.started", json!({"kind": "full"}));
    assert_eq!(embed["title"], "🔄 Sync Started");
    assert_eq!(embed["color"], 0x3B_82F6);
}

#[test]
fn held_removals_are_counted_by_kind() {
    let evidence = json!({"rows": 40, "live": 60, "removed_before": 0, "looks": [{"page": 1}]});
    let held = json!({"servers": {"servers": evidence, "databases": {"rows": 2}}});
    let data = json!({"kind": "full", "held": held, "seconds": 2.5, "items_total": 7, "items_synced": 6,
        "items_failed": 1});
    let embed = rendered("sync.held", data);
    assert_eq!(field(&embed, "Duration").unwrap(), "2.50 seconds");
    assert_eq!(field(&embed, "Items").unwrap(), "6 of 7 synced, 1 failed");
    let text = field(&embed, "Held").unwrap();
    assert!(text.contains("• **databases**: rows 2"), "{text}");
    assert!(text.contains("**servers**: "), "{text}");
    assert!(
        text.contains("live 60") && text.contains("rows 40"),
        "{text}"
    );
    assert!(!text.contains("looks"), "{text}");
}

#[test]
fn changed_settings_are_listed_and_cut() {
    let change = json!({"key": "SITE_NAME", "before": "x".repeat(80), "after": null});
    let embed = rendered(
        "settings.changed",
        json!({"actor": "ada", "changes": [change]}),
    );
    assert_eq!(field(&embed, "Modified By").unwrap(), "ada");
    assert_eq!(field(&embed, "Total Changes").unwrap(), "1 setting(s)");
    assert_eq!(
        field(&embed, "Changed Settings").unwrap(),
        format!("• **SITE\\_NAME**\n  {}… → –", "x".repeat(49))
    );
    assert_eq!(
        field(&embed, "Updated At").unwrap(),
        "2023-11-14 22:13:20 UTC"
    );
    let changes = vec![json!({"key": "k", "before": "y".repeat(80), "after": 1}); 60];
    let embed = rendered(
        "settings.changed",
        json!({"actor": "ada", "changes": changes}),
    );
    let listed = field(&embed, "Changed Settings").unwrap();
    assert!(units(&listed) <= FIELD);
    let lines = listed.matches('•').count();
    assert!(
        listed.ends_with(&format!("\n… and {} more", 60 - lines)),
        "{listed}"
    );
}

#[test]
fn a_test_says_that_it_is_one() {
    let embed = rendered("webhook.test", Value::Null);
    assert_eq!(embed["title"], "🧪 Webhook Test");
    assert_eq!(
        field(&embed, "Status").unwrap(),
        "✅ Webhook is working correctly"
    );
}

#[test]
fn dispatched_events_have_titles_and_fields_of_their_own() {
    for (event_type, title, colour, fields) in [
        (
            "user.registered",
            "👤 New User Registered",
            0x8B_5CF6,
            vec!["Email"],
        ),
        (
            "server.created",
            "🖥️ Server Created",
            0x63_66F1,
            vec!["Name", "Owner"],
        ),
        (
            "server.suspended",
            "⚠️ Server Suspended",
            0xF5_9E0B,
            vec!["Name", "Reason"],
        ),
        (
            "support.ticket_created",
            "🎫 New Support Ticket",
            0x0E_A5E9,
            vec!["Subject", "User", "Priority"],
        ),
    ] {
        let data = json!({"email": "e", "name": "n", "owner": "o", "reason": "r",
                          "subject": "s", "user": "u", "priority": "p", "other": "x"});
        let embed = rendered(event_type, data);
        assert_eq!(embed["title"], title);
        assert_eq!(embed["color"], colour);
        let shown = embed["fields"].as_array().unwrap();
        let names: Vec<_> = shown.iter().map(|field| field["name"].as_str()).collect();
        let expected: Vec<_> = fields.into_iter().map(Some).collect();
        assert_eq!(names, expected);
    }
}

#[test]
fn an_unknown_event_shows_its_data() {
    let embed = rendered(
        "panel.node.updated",
        json!({"remote_id": 7, "changed": ["name"]}),
    );
    assert_eq!(embed["title"], "📢 Notification");
    assert_eq!(embed["description"], "Event: panel.node.updated");
    assert_eq!(field(&embed, r"remote\_id").unwrap(), "7");
    assert_eq!(field(&embed, "changed").unwrap(), r#"\["name"\]"#);
}

#[test]
fn every_footer_carries_the_events_id() {
    for event_type in EventType::ALL {
        let event = event(event_type.as_str(), json!({}));
        let embed = serde_json::to_value(embed(&event)).unwrap();
        let footer = embed["footer"]["text"].as_str().unwrap();
        assert!(footer.ends_with(&event.id.to_string()), "{footer}");
    }
}

proptest! {
    #[test]
    fn no_value_becomes_a_mention_or_a_link(noise in "[a-z@<>`*\\[\\]()\\\\ ]{0,20}") {
        let evil = format!("{noise}@everyone <@1> [x](https://evil.example) ```{noise}");
        let changes = json!([{"key": evil, "before": evil, "after": evil}]);
        let held = json!({"servers": {evil.clone(): {evil.clone(): 1}}});
        let data = json!({"kind": evil, "error": evil, "name": evil, "owner": evil,
                          "actor": evil, "changes": changes, "held": held});
        for event_type in ["sync.failed", "server.created", "settings.changed", "sync.held", "x"] {
            let text = rendered(event_type, data.clone()).to_string();
            prop_assert!(!text.contains("@everyone"), "{}", text);
            prop_assert!(!text.contains("://"), "{}", text);
            prop_assert!(!text.contains("```"), "{}", text);
        }
    }
}
