//! Measures: release builds, private servers with default durability, ratios within one run.

mod figures;
mod mirror;
mod report;
mod scenario;
mod simulator;
mod sync;

use std::fs;

use anyhow::{Context, Result};

use crate::shell;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure.
    #[arg(value_enum, default_value = "sync")]
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// The panel mirror.
    Sync,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    match arguments.what {
        What::Sync => {
            let report = sync::measure().await?;
            println!("{}", report.table());
            let directory = shell::root().join("target/bench");
            fs::create_dir_all(&directory).context("creating target/bench")?;
            fs::write(directory.join("sync.json"), report.json()?)
                .context("writing target/bench/sync.json")
        }
    }
}
