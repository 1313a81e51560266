//! Measures: release builds, private servers with default durability, ratios within one run.

mod figures;
mod gateway;
mod mirror;
mod notifier;
mod report;
mod scenario;
mod side;
mod simulator;
mod sync;

use std::fs;

use anyhow::{Context, Result};
use report::Report;

use crate::shell;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure; the mirror unless told.
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// The panel mirror.
    Sync,
    /// The gateway: who calls, how often, with what tokens.
    Gateway(gateway::Arguments),
    /// The notifier: how fast, in what order and how often events arrive.
    Notifier(notifier::Arguments),
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.what {
        None | Some(What::Sync) => keep("sync", &sync::measure().await?),
        Some(What::Gateway(arguments)) => {
            let report = gateway::measure(arguments).await?;
            keep("gateway", &report)?;
            report.verdict()
        }
        Some(What::Notifier(arguments)) => {
            let report = notifier::measure(arguments).await?;
            keep("notifier", &report)?;
            report.verdict()
        }
    }
}

/// The binaries as they are measured.
fn build() -> Result<()> {
    // The whole workspace, as everywhere: fewer packages have other features and are built anew.
    shell::run(shell::cargo(&[
        "build",
        "--profile",
        "bench",
        "--workspace",
        "--bins",
    ]))
}

/// Shows a report and writes it where the next one of its name replaces it.
fn keep(name: &str, report: &Report) -> Result<()> {
    println!("{}", report.table());
    let directory = shell::root().join("target/bench");
    fs::create_dir_all(&directory).context("creating target/bench")?;
    let file = directory.join(format!("{name}.json"));
    fs::write(&file, report.json()?).with_context(|| format!("writing {}", file.display()))
}
