//! What `cargo xtask bench` measures with, as processes of their own: the gateway's callers
//! (`drive`), their credentials (`credentials`), the server that the gateway is compared with
//! (`bare`), and the loop of requests that the notifier is compared with (`post`).

mod answer;
mod bare;
mod credentials;
mod drive;
mod figures;
mod post;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Load, and what our services are compared with")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve one JSON body at one path with actix-web and nothing else
    Bare(bare::Arguments),
    /// Make users with tokens and clients with keys in the database of the configuration
    Credentials(credentials::Arguments),
    /// Ask over many connections, one request at a time on each, and print what came of it
    Drive(drive::Arguments),
    /// Post bodies to endpoints as fast as they are taken, and print how many were
    Post(post::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Bare(arguments) => bare::run(arguments),
        Command::Credentials(arguments) => credentials::run(&arguments),
        Command::Drive(arguments) => drive::run(&arguments),
        Command::Post(arguments) => post::run(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}
