//! `nodebyte mails`.

use crate::arguments::{MailChoice, Mails};
use crate::failure::Failure;
use crate::output::{Table, time};
use crate::session::{Session, operator};
use common::types::caller::Actor;
use common::types::id::MailId;
use serde_json::{Value, json};
use std::process::ExitCode;
use store::{MailAttemptRow, MailFilter, MailReplay, MailRow};

pub async fn run(session: &Session<'_>, command: &Mails) -> Result<ExitCode, Failure> {
    match command {
        Mails::List { choice, limit } => list(session, choice, *limit).await,
        Mails::Show { id } => show(session, *id).await,
        Mails::Replay { id } => replay(session, *id).await,
    }
}

async fn list(session: &Session<'_>, choice: &MailChoice, limit: u16) -> Result<ExitCode, Failure> {
    let filter = MailFilter {
        id: None,
        recipient: choice.to.clone(),
        state: choice.state.clone(),
        template: choice.template.clone(),
        since: choice.since,
        until: choice.until,
    };
    let rows = session.store.mails(&filter, None, i64::from(limit)).await?;
    let views: Vec<Value> = rows.iter().map(view).collect();
    session.output.show(&views, || {
        let mut table = Table::new(["TIME", "ID", "TEMPLATE", "TO", "STATE", "ATTEMPTS", "NEXT"]);
        for row in &rows {
            table.row([
                time(Some(row.created_at)),
                row.id.to_string(),
                row.template.clone(),
                row.recipient.clone(),
                row.state.clone(),
                row.attempts.to_string(),
                time(row.due_at),
            ]);
        }
        table.or("There are no such mails.")
    })
}

async fn show(session: &Session<'_>, id: MailId) -> Result<ExitCode, Failure> {
    let filter = MailFilter {
        id: Some(id),
        ..MailFilter::default()
    };
    let row = session.store.mails(&filter, None, 1).await?.pop();
    let row = row.ok_or_else(|| unknown(id))?;
    let attempts = session.store.mail_attempts(id).await?;
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
            "{} to {}, asked for by {}: {state}\n{}",
            row.template,
            row.recipient,
            row.created_by,
            table.or("It was not tried yet.")
        )
    })
}

async fn replay(session: &Session<'_>, id: MailId) -> Result<ExitCode, Failure> {
    let actor = Actor::Operator(operator());
    let replayed = match session.store.mail_replay(id, &actor).await {
        Err(store::StoreError::NotFound(_)) => return Err(unknown(id)),
        replayed => replayed?,
    };
    match replayed {
        MailReplay::Replayed => session
            .output
            .show(&json!({ "id": id.to_string(), "replayed": true }), || {
                "The mail is tried again.".to_owned()
            }),
        MailReplay::NotDead => Err(Failure::Refused(
            "only dead mails are tried again; this one is not".to_owned(),
        )),
        MailReplay::Suppressed => Err(Failure::Refused(
            "nothing is sent to its address any more: mail to it bounced, or somebody complained"
                .to_owned(),
        )),
        MailReplay::Erased => Err(Failure::Refused(
            "the mail held a link, which is erased by now: have another mail made".to_owned(),
        )),
    }
}

fn unknown(id: MailId) -> Failure {
    Failure::NotFound {
        what: "mail",
        name: id.to_string(),
    }
}

fn view(row: &MailRow) -> Value {
    json!({
        "id": row.id, "template": row.template, "recipient": row.recipient,
        "subject": row.subject, "state": row.state, "attempts": row.attempts,
        "failures": row.failures, "next_attempt_at": row.due_at,
        "link_expires_at": row.expires_at, "resend_id": row.resend_id,
        "created_by": row.created_by, "reason": row.reason, "created_at": row.created_at,
        "finished_at": row.finished_at,
    })
}

fn attempt(row: &MailAttemptRow) -> Value {
    json!({
        "number": row.number, "outcome": row.outcome, "counted": row.counted,
        "status": row.status, "answer": row.answer, "started_at": row.started_at,
        "milliseconds": row.milliseconds,
    })
}
