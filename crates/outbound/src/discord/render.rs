//! What an event looks like in a channel.
//!
//! Types are told apart by their names, since events come over the wire; one that this
//! version does not know shows its data as it is.

use chrono::{DateTime, Utc};
use common::types::event::Event;
use serde_json::{Map, Value};

use super::embed::{Embed, EmbedBuilder};
use super::text::{cut, escape, units};

const GREEN: u32 = 3_066_993;
const RED: u32 = 15_158_332;
const YELLOW: u32 = 16_776_960;
const BLUE: u32 = 0x3B_82F6;
const AMBER: u32 = 0xF5_9E0B;
const PURPLE: u32 = 0x8B_5CF6;
const INDIGO: u32 = 0x63_66F1;
const SKY: u32 = 0x0E_A5E9;
const GREY: u32 = 0x6B_7280;

const SYNC: &str = "NodeByte Sync System";
const SYSTEM: &str = "NodeByte System";
const TEST: &str = "NodeByte Webhook Test";
const NOTIFICATIONS: &str = "NodeByte Notifications";

/// A setting's value, in units: enough to recognise it by.
const SETTING: usize = 50;
/// The value of a field, in units.
const FIELD: usize = 1_024;
/// The line that says what was left out, in units.
const AND_MORE: usize = 30;

/// The embed for an event. What stands in its data shows as text, whatever it is: it
/// mentions nobody, and is neither markup nor a link. The footer carries the event's id,
/// by which two messages of one event are known for what they are.
#[must_use]
pub fn embed(event: &Event) -> Embed {
    let data = Data(event.data.as_object());
    let (footer, builder) = match event.event_type.as_str() {
        "sync.started" => (SYNC, sync_started(&data)),
        "sync.completed" => (SYNC, sync_completed(&data)),
        "sync.failed" => (SYNC, sync_failed(&data)),
        "sync.cancelled" => (SYNC, sync_cancelled(&data)),
        "sync.held" => (SYNC, sync_held(&data)),
        "settings.changed" => (SYSTEM, settings_changed(&data, event.time)),
        "webhook.test" => (TEST, webhook_test(event.time)),
        other => (NOTIFICATIONS, notification(other, &data)),
    };
    builder
        .timestamp(event.time)
        .footer(&format!("{footer} · {}", event.id))
        .build()
}

fn sync_started(data: &Data<'_>) -> EmbedBuilder {
    let builder = Embed::builder("🔄 Sync Started")
        .description("Panel synchronization has started")
        .colour(BLUE);
    data.add(builder, &[("Type", "kind")])
}

fn sync_completed(data: &Data<'_>) -> EmbedBuilder {
    let builder = sync_result("Completed Successfully", "✅", GREEN);
    with_items(
        data.add(with_duration(builder, data), &[("Type", "kind")]),
        data,
    )
}

fn sync_failed(data: &Data<'_>) -> EmbedBuilder {
    let builder = with_duration(sync_result("Failed", "❌", RED), data);
    let fields = [("Type", "kind"), ("Failed Step", "failed_step")];
    let builder = with_items(data.add(builder, &fields), data);
    match data.text("error") {
        Some(error) => builder.field("Error", &error, false),
        None => builder,
    }
}

fn sync_cancelled(data: &Data<'_>) -> EmbedBuilder {
    let builder = with_duration(sync_result("Cancelled", "⚠️", YELLOW), data);
    with_items(data.add(builder, &[("Type", "kind")]), data)
}

fn sync_result(outcome: &str, sign: &str, colour: u32) -> EmbedBuilder {
    Embed::builder(&format!("🔄 Sync Operation {outcome}"))
        .description(&format!(
            "Panel synchronization has {}",
            outcome.to_lowercase()
        ))
        .colour(colour)
        .field("Status", &format!("{sign} {outcome}"), true)
}

fn with_duration(builder: EmbedBuilder, data: &Data<'_>) -> EmbedBuilder {
    match data.get("seconds").and_then(Value::as_f64) {
        Some(seconds) => builder.field("Duration", &format!("{seconds:.2} seconds"), true),
        None => builder,
    }
}

fn with_items(builder: EmbedBuilder, data: &Data<'_>) -> EmbedBuilder {
    match (data.text("items_synced"), data.text("items_total")) {
        (Some(synced), Some(total)) => {
            let failed = data.text("items_failed").unwrap_or_else(|| "0".to_owned());
            let items = format!("{synced} of {total} synced, {failed} failed");
            builder.field("Items", &items, true)
        }
        _ => builder,
    }
}

fn sync_held(data: &Data<'_>) -> EmbedBuilder {
    let builder = Embed::builder("⚠️ Sync Held Removals Back")
        .description("Too much would have been removed at once: an operator has to confirm it")
        .colour(AMBER);
    let builder = data.add(with_duration(builder, data), &[("Type", "kind")]);
    let builder = with_items(builder, data);
    let lines: Vec<String> = objects(data.get("held"))
        .flat_map(|(_kind, tables)| objects(Some(tables)))
        .map(|(table, evidence)| format!("• **{}**: {}", escape(table), numbers(evidence)))
        .collect();
    if lines.is_empty() {
        return builder;
    }
    builder.field("Held", &as_many(&lines, "\n"), false)
}

/// The numbers of the evidence for one table; what was looked at is too long to tell.
fn numbers(evidence: &Value) -> String {
    let parts: Vec<String> = objects(Some(evidence))
        .filter(|(_, value)| value.is_number())
        .map(|(name, value)| format!("{} {value}", escape(name)))
        .collect();
    parts.join(", ")
}

fn objects(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn settings_changed(data: &Data<'_>, time: DateTime<Utc>) -> EmbedBuilder {
    let changes = data.get("changes").and_then(Value::as_array);
    let lines: Vec<String> = changes.into_iter().flatten().map(change).collect();
    let builder = Embed::builder("⚙️ System Settings Updated")
        .description("Administrator has updated system configuration")
        .colour(GREEN);
    data.add(builder, &[("Modified By", "actor")])
        .field(
            "Total Changes",
            &format!("{} setting(s)", lines.len()),
            true,
        )
        .field("Changed Settings", &as_many(&lines, "\n"), false)
        .field("Updated At", &moment(time), true)
}

fn change(change: &Value) -> String {
    let part = |name: &str| change.get(name).unwrap_or(&Value::Null);
    let key = cut(&shown(part("key")), SETTING * 2);
    let [before, after] = ["before", "after"].map(|name| cut(&shown(part(name)), SETTING));
    format!("• **{key}**\n  {before} → {after}")
}

fn webhook_test(time: DateTime<Utc>) -> EmbedBuilder {
    Embed::builder("🧪 Webhook Test")
        .description("This is a test message to verify webhook connectivity")
        .colour(GREEN)
        .field("Status", "✅ Webhook is working correctly", true)
        .field("Test Time", &moment(time), true)
}

/// What comes in by name and data alone.
fn notification(event_type: &str, data: &Data<'_>) -> EmbedBuilder {
    type Fields = &'static [(&'static str, &'static str)];
    let (title, colour, fields): (_, _, Fields) = match event_type {
        "user.registered" => ("👤 New User Registered", PURPLE, &[("Email", "email")]),
        "server.created" => (
            "🖥️ Server Created",
            INDIGO,
            &[("Name", "name"), ("Owner", "owner")],
        ),
        "server.suspended" => (
            "⚠️ Server Suspended",
            AMBER,
            &[("Name", "name"), ("Reason", "reason")],
        ),
        "support.ticket_created" => (
            "🎫 New Support Ticket",
            SKY,
            &[
                ("Subject", "subject"),
                ("User", "user"),
                ("Priority", "priority"),
            ],
        ),
        _ => {
            let builder = Embed::builder("📢 Notification")
                .description(&format!("Event: {}", escape(event_type)))
                .colour(GREY);
            return data.add_all(builder);
        }
    };
    data.add(Embed::builder(title).colour(colour), fields)
}

/// As many of the lines as a field takes, and how many it does not.
fn as_many(lines: &[String], between: &str) -> String {
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let is_last = at + 1 == lines.len();
        let room = if is_last { FIELD } else { FIELD - AND_MORE };
        if units(&text) + units(between) + units(line) > room {
            let left = lines.len() - at;
            return format!("{text}{between}… and {left} more");
        }
        if at > 0 {
            text.push_str(between);
        }
        text.push_str(line);
    }
    text
}

fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A value as text that shows as it is.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

/// An event's data, if it is an object.
struct Data<'a>(Option<&'a Map<String, Value>>);

impl<'a> Data<'a> {
    /// What is there and not null.
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(shown)
    }

    /// The fields that are there, beside each other.
    fn add(&self, builder: EmbedBuilder, fields: &[(&str, &str)]) -> EmbedBuilder {
        fields
            .iter()
            .filter_map(|(title, name)| Some((title, self.text(name)?)))
            .fold(builder, |builder, (title, text)| {
                builder.field(title, &text, true)
            })
    }

    fn add_all(&self, builder: EmbedBuilder) -> EmbedBuilder {
        self.0
            .into_iter()
            .flatten()
            .fold(builder, |builder, (name, value)| {
                builder.field(&escape(name), &shown(value), true)
            })
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
