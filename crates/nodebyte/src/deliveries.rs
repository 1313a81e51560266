//! `nodebyte deliveries`.

use crate::arguments::{Deliveries, DeliveryChoice};
use crate::failure::Failure;
use crate::output::{Table, time};
use crate::session::{Session, operator};
use common::types::caller::Actor;
use common::types::id::DeliveryId;
use serde_json::{Value, json};
use std::process::ExitCode;
use store::{AttemptRow, DeliveryFilter, DeliveryRow};

pub async fn run(session: &Session<'_>, command: &Deliveries) -> Result<ExitCode, Failure> {
    match command {
        Deliveries::List { choice, limit } => list(session, &filter(choice), *limit).await,
        Deliveries::Show { id } => show(session, *id).await,
        Deliveries::Replay {
            id,
            choice,
            limit,
            rate,
            dry_run,
        } => {
            let filter = chosen(*id, choice)?;
            if filter.state.as_deref() == Some("pending") {
                return Err(Failure::Usage(
                    "what is pending is tried by itself; choose another state".to_owned(),
                ));
            }
            replay(session, &filter, i64::from(*limit), *rate, *dry_run).await
        }
        Deliveries::Purge {
            id,
            choice,
            limit,
            dry_run,
        } => {
            let mut filter = chosen(*id, choice)?;
            let dead = filter.state.get_or_insert_with(|| "dead".to_owned());
            if dead != "dead" {
                return Err(Failure::Usage(
                    "only what is dead is purged; the rest goes when its time is over".to_owned(),
                ));
            }
            purge(session, &filter, i64::from(*limit), *dry_run).await
        }
    }
}

/// A choice that something is done to, never all deliveries.
fn chosen(id: Option<DeliveryId>, choice: &DeliveryChoice) -> Result<DeliveryFilter, Failure> {
    let filter = DeliveryFilter {
        id,
        ..filter(choice)
    };
    if filter == DeliveryFilter::default() {
        return Err(Failure::Usage(
            "say which deliveries: an id, or at least one of the options that narrow the choice"
                .to_owned(),
        ));
    }
    Ok(filter)
}

fn filter(choice: &DeliveryChoice) -> DeliveryFilter {
    DeliveryFilter {
        id: None,
        webhook: choice.webhook,
        state: choice.state.clone(),
        event: choice.event,
        event_type: choice.event_type.clone(),
        subject: choice.subject.clone(),
        since: choice.since,
        until: choice.until,
    }
}

async fn list(
    session: &Session<'_>,
    filter: &DeliveryFilter,
    limit: u16,
) -> Result<ExitCode, Failure> {
    let rows = session
        .store
        .deliveries(filter, None, i64::from(limit))
        .await?;
    let views: Vec<Value> = rows.iter().map(view).collect();
    session.output.show(&views, || {
        let mut table = Table::new([
            "TIME", "ID", "WEBHOOK", "EVENT", "STATE", "ATTEMPTS", "NEXT",
        ]);
        for row in &rows {
            table.row([
                time(Some(row.created_at)),
                row.id.to_string(),
                row.webhook.clone(),
                row.event_type.clone(),
                row.state.clone(),
                row.attempts.to_string(),
                time(row.due_at),
            ]);
        }
        table.or("There are no such deliveries.")
    })
}

async fn show(session: &Session<'_>, id: DeliveryId) -> Result<ExitCode, Failure> {
    let filter = DeliveryFilter {
        id: Some(id),
        ..DeliveryFilter::default()
    };
    let row = session.store.deliveries(&filter, None, 1).await?.pop();
    let row = row.ok_or_else(|| Failure::NotFound {
        what: "delivery",
        name: id.to_string(),
    })?;
    let attempts = session.store.delivery_attempts(id).await?;
    let mut whole = view(&row);
    whole["attempts"] = attempts.iter().map(attempt).collect();
    session.output.show(&whole, || {
        let mut table = Table::new(["ATTEMPT", "TIME", "OUTCOME", "STATUS", "MS", "ANSWER"]);
        let number = |it: Option<i32>| it.map_or_else(|| "-".to_owned(), |it| it.to_string());
        for it in &attempts {
            table.row([
                it.number.to_string(),
                time(Some(it.started_at)),
                it.outcome.clone(),
                number(it.status),
                number(it.milliseconds),
                it.answer.clone().unwrap_or_default(),
            ]);
        }
        let state = match &row.reason {
            Some(reason) => format!("{} ({reason})", row.state),
            None => row.state.clone(),
        };
        format!(
            "{} {} about {} to {} ({}): {state}\n{}",
            row.event_type,
            row.event_id,
            row.subject,
            row.webhook,
            row.webhook_id,
            table.or("It was not tried yet.")
        )
    })
}

async fn replay(
    session: &Session<'_>,
    filter: &DeliveryFilter,
    limit: i64,
    rate: f64,
    dry_run: bool,
) -> Result<ExitCode, Failure> {
    let report = if dry_run {
        session.store.deliveries_replayable(filter).await?
    } else {
        let actor = Actor::Operator(operator());
        let store = &session.store;
        store.deliveries_replay(filter, limit, rate, &actor).await?
    };
    if let (Some(id), 0) = (filter.id, report.matched) {
        return Err(Failure::NotFound {
            what: "delivery that is over or was set aside",
            name: id.to_string(),
        });
    }
    let shown = json!({
        "matched": report.matched, "replayed": report.replayed, "dry_run": dry_run,
    });
    session.output.show(&shown, || {
        if dry_run {
            let replayed = report.matched.min(limit);
            format!(
                "{replayed} of {} deliveries would be made again.",
                report.matched
            )
        } else {
            format!(
                "{} of {} deliveries are made again.",
                report.replayed, report.matched
            )
        }
    })
}

async fn purge(
    session: &Session<'_>,
    filter: &DeliveryFilter,
    limit: i64,
    dry_run: bool,
) -> Result<ExitCode, Failure> {
    let store = &session.store;
    let (matched, purged) = if dry_run {
        (store.deliveries_replayable(filter).await?.matched, 0)
    } else {
        let actor = Actor::Operator(operator());
        let report = store.deliveries_purge(filter, limit, &actor).await?;
        (report.matched, report.purged)
    };
    if let (Some(id), 0) = (filter.id, matched) {
        return Err(Failure::NotFound {
            what: "dead delivery",
            name: id.to_string(),
        });
    }
    let shown = json!({ "matched": matched, "purged": purged, "dry_run": dry_run });
    session.output.show(&shown, || {
        if dry_run {
            let purged = matched.min(limit);
            format!("{purged} of {matched} deliveries would be deleted.")
        } else {
            format!("{purged} of {matched} deliveries are deleted.")
        }
    })
}

fn view(row: &DeliveryRow) -> Value {
    json!({
        "id": row.id, "webhook_id": row.webhook_id, "webhook": row.webhook,
        "event_id": row.event_id, "event_type": row.event_type, "subject": row.subject,
        "state": row.state, "attempts": row.attempts, "failures": row.failures,
        "next_attempt_at": row.due_at, "reason": row.reason, "created_at": row.created_at,
        "finished_at": row.finished_at,
    })
}

fn attempt(row: &AttemptRow) -> Value {
    json!({
        "number": row.number, "outcome": row.outcome, "counted": row.counted,
        "status": row.status, "answer": row.answer, "started_at": row.started_at,
        "milliseconds": row.milliseconds,
    })
}
