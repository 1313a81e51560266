//! `nodebyte sync status`.

use super::view::{RunView, StepView, TaskView, instant};
use super::{existing, sentence};
use crate::failure::Failure;
use crate::output::Table;
use crate::session::Session;
use common::types::id::RunId;
use serde_json::{Value, json};
use std::process::ExitCode;
use store::{RunRow, TaskRow};

/// The newest runs, and holds that can still be confirmed.
pub async fn overview(session: &Session<'_>, limit: u16) -> Result<ExitCode, Failure> {
    let shown = session.store.runs(None, i64::from(limit), 0).await?;
    let holds = session.store.runs_with_open_holds().await?;
    let value = json!({
        "runs": shown.iter().map(RunView::of).collect::<Vec<_>>(),
        "open_holds": holds.iter().map(|run| json!({ "run_id": run.id, "held": run.held })).collect::<Vec<_>>(),
    });
    session.output.show(&value, || {
        let mut table = Table::new([
            "RUN",
            "TARGET",
            "STATUS",
            "%",
            "ROWS",
            "SKIPPED",
            "ASKED FOR",
            "BY",
        ]);
        for run in &shown {
            table.row([
                run.id.to_string(),
                run.target.clone(),
                run.status.clone(),
                run.percentage.to_string(),
                run.items_synced.to_string(),
                run.items_failed.to_string(),
                instant(run.created_at),
                run.requested_by.clone(),
            ]);
        }
        let mut text = table.or("No runs.");
        for run in &holds {
            text.push_str(&format!(
                "\nRun {} holds removals back ({}); `nodebyte sync confirm {}` has them made.",
                run.id,
                held_kinds(run).join(", "),
                run.id
            ));
        }
        text
    })
}

/// One run with its steps, tasks and holds.
pub async fn one(session: &Session<'_>, id: RunId) -> Result<ExitCode, Failure> {
    let run = existing(session, id).await?;
    let steps = session.store.run_kinds(id).await?;
    let tasks = session.store.tasks(id).await?;
    let value = json!({
        "run": RunView::of(&run),
        "steps": steps.iter().map(StepView::of).collect::<Vec<_>>(),
        "tasks": tasks.iter().map(TaskView::of).collect::<Vec<_>>(),
    });
    session.output.show(&value, || {
        let mut text = format!(
            "{}\n{}% in {}: {}\n",
            sentence(&run),
            run.percentage,
            run.step,
            run.last_message
        );
        let mut table = Table::new(["STEP", "TASKS", "DONE", "FAILED", "ROWS", "OF", "SKIPPED"]);
        for step in &steps {
            table.row([
                step.kind.clone(),
                step.tasks.to_string(),
                step.done.to_string(),
                step.failed_tasks.to_string(),
                step.items_synced.to_string(),
                step.items_total.to_string(),
                step.items_failed.to_string(),
            ]);
        }
        text.push_str(&format!("\n{}", table.or("No tasks yet.")));
        text.push_str(&unfinished(&tasks));
        if let Some(held) = &run.held {
            text.push_str(&format!("\nHeld back: {held:#}\n"));
        }
        text
    })
}

/// The tasks that are worked on or failed; hundreds of others say nothing more
/// than their step's line.
fn unfinished(tasks: &[TaskRow]) -> String {
    let mut table = Table::new([
        "TASK",
        "STATE",
        "WORKER",
        "LOST LEASES",
        "WAITS FOR",
        "ERROR",
    ]);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    for task in tasks
        .iter()
        .filter(|task| matches!(task.state.as_str(), "leased" | "failed"))
    {
        table.row([
            task.kind.clone(),
            task.state.clone(),
            text(&task.worker_id.map(|id| id.to_string())),
            task.lost_leases.to_string(),
            text(&task.waits_for),
            text(&task.error),
        ]);
    }
    format!("\n{}", table.or(""))
}

fn held_kinds(run: &RunRow) -> Vec<&str> {
    let held = run.held.as_ref().and_then(Value::as_object);
    held.into_iter()
        .flatten()
        .map(|(kind, _)| kind.as_str())
        .collect()
}
