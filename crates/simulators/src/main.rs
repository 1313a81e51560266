//! Starts a simulated outside system and prints its address.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use simulators::{
    discord::{self, Discord},
    hytale::{self, Behaviour, Hytale, Shapes},
    panel::{Latency, Options, Panel, RateLimits, State},
    receiver::{self, Keep, Receiver},
    resend::{self, ApiKey, Resend},
    signature::{Refusal, Secret},
};

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
    /// Hytale: its OAuth service, account data and session service under one address
    Hytale(HytaleArguments),
    /// Discord's webhooks
    Discord(DiscordArguments),
    /// Somebody's webhook endpoint
    Receiver(ReceiverArguments),
    /// Resend, which sends mails
    Resend(ResendArguments),
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

#[derive(clap::Args)]
struct HytaleArguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The address that answers name, if it is another than the one it listens on
    #[arg(long)]
    public_url: Option<String>,
    /// `iss` of game session tokens
    #[arg(long)]
    issuer: Option<String>,
    /// `iss` of id tokens
    #[arg(long)]
    oauth_issuer: Option<String>,
    /// Makes ids, codes, tokens and keys the same in every run
    #[arg(long)]
    seed: Option<u64>,
    /// The instant (RFC 3339) at which the clock stands still until it is advanced
    #[arg(long)]
    standing_clock: Option<chrono::DateTime<chrono::Utc>>,
    /// Answer in the shapes that the official guide prints instead of the live ones
    #[arg(long)]
    guide_shapes: bool,
    /// Concurrent sessions of one account
    #[arg(long, conflicts_with = "no_session_limit")]
    session_limit: Option<u32>,
    /// Let accounts have any number of sessions
    #[arg(long)]
    no_session_limit: bool,
    /// Approve device codes by themselves, after this many polls
    #[arg(long)]
    auto_approve_after: Option<u32>,
    /// Account that device codes are approved as
    #[arg(long, requires = "auto_approve_after")]
    auto_approve_account: Option<String>,
    /// How it behaves, as JSON with some fields of `Behaviour`; flags count more
    #[arg(long, value_parser = behaviour)]
    behaviour: Option<Behaviour>,
}

fn behaviour(json: &str) -> serde_json::Result<Behaviour> {
    serde_json::from_str(json)
}

impl HytaleArguments {
    fn options(self) -> hytale::Options {
        let defaults = hytale::Options::default();
        let mut behaviour = self.behaviour.unwrap_or_default();
        if self.guide_shapes {
            behaviour.shapes = Shapes::Guide;
        }
        if self.no_session_limit || self.session_limit.is_some() {
            behaviour.session_limit = self.session_limit;
        }
        if let Some(after_polls) = self.auto_approve_after {
            behaviour.auto_approve = Some(hytale::AutoApprove {
                after_polls,
                account: self.auto_approve_account,
            });
        }
        hytale::Options {
            listen: self.listen,
            public_url: self.public_url,
            issuer: self.issuer.unwrap_or(defaults.issuer),
            oauth_issuer: self.oauth_issuer.unwrap_or(defaults.oauth_issuer),
            seed: self.seed,
            standing_clock: self.standing_clock,
            accounts: defaults.accounts,
            behaviour,
        }
    }
}

#[derive(clap::Args)]
struct DiscordArguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Limit nothing
    #[arg(long, conflicts_with = "scale_limits")]
    no_limits: bool,
    /// Make the windows of all limits this many times as long
    #[arg(long, default_value_t = 1.0)]
    scale_limits: f64,
}

impl DiscordArguments {
    fn options(&self) -> discord::Options {
        discord::Options {
            listen: self.listen,
            limits: if self.no_limits {
                discord::Limits::off()
            } else {
                discord::Limits::real().scaled(self.scale_limits)
            },
        }
    }
}

#[derive(clap::Args)]
struct ReceiverArguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Count requests instead of writing them down
    #[arg(long)]
    counters_only: bool,
}

impl ReceiverArguments {
    fn options(&self) -> receiver::Options {
        receiver::Options {
            listen: self.listen,
            keep: if self.counters_only {
                Keep::Counters
            } else {
                Keep::Everything
            },
        }
    }
}

#[derive(clap::Args)]
struct ResendArguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// API key that may do everything
    #[arg(long)]
    api_key: Option<String>,
    /// Domains that may be sent from
    #[arg(long)]
    domain: Vec<String>,
    /// Requests in a second; 0 is no limit
    #[arg(long, default_value_t = 2)]
    rate: u32,
    /// What webhooks are signed with: `whsec_` and base64
    #[arg(long, value_parser = secret)]
    signing_secret: Option<Secret>,
}

fn secret(text: &str) -> Result<Secret, Refusal> {
    Secret::parse(text)
}

impl ResendArguments {
    fn options(self) -> resend::Options {
        let defaults = resend::Options::default();
        resend::Options {
            listen: self.listen,
            keys: match self.api_key {
                Some(key) => vec![ApiKey::full(&key)],
                None => defaults.keys,
            },
            domains: if self.domain.is_empty() {
                defaults.domains
            } else {
                self.domain.into_iter().collect()
            },
            limits: resend::Limits {
                rate: (self.rate > 0).then_some(self.rate),
                ..defaults.limits
            },
            signing_secret: self.signing_secret,
            standing_clock: None,
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
    match arguments.system {
        System::Panel(arguments) => {
            let panel = Panel::start(arguments.state()?, arguments.options()).await?;
            println!("panel {}", panel.url());
            until_killed(panel).await
        }
        System::Hytale(arguments) => {
            let hytale = Hytale::start(arguments.options()).await?;
            println!("hytale {}", hytale.url());
            until_killed(hytale).await
        }
        System::Discord(arguments) => {
            let discord = Discord::start(arguments.options()).await?;
            println!("discord {}", discord.url());
            until_killed(discord).await
        }
        System::Receiver(arguments) => {
            let receiver = Receiver::start(arguments.options()).await?;
            println!("receiver {}", receiver.url());
            until_killed(receiver).await
        }
        System::Resend(arguments) => {
            let resend = Resend::start(arguments.options()).await?;
            println!("resend {}", resend.url());
            until_killed(resend).await
        }
    }
}

/// Keeps a system running until a signal ends the process.
async fn until_killed<T>(_system: T) -> Result<(), Box<dyn std::error::Error>> {
    std::future::pending().await
}
