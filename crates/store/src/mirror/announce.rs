//! What changed, as events.

use super::merge::{Change, Counts, Touched};
use chrono::{DateTime, Utc};
use common::types::event::{Event, EventType};
use common::types::id::PanelId;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Tables whose rows are announced one by one.
pub(crate) fn stem(table: &str) -> Option<&'static str> {
    Some(match table {
        "locations" => "location",
        "nodes" => "node",
        "nests" => "nest",
        "eggs" => "egg",
        "servers" => "server",
        "server_databases" => "database",
        "panel_users" => "user",
        _ => return None,
    })
}

/// The event of one row: `panel.<stem>.<verb>`.
pub(crate) fn row_event(
    panel: PanelId,
    stem: &str,
    verb: &str,
    id: Uuid,
    remote_id: i64,
    changed: Option<&BTreeSet<String>>,
    now: DateTime<Utc>,
) -> Option<Event> {
    let name = format!("panel.{stem}.{verb}");
    let event_type = *EventType::ALL.iter().find(|known| known.as_str() == name)?;
    let mut data = json!({ "panel_id": panel, "remote_id": remote_id });
    if let Some(changed) = changed {
        data["changed"] = json!(changed);
    }
    Some(Event::new(event_type, id.to_string(), now, data))
}

/// Collects the changes of one transaction, so that a row that changed in
/// several ways is announced once.
#[derive(Default)]
pub(crate) struct Announcements {
    rows: BTreeMap<(&'static str, Uuid), Row>,
}

struct Row {
    remote_id: i64,
    verb: &'static str,
    changed: BTreeSet<String>,
}

impl Announcements {
    /// Notes what a merge did to a table's rows.
    pub fn rows(&mut self, stem: &'static str, touched: &[Touched]) {
        for row in touched {
            let verb = match row.change {
                Change::Created => "created",
                Change::Restored => "restored",
                Change::Updated => "updated",
                Change::Replaced => continue,
            };
            // A key that could be resolved at last is no change on the panel.
            if verb == "updated" && row.changed.is_empty() {
                continue;
            }
            let changed = row.changed.iter().map(|name| field(name)).collect();
            self.rows.insert(
                (stem, row.id),
                Row {
                    remote_id: row.remote_id,
                    verb,
                    changed,
                },
            );
        }
    }

    /// Notes that something that belongs to a row changed.
    pub fn part(&mut self, stem: &'static str, id: Uuid, remote_id: i64, part: &str) {
        self.rows
            .entry((stem, id))
            .or_insert_with(|| Row {
                remote_id,
                verb: "updated",
                changed: BTreeSet::new(),
            })
            .changed
            .insert(part.to_owned());
    }

    /// Takes in what another part of the same transaction noted.
    pub fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
    }

    /// The events, one a row.
    pub fn into_events(self, panel: PanelId, now: DateTime<Utc>) -> Vec<Event> {
        self.rows
            .into_iter()
            .filter_map(|((stem, id), row)| {
                let changed = (row.verb == "updated").then_some(&row.changed);
                row_event(panel, stem, row.verb, id, row.remote_id, changed, now)
            })
            .collect()
    }
}

/// The name that listeners know a column by.
fn field(column: &str) -> String {
    match column {
        "allocation_remote_ids" => "allocations".to_owned(),
        "remote_created_at" => "created_at".to_owned(),
        "remote_updated_at" => "updated_at".to_owned(),
        other => other.strip_suffix("_remote_id").unwrap_or(other).to_owned(),
    }
}

/// How many allocations of one node a transaction touched: they are announced together.
pub(crate) struct AllocationCounts {
    node: i64,
    created: i64,
    updated: i64,
    restored: i64,
}

impl AllocationCounts {
    /// Nothing, where nothing changed.
    pub fn of(node: i64, counts: &Counts) -> Option<Self> {
        (counts.created + counts.updated + counts.restored > 0).then_some(Self {
            node,
            created: counts.created,
            updated: counts.updated,
            restored: counts.restored,
        })
    }

    /// Adds the counts of another part of the same page.
    pub fn add(&mut self, other: &Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.restored += other.restored;
    }

    /// The event that tells of them.
    pub fn into_event(self, panel: PanelId, now: DateTime<Utc>) -> Event {
        Event::new(
            EventType::AllocationsChanged,
            format!("{panel}/node/{}", self.node),
            now,
            json!({
                "panel_id": panel, "node_remote_id": self.node,
                "created": self.created, "updated": self.updated,
                "deleted": 0, "restored": self.restored,
            }),
        )
    }
}
