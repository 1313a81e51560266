//! The system for development.

use anyhow::{Context, Result};
use devstack::{Options, Ports};

use crate::panel::{PanelSource, Size};
use crate::world::World;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How much the simulated panel holds.
    #[arg(long, value_enum, default_value = "small")]
    size: Size,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let options = Options {
        ports: Ports::Fixed,
        ..Options::new()
    };
    let world = World::start(&options, &PanelSource::Simulated(arguments.size)).await?;
    world.follow_logs()?;
    for (name, url) in &world.urls {
        eprintln!("{name:<21}{url}");
    }
    eprintln!("{:<21}{}", "database", world.database_url);
    eprintln!("{:<21}{}", "X-API-Key", world.backend_api_key);
    eprintln!("{:<21}{}", "of an administrator", world.admin_key);
    eprintln!("running until Ctrl-C");
    tokio::signal::ctrl_c()
        .await
        .context("waiting for Ctrl-C")?;
    world.stop()
}
