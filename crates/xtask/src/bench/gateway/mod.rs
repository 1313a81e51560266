//! The gateway's figures.

mod admitted;
mod cores;
mod families;
mod memory;
mod site;
mod speed;
mod unknown_keys;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use devstack::{Options, Stack};
use serde_json::json;

use super::report::{Floor, Report};
use super::side;
use crate::shell;
use cores::Cores;
use site::Ground;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measure these only.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Measure these binaries, whatever the source says, instead of building.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// Times that throughput is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measure of throughput.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Callers that throughput is measured with.
    #[arg(long, default_value_t = 1_000)]
    principals: usize,
    /// Requests after which memory is looked at the second time.
    #[arg(long, default_value_t = 1_000_000)]
    growth_requests: u32,
    /// Callers that make them.
    #[arg(long, default_value_t = 100_000)]
    growth_principals: usize,
    /// Refresh tokens that are due when a replica is killed.
    #[arg(long, default_value_t = 500)]
    tokens: usize,
}

/// What can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Requests a second with tokens and keys, with and without the access log.
    Speed,
    /// Hytale's tokens, verified.
    Verify,
    /// What tokens of unknown keys ask of Hytale.
    UnknownKeys,
    /// What a strict limit lets through.
    Admitted,
    /// Refresh tokens when a replica dies.
    Families,
    /// Memory of an idle gateway.
    Idle,
    /// Memory that many callers cost.
    Growth,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// The binaries as they are measured, in one place: the gateway, and what it is compared
/// with, as the gateway's image is built.
fn build() -> Result<PathBuf> {
    super::build()?;
    shell::run(shell::cargo(&[
        "build",
        "--profile",
        "gateway",
        "--workspace",
        "--bin",
        "auth-gateway",
        "--bin",
        "load",
    ]))?;
    let place = shell::target()?.join("bench/gateway");
    fs::create_dir_all(&place).context("creating target/bench/gateway")?;
    let all = [
        ("gateway", ["auth-gateway", "load"].as_slice()),
        (
            "release",
            ["nodebyte", "scheduler", "simulators"].as_slice(),
        ),
    ];
    for (profile, names) in all {
        for name in names {
            let built = shell::binaries(profile)?.join(name);
            fs::copy(&built, place.join(name)).with_context(|| format!("copying {name}"))?;
        }
    }
    Ok(place)
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<Report> {
    let binaries = match &arguments.binaries {
        Some(directory) => directory.clone(),
        None => build()?,
    };
    let mut report = Report::default();
    let verify = if arguments.wants(Part::Verify) {
        Some(side::figure("verify", "verify_over_raw", [])?)
    } else {
        None
    };
    // From here on everything but the gateway has one core, and the gateway the other.
    let cores = Cores::take()?;
    let stack = Stack::start(&Options::private())?;
    let ground = Ground {
        stack: &stack,
        cores: &cores,
        binaries: &binaries,
    };
    note_settings(&mut report, arguments, &cores);

    if arguments.wants(Part::Speed) {
        speed::measure(&ground, arguments, &mut report).await?;
    }
    if let Some(verify) = verify {
        report.add(
            "verify_over_raw",
            "whole verifications a second ÷ raw ones of ed25519-dalek with a prepared key",
            Floor::AtLeast(0.75),
            verify,
        );
    }
    if arguments.wants(Part::UnknownKeys) {
        report.add(
            "unknown_kid_fetches",
            "requests for Hytale's keys caused by 1,000 tokens of unknown keys",
            Floor::AtMost(2.0),
            unknown_keys::fetches(&ground).await?,
        );
    }
    if arguments.wants(Part::Admitted) {
        admitted::measure(&ground, &mut report).await?;
    }
    if arguments.wants(Part::Families) {
        families::measure(&ground, arguments.tokens, &mut report).await?;
    }
    if arguments.wants(Part::Idle) {
        report.add(
            "idle_mb",
            "memory of an idle gateway, MiB",
            Floor::AtMost(16.0),
            memory::idle(&ground).await?,
        );
    }
    if arguments.wants(Part::Growth) {
        memory::growth(&ground, arguments, &mut report).await?;
    }
    Ok(report)
}

fn note_settings(report: &mut Report, arguments: &Arguments, cores: &Cores) {
    report.note(
        "settings",
        json!({
            "build": "profile gateway, as its image: stripped, optimised as a whole, for size but for what every request passes",
            "server_core": cores.server(),
            "other_core": cores.others(),
            "http_workers": 1,
            "connections": arguments.connections,
            "pipelining": false,
            "principals": arguments.principals,
            "limit_per_minute": site::LIMIT,
            "rounds": arguments.rounds,
            "seconds": arguments.seconds,
            "route": site::ROUTE,
            "growth_requests": arguments.growth_requests,
            "growth_principals": arguments.growth_principals,
            "tokens_due": arguments.tokens,
            "malloc_arena_max": 2,
        }),
    );
}
