//! `nodebyte sync`.

mod status;
mod view;
mod watch;

use crate::arguments::{Run, Sync};
use crate::failure::Failure;
use crate::output::Table;
use crate::session::{Session, operator};
use common::types::id::{RunId, WorkerId};
use common::types::sync::{RunStatus, Target};
use relay::Relay;
use serde_json::{Value, json};
use std::process::ExitCode;
use store::{CancelOutcome, ConfirmOutcome, NewRun, RunRow};
use uuid::Uuid;
use view::{RunView, instant};

/// What a watched run's end makes of the process's.
const FAILED: u8 = 1;
const CANCELLED: u8 = 2;

pub async fn run(session: &Session<'_>, command: &Sync) -> Result<ExitCode, Failure> {
    match command {
        Sync::Run(asked) => trigger(session, asked).await,
        Sync::Status { run: None, limit } => status::overview(session, *limit).await,
        Sync::Status { run: Some(run), .. } => status::one(session, *run).await,
        Sync::Logs { run } => logs(session, *run).await,
        Sync::Errors { run, limit } => errors(session, *run, *limit).await,
        Sync::Cancel { run } => cancel(session, *run).await,
        Sync::Confirm { run } => confirm(session, *run).await,
        Sync::Conflicts => conflicts(session).await,
    }
}

async fn trigger(session: &Session<'_>, asked: &Run) -> Result<ExitCode, Failure> {
    if asked.skip_users && asked.kind != Target::Full {
        return Err(Failure::Usage(
            "--skip-users belongs to a full run".to_owned(),
        ));
    }
    let panel = session.panel(&asked.panel).await?;
    let triggered = session
        .store
        .run_trigger(&NewRun {
            panel: panel.panel_id(),
            target: asked.kind,
            skip_users: asked.skip_users,
            requested_by: operator(),
            request_id: Some(Uuid::now_v7().to_string()),
        })
        .await?;
    if triggered.new {
        wake_workers(session).await;
    } else {
        session.output.note(format_args!(
            "Run {} covers this already.",
            triggered.run.id
        ));
    }
    let run = if asked.watch {
        watch::until_end(session, triggered.run.run_id()).await?
    } else {
        triggered.run
    };
    let mut view = json!(RunView::of(&run));
    view["new"] = json!(triggered.new);
    session.output.show(&view, || sentence(&run))?;
    Ok(if asked.watch {
        exit_code(&run)?
    } else {
        ExitCode::SUCCESS
    })
}

/// Publishes the command that wakes a worker, in case no relay runs now. Without
/// RabbitMQ idle workers find the run by themselves.
async fn wake_workers(session: &Session<'_>) {
    let woken = async {
        let broker = session.broker().await?;
        let round = Relay::flush(
            session.store.clone(),
            broker.clone(),
            WorkerId::new(),
            &session.log,
        )
        .await;
        broker.close().await;
        round.map_err(Failure::from)
    };
    if woken.await.is_err() {
        session
            .output
            .note("RabbitMQ could not be told; an idle worker finds the run within seconds.");
    }
}

async fn cancel(session: &Session<'_>, id: RunId) -> Result<ExitCode, Failure> {
    match session.store.run_cancel(id).await? {
        CancelOutcome::Cancelled(run) => session.output.show(&RunView::of(&run), || sentence(&run)),
        CancelOutcome::Finished(run) => Err(Failure::Refused(format!(
            "run {id} has ended already: {}",
            run.status
        ))),
        CancelOutcome::Unknown => Err(unknown(id)),
    }
}

async fn confirm(session: &Session<'_>, id: RunId) -> Result<ExitCode, Failure> {
    let operator = operator();
    let request = Uuid::now_v7().to_string();
    match session
        .store
        .run_confirm(id, &operator, Some(&request))
        .await?
    {
        ConfirmOutcome::Started(run) => {
            wake_workers(session).await;
            session.output.show(&RunView::of(&run), || {
                format!("Run {} looks again at what run {id} held back.", run.id)
            })
        }
        ConfirmOutcome::NothingHeld => Err(Failure::Refused(format!(
            "run {id} has held nothing back, or has not ended"
        ))),
        ConfirmOutcome::Superseded => Err(Failure::Refused(format!(
            "a later run has listed what run {id} held back; confirm that one's holds"
        ))),
        ConfirmOutcome::Unknown => Err(unknown(id)),
    }
}

async fn logs(session: &Session<'_>, id: RunId) -> Result<ExitCode, Failure> {
    existing(session, id).await?;
    let lines = session.store.run_logs(id).await?;
    let views: Vec<Value> = lines
        .iter()
        .map(
            |line| json!({ "time": line.created_at, "level": line.level, "message": line.message }),
        )
        .collect();
    session.output.show(&views, || {
        lines
            .iter()
            .map(|line| {
                format!(
                    "{}  {:<7}  {}\n",
                    instant(line.created_at),
                    line.level,
                    line.message
                )
            })
            .collect()
    })
}

async fn errors(session: &Session<'_>, id: RunId, limit: u32) -> Result<ExitCode, Failure> {
    existing(session, id).await?;
    let errors = session.store.run_errors(id, i64::from(limit)).await?;
    let views: Vec<Value> = errors
        .iter()
        .map(|error| {
            json!({
                "kind": error.kind,
                "node": (error.scope != 0).then_some(error.scope),
                "position": error.position,
                "remote_id": error.remote_id,
                "reason": error.reason,
                "time": error.created_at,
            })
        })
        .collect();
    session.output.show(&views, || {
        let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let mut table = Table::new(["KIND", "NODE", "POSITION", "PANEL ID", "REASON"]);
        for error in &errors {
            table.row([
                error.kind.clone(),
                number(Some(error.scope).filter(|node| *node != 0)),
                number(error.position),
                number(error.remote_id),
                error.reason.clone(),
            ]);
        }
        table.or("No record was skipped.")
    })
}

async fn conflicts(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let conflicts = session.store.link_conflicts().await?;
    let views: Vec<Value> = conflicts
        .iter()
        .map(|conflict| {
            json!({
                "panel_id": conflict.panel_id,
                "email": conflict.email,
                "reason": conflict.reason,
                "user_ids": conflict.user_ids,
                "panel_user_ids": conflict.panel_user_ids,
                "detected_at": conflict.detected_at,
            })
        })
        .collect();
    session.output.show(&views, || {
        let mut table = Table::new(["EMAIL", "REASON", "ACCOUNTS", "PANEL USERS", "SINCE"]);
        for conflict in &conflicts {
            table.row([
                conflict.email.clone(),
                conflict.reason.clone(),
                conflict.user_ids.len().to_string(),
                conflict.panel_user_ids.len().to_string(),
                instant(conflict.detected_at),
            ]);
        }
        table.or("No conflicts.")
    })
}

async fn existing(session: &Session<'_>, id: RunId) -> Result<RunRow, Failure> {
    session.store.run(id).await?.ok_or_else(|| unknown(id))
}

fn unknown(id: RunId) -> Failure {
    Failure::NotFound {
        what: "run",
        name: id.to_string(),
    }
}

fn exit_code(run: &RunRow) -> Result<ExitCode, Failure> {
    Ok(match run.run_status()? {
        RunStatus::Failed => ExitCode::from(FAILED),
        RunStatus::Cancelled => ExitCode::from(CANCELLED),
        RunStatus::Completed | RunStatus::Running | RunStatus::Pending => ExitCode::SUCCESS,
    })
}

/// How a run stands, in a line.
fn sentence(run: &RunRow) -> String {
    let mut text = format!("Run {} of {}: {}", run.id, run.target, run.status);
    if run.items_synced > 0 || run.items_failed > 0 {
        text.push_str(&format!(
            ", {} rows, {} skipped, {} requests",
            run.items_synced, run.items_failed, run.requests
        ));
    }
    if let Some(error) = &run.error {
        let step = run.failed_step.as_deref().unwrap_or("an unknown step");
        text.push_str(&format!("; in {step}: {error}"));
    }
    if run.held.is_some() {
        text.push_str(&format!(
            "; removals are held back, see `nodebyte sync status {}`",
            run.id
        ));
    }
    text
}
