//! Developer commands: `cargo xtask demo`, `up`, `test`, `check`, `fuzz`, `ci`, `bench`.

mod banned;
mod bench;
mod check;
mod ci;
mod database;
mod demo;
mod fuzz;
mod gateway;
mod hytale;
mod layers;
mod panel;
mod services;
mod shell;
mod simulator;
mod test;
mod up;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything, mirror a panel from end to end and show the result.
    Demo(demo::Arguments),
    /// Start everything for development, on fixed ports, and show the logs until Ctrl-C.
    Up(up::Arguments),
    /// Run every test against PostgreSQL, Redis and RabbitMQ.
    Test(test::Arguments),
    /// Prove the layers, the absence of banned crates, the schema, the migrations and that OpenAPI is up to date.
    Check,
    /// Ask the API what its description allows, and see whether it answers as it says.
    Fuzz(fuzz::Arguments),
    /// Everything continuous integration does, in its order.
    Ci,
    /// Measure.
    Bench(bench::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    // Only a second call in one process is refused, and then there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments).await,
        Command::Up(arguments) => up::run(&arguments).await,
        Command::Test(arguments) => test::run(&arguments),
        Command::Check => check::run().await,
        Command::Fuzz(arguments) => fuzz::run(&arguments).await,
        Command::Ci => ci::run().await,
        Command::Bench(arguments) => bench::run(&arguments).await,
    }
}
