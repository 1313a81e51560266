//! Starts a simulated outside system and prints its address.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use simulators::panel::{Latency, Options, Panel, RateLimits, State};

#[derive(Parser)]
#[command(about = "The outside world as real HTTP servers, for development and tests")]
struct Arguments {
    #[command(subcommand)]
    system: System,
}

#[derive(Subcommand)]
enum System {
    /// A Pterodactyl panel
    Panel(PanelArguments),
}

#[derive(clap::Args)]
struct PanelArguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How much the panel holds
    #[arg(long, value_enum, default_value_t = Size::Small)]
    size: Size,
    /// Hold what these recordings of a real panel hold together, instead of invented rows
    #[arg(long, conflicts_with = "size")]
    recordings: Option<PathBuf>,
    /// Application key that may read everything
    #[arg(long)]
    application_key: Option<String>,
    /// Client key of a root admin
    #[arg(long)]
    client_key: Option<String>,
    /// Whether answers take a real panel's time
    #[arg(long, value_enum, default_value_t = Time::None)]
    latency: Time,
    /// Requests a minute on the Application API
    #[arg(long, default_value_t = 240)]
    rate_limit: u32,
    /// Requests a minute on the Client API
    #[arg(long, default_value_t = 720)]
    client_rate_limit: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Size {
    Small,
    Tenth,
    Large,
}

#[derive(Clone, Copy, ValueEnum)]
enum Time {
    Measured,
    None,
}

impl PanelArguments {
    fn state(&self) -> Result<State, Box<dyn std::error::Error>> {
        Ok(match (&self.recordings, self.size) {
            (Some(directory), _) => State::from_recordings(directory)?,
            (None, Size::Small) => State::small(),
            (None, Size::Tenth) => State::sized(0.1),
            (None, Size::Large) => State::large(),
        })
    }

    fn options(self) -> Options {
        let defaults = Options::default();
        Options {
            listen: self.listen,
            application_key: self.application_key.unwrap_or(defaults.application_key),
            client_key: self.client_key.unwrap_or(defaults.client_key),
            latency: match self.latency {
                Time::Measured => Latency::Measured,
                Time::None => Latency::None,
            },
            limits: RateLimits {
                application: self.rate_limit,
                client: self.client_rate_limit,
                window: Duration::from_mins(1),
            },
        }
    }
}

#[actix_web::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulators: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let System::Panel(arguments) = arguments.system;
    let panel = Panel::start(arguments.state()?, arguments.options()).await?;
    println!("panel {}", panel.url());
    // Until a signal ends the process.
    std::future::pending().await
}
