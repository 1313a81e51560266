//! The API, asked by a stranger who has read its description and nothing else.
//!
//! Schemathesis (from PyPI, into `target/`) makes requests of the OpenAPI document that is
//! served, sensible ones and others, and looks whether each answer is one that the document
//! tells of and none is a 5xx. Everything else is real: all services, a simulated panel and a
//! simulated Hytale.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use devstack::Options;
use serde_json::Value;

use crate::panel::{PanelSource, Size};
use crate::shell;
use crate::world::World;

/// What is installed.
const VERSION: &str = "4.32.5";

/// What an answer must be.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";

/// Nobody is to be told to come back later.
const SETTINGS: [(&str, &str); 8] = [
    ("LIMITS_KEY", "10000000"),
    ("LIMITS_ADDRESS", "10000000"),
    ("LIMITS_FAILED_CREDENTIALS", "10000000"),
    ("LIMITS_DEVICE_CODE", "10000000"),
    ("LIMITS_DEVICE_CODE_BY_ADDRESS", "10000000"),
    ("LIMITS_FAST_POLLS", "10000000"),
    ("LIMITS_REFRESH_TOKEN", "10000000"),
    ("LIMITS_GAME_SESSION", "10000000"),
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long requests are made.
    #[arg(long, default_value_t = 120)]
    seconds: u16,
    /// Makes the requests of an earlier run again; it prints its own.
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    search(arguments.seconds, arguments.seed).await
}

/// Makes requests for so long.
pub(crate) async fn search(seconds: u16, seed: Option<u64>) -> Result<()> {
    let schemathesis = installed()?;
    let panel = PanelSource::Simulated(Size::Small);
    let world = World::start_with(&Options::new(), &panel, &SETTINGS).await?;
    let found = ask(&schemathesis, &world, seconds, seed);
    if found.is_err() {
        eprintln!("{}", world.last_words());
    }
    let stopped = world.stop();
    found.and(stopped)
}

fn ask(schemathesis: &Path, world: &World, seconds: u16, seed: Option<u64>) -> Result<()> {
    let mut command = Command::new(schemathesis);
    command
        .arg("run")
        .arg(format!("{}/api/openapi.json", world.gateway()))
        .args(["--header", &format!("X-API-Key: {}", key(world)?)])
        .args(["--phases", "coverage,fuzzing", "--checks", CHECKS])
        .args(["--warnings", "off", "--request-timeout", "30"])
        .args(["--max-time", &seconds.to_string()])
        // It keeps what it has learnt where it runs.
        .current_dir(shell::target()?);
    if let Some(seed) = seed {
        command.args(["--seed", &seed.to_string()]);
    }
    // The line that names the command would show the key.
    eprintln!("asking {} for {seconds} s", world.gateway());
    let status = command.status().context("starting schemathesis")?;
    if !status.success() {
        bail!("schemathesis found what must not be");
    }
    Ok(())
}

/// A key that every operation lets in.
fn key(world: &World) -> Result<String> {
    let scopes = "sync,hytale,hytale:all,notify,logs,read,admin";
    let output = Command::new(shell::binaries("debug")?.join("nodebyte"))
        .env("DATABASE_URL", &world.database_url)
        .args(["api-key", "create", "--client", "fuzz", "--scopes", scopes])
        .args(["--all-servers", "--json"])
        .output()
        .context("starting nodebyte")?;
    let made: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        format!("no key was made: {said}")
    })?;
    let key = made.pointer("/key").and_then(Value::as_str);
    Ok(key.context("the answer holds no key")?.to_owned())
}

/// The command, after it was installed if it was not there.
fn installed() -> Result<PathBuf> {
    let home = shell::target()?.join("schemathesis").join(VERSION);
    let command = home.join("bin").join("st");
    if command.exists() {
        return Ok(command);
    }
    if home.exists() {
        // Half an installation.
        fs::remove_dir_all(&home).context("removing what was left of an installation")?;
    }
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv"]).arg(&home);
    shell::run(environment).context("python3 with venv is needed")?;
    let mut install = Command::new(home.join("bin").join("pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check"]);
    install.arg(format!("schemathesis=={VERSION}"));
    shell::run(install).context("installing schemathesis")?;
    Ok(command)
}
