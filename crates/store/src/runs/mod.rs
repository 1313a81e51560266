//! Runs: what was asked for, how far it is, how it ended.
//!
//! Which runs may work at the same time is decided under a lock on the panel's
//! row: no two running runs of a panel share a kind. Locks are taken in the
//! order panel, tasks, run.

mod begin;
mod end;
mod progress;
mod row;

pub use begin::{ConfirmOutcome, NewRun, Triggered};
pub use end::{CancelOutcome, Ending};
pub use row::{LogLine, RunError, RunKind, RunRow};

use crate::error::StoreError;
use crate::outbox::Outgoing;
use crate::pool::Connection;
use chrono::Utc;
use common::types::event::{Event, EventType};
use common::types::id::RunId;
use diesel::sql_query;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

fn run_event(run: &RunRow, event_type: EventType, more: Value) -> Outgoing {
    let mut data = json!({ "panel_id": run.panel_id, "kind": run.target });
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    Outgoing::event(Event::new(event_type, run.id.to_string(), Utc::now(), data))
}

/// The event that a run ended so; with how long it lasted and what it did.
fn end_event(run: &RunRow, event_type: EventType, more: Value) -> Outgoing {
    let end = run.completed_at.unwrap_or(run.updated_at);
    let length = end - run.started_at.unwrap_or(run.created_at);
    let mut data = json!({
        "seconds": length.to_std().unwrap_or_default().as_secs_f64(),
        "items_total": run.items_total,
        "items_synced": run.items_synced,
        "items_failed": run.items_failed,
    });
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    run_event(run, event_type, data)
}

pub(crate) async fn log(
    conn: &mut Connection,
    id: RunId,
    level: &str,
    message: &str,
) -> Result<(), StoreError> {
    sql_query("INSERT INTO sync_logs (run_id, level, message) VALUES ($1, $2, $3)")
        .bind::<SqlUuid, _>(id.0)
        .bind::<Text, _>(level)
        .bind::<Text, _>(message)
        .execute(conn)
        .await?;
    Ok(())
}
