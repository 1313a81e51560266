//! Follows a run to its end: a bar on a terminal, a line a change elsewhere.

use crate::failure::Failure;
use crate::session::Session;
use common::types::id::RunId;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};
use store::RunRow;

/// Between two looks; PostgreSQL gets progress at most four times a second.
const PACE: Duration = Duration::from_millis(250);
/// How long PostgreSQL may be away.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the run as it ended.
pub async fn until_end(session: &Session<'_>, id: RunId) -> Result<RunRow, Failure> {
    let bar = io::stderr().is_terminal().then(bar);
    let mut told = String::new();
    let mut answered = Instant::now();
    loop {
        match session.store.run(id).await {
            Ok(Some(run)) => {
                answered = Instant::now();
                let line = line(&run);
                match &bar {
                    Some(bar) => {
                        bar.set_position(u64::try_from(run.percentage).unwrap_or(0));
                        bar.set_message(line);
                    }
                    None if line != told => {
                        session
                            .output
                            .note(format_args!("{:>3}% {line}", run.percentage));
                        told = line;
                    }
                    None => {}
                }
                if run.run_status()?.is_final() {
                    if let Some(bar) = bar {
                        bar.finish_and_clear();
                    }
                    return Ok(run);
                }
            }
            Ok(None) => return Err(super::unknown(id)),
            Err(error) if error.is_transient() && answered.elapsed() < PATIENCE => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(PACE).await;
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}% {elapsed_precise} {msg}")
        .unwrap_or_else(|_known_to_be_right| ProgressStyle::default_bar());
    ProgressBar::new(100).with_style(style)
}

fn line(run: &RunRow) -> String {
    let mut line = format!("{} {}", run.status, run.step);
    if run.items_total > 0 {
        line.push_str(&format!(" {}/{}", run.items_synced, run.items_total));
    }
    if run.items_failed > 0 {
        line.push_str(&format!(", {} skipped", run.items_failed));
    }
    if !run.last_message.is_empty() {
        line.push_str(&format!(": {}", run.last_message));
    }
    line
}
