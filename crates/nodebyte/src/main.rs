//! The operator's command line. It works on PostgreSQL and RabbitMQ directly, so
//! it helps when the gateway is down.
//!
//! `arguments` says what can be asked; each command group has a file of its own;
//! `session` holds the connections, `given` checks values, `output` prints for
//! people or as JSON, and `failure` decides the exit code.

mod api_key;
mod arguments;
mod audit;
mod config;
mod dead;
mod deliveries;
mod failure;
mod given;
mod keys;
mod limit;
mod mails;
mod migrate;
mod output;
mod panel;
mod session;
mod sync;
mod token;
mod user;

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use failure::{Failure, USAGE};
use output::Output;
use session::Session;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() && wants_json() => {
            let reason = error.render().to_string();
            return Output::new(true).failure(&Failure::Usage(reason.trim_end().to_owned()));
        }
        Err(error) => {
            // Nothing is left to tell when not even that can be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let output = Output::new(arguments.json);
    run(arguments, &output).unwrap_or_else(|failure| output.failure(&failure))
}

/// Asked where the arguments cannot be understood as a whole.
fn wants_json() -> bool {
    std::env::args_os()
        .skip(1)
        .take_while(|word| word != "--")
        .any(|word| word == "--json")
}

fn run(arguments: Arguments, output: &Output) -> Result<ExitCode, Failure> {
    runtime::process::install_crypto_provider();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Start)?
        .block_on(Box::pin(dispatch(arguments, output)))
}

async fn dispatch(arguments: Arguments, output: &Output) -> Result<ExitCode, Failure> {
    let open = || Session::open(&arguments, output);
    match &arguments.command {
        Command::Migrate => migrate::migrate(&open()?).await,
        Command::Panel(command) => panel::run(&open()?, command).await,
        Command::Sync(command) => Box::pin(sync::run(&open()?, command)).await,
        Command::Audit(command) => audit::run(&open()?, command).await,
        Command::Dead(command) => dead::run(&open()?, command).await,
        Command::Deliveries(command) => deliveries::run(&open()?, command).await,
        Command::Mails(command) => mails::run(&open()?, command).await,
        Command::Config(arguments::Config::Check) => config::check(&arguments, output),
        Command::Config(arguments::Config::Get { key }) => {
            config::get(&open()?, key.as_deref()).await
        }
        Command::Config(arguments::Config::Set { keys }) => config::set(&open()?, keys).await,
        Command::Keys(arguments::Keys::Generate) => keys::generate(output),
        Command::Keys(command) => Box::pin(keys::run(&open()?, command)).await,
        Command::ApiKey(command) => api_key::run(&open()?, command).await,
        Command::User(command) => user::run(&open()?, command).await,
        Command::Token(command) => token::run(&open()?, command).await,
        Command::Limit(command) => limit::run(&open()?, command).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "nodebyte", &mut script);
            let script = String::from_utf8_lossy(&script);
            output.show(&serde_json::json!({ "script": script }), || {
                script.to_string()
            })
        }
    }
}
