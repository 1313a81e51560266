//! From nothing to a mirrored panel, of which webhooks are told, a mail, and a Hytale account
//! in custody, with one command.

mod custody;
mod mailed;
mod outcome;
mod told;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use devstack::Options;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::gateway::Gateway;
use crate::panel::{PanelAccess, PanelSource, Size};
use crate::world::World;
use outcome::Outcome;

const POLL: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave everything running afterwards, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Print the result as JSON on standard output and all else on standard error.
    #[arg(long)]
    json: bool,
    /// How much the simulated panel holds.
    #[arg(long, value_enum, default_value = "small")]
    size: Size,
    /// Fill the simulated panel with recorded answers of a real one.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["size", "panel_url"])]
    recordings: Option<PathBuf>,
    /// Mirror a real panel at this address.
    #[arg(
        long,
        value_name = "URL",
        requires = "panel_key",
        conflicts_with = "size"
    )]
    panel_url: Option<String>,
    /// The real panel's application key.
    #[arg(long, value_name = "KEY", requires = "panel_url")]
    panel_key: Option<String>,
    /// The real panel's client key, for live figures.
    #[arg(long, value_name = "KEY", requires = "panel_url")]
    panel_client_key: Option<String>,
}

impl Arguments {
    fn panel(&self) -> Result<PanelSource> {
        if let (Some(url), Some(key)) = (&self.panel_url, &self.panel_key) {
            return Ok(PanelSource::Real(PanelAccess {
                url: url.clone(),
                key: key.clone(),
                client_key: self.panel_client_key.clone().unwrap_or_default(),
            }));
        }
        let Some(directory) = &self.recordings else {
            return Ok(PanelSource::Simulated(self.size));
        };
        let directory = directory
            .canonicalize()
            .with_context(|| format!("no recordings at {}", directory.display()))?;
        Ok(PanelSource::Recorded(directory))
    }
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let world = World::start(&Options::new(), &arguments.panel()?).await?;
    let gateway = Gateway::new(world.gateway(), &world.backend_api_key);
    let shown = match show(&gateway, &world).await {
        Ok(shown) => shown,
        Err(error) => return Err(error.context(world.last_words())),
    };

    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&shown)?);
    } else {
        let (run, told) = (shown.outcome.table(), shown.told.table());
        let (mail, hytale) = (shown.mail.table(), shown.hytale.table());
        println!("{run}{told}{mail}{hytale}");
    }
    if !shown.outcome.is_completed() {
        eprintln!("{}", world.last_words());
        bail!("the run ended {}", shown.outcome.ending());
    }
    if !shown.mail.is_complete() {
        bail!("the mail does not lead to the website");
    }
    if !shown.hytale.is_complete() {
        eprintln!("{}", world.last_words());
        bail!("the audit trail does not tell what was done with the Hytale account");
    }
    if arguments.keep {
        eprintln!("X-API-Key: {}", world.backend_api_key);
        eprintln!("X-API-Key of an administrator: {}", world.admin_key);
        eprintln!("running until Ctrl-C");
        tokio::signal::ctrl_c()
            .await
            .context("waiting for Ctrl-C")?;
    }
    world.stop()
}

/// What the demonstration shows; its JSON form is what `--json` prints.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    outcome: Outcome,
    told: told::Told,
    mail: mailed::Mailed,
    hytale: custody::Custody,
}

async fn show(gateway: &Gateway, world: &World) -> Result<Shown> {
    let listeners = told::listen(gateway, world).await?;
    let outcome = mirror(gateway, world).await?;
    Ok(Shown {
        outcome,
        told: listeners.hear(gateway, world).await?,
        mail: mailed::run(gateway, world).await?,
        hytale: custody::run(gateway, world).await?,
    })
}

async fn mirror(gateway: &Gateway, world: &World) -> Result<Outcome> {
    let run = gateway.sync_full().await?;
    watch(gateway, &run).await?;
    Outcome::read(&run, world).await
}

/// Draws the run's progress until it has ended.
async fn watch(gateway: &Gateway, run: &str) -> Result<()> {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed}  {msg}")
        .context("the progress bar's template")?;
    let bar = ProgressBar::new(100).with_style(style);
    let mut shown = String::new();
    loop {
        let status = gateway.status(run).await?;
        let progress = &status.metadata;
        let step = progress.step.as_deref().unwrap_or("waiting");
        let message = progress.last_message.as_deref().unwrap_or_default();
        bar.set_position(progress.percentage.unwrap_or_default());
        bar.set_message(format!("{step}  {message}"));
        // Where there is no terminal there is no bar: a line for each step instead.
        if bar.is_hidden() && shown != step {
            eprintln!("{:>3} %  {step}  {message}", bar.position());
            step.clone_into(&mut shown);
        }
        if status.is_terminal() {
            bar.finish();
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}
