//! `nodebyte audit`.

use crate::arguments::{Audit, AuditLines};
use crate::failure::Failure;
use crate::output::Table;
use crate::session::Session;
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};
use std::process::ExitCode;
use store::{AuditFilter, AuditRow};

/// Lines read at once.
const PAGE: i64 = 1000;

pub async fn run(session: &Session<'_>, command: &Audit) -> Result<ExitCode, Failure> {
    match command {
        Audit::Query { lines, limit } => query(session, filter(lines, i64::from(*limit))).await,
        Audit::Export { lines } => export(session, filter(lines, PAGE)).await,
    }
}

fn filter(lines: &AuditLines, limit: i64) -> AuditFilter {
    AuditFilter {
        account: lines.account,
        event: lines.event,
        profile: lines.profile,
        session: lines.session,
        principal: lines.principal.clone(),
        since: lines.since,
        until: lines.until,
        before: None,
        limit,
    }
}

async fn query(session: &Session<'_>, filter: AuditFilter) -> Result<ExitCode, Failure> {
    let world = session.config.hytale.world();
    let rows = session.store.hytale_audit(world, &filter).await?;
    let views: Vec<Value> = rows.iter().map(view).collect();
    session.output.show(&views, || {
        let mut table = Table::new(["TIME", "EVENT", "ACCOUNT", "PRINCIPAL", "IP", "DETAILS"]);
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        for row in &rows {
            table.row([
                time(row.created_at),
                row.event_type.clone(),
                or_dash(&row.account_id.map(|id| id.to_string())),
                or_dash(&row.principal),
                or_dash(&row.ip),
                row.details.to_string(),
            ]);
        }
        table.or("The trail has no such lines.")
    })
}

/// Page by page, so that a long trail needs no memory.
async fn export(session: &Session<'_>, mut filter: AuditFilter) -> Result<ExitCode, Failure> {
    let world = session.config.hytale.world();
    loop {
        let rows = session.store.hytale_audit(world, &filter).await?;
        for row in &rows {
            if !session.output.line(&view(row))? {
                return Ok(ExitCode::SUCCESS);
            }
        }
        match rows.last() {
            Some(last) => filter.before = Some((last.created_at, last.id)),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn view(row: &AuditRow) -> Value {
    json!({
        "id": row.id,
        "at": time(row.created_at),
        "event": row.event_type,
        "account_id": row.account_id,
        "profile_id": row.profile_id,
        "session_id": row.session_id,
        "principal": row.principal,
        "ip": row.ip,
        "user_agent": row.user_agent,
        "request_id": row.request_id,
        "details": row.details,
    })
}

fn time(time: chrono::DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
