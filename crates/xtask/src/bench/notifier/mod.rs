//! The notifier's figures.

mod discord;
mod drain;
mod events;
mod heard;
mod killed;
mod latency;
mod mail;
mod memory;
mod sending;
mod site;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::ValueEnum;
use devstack::{Durability, Options, Stack};
use serde_json::json;

use super::report::Report;
use crate::shell;
use site::Ground;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measure these only.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Measure these binaries, whatever the source says, instead of building.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// Times that each is measured: of speeds and times the median counts, of what must not
    /// happen the worst.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Deliveries that are drained.
    #[arg(long, default_value_t = 50_000)]
    deliveries: u32,
    /// Events that are told while notifiers are killed.
    #[arg(long, default_value_t = 10_000)]
    events: u32,
    /// Events whose time is taken in an idle system, each round.
    #[arg(long, default_value_t = 300)]
    timed: u32,
    /// Deliveries that wait while memory is looked at.
    #[arg(long, default_value_t = 100_000)]
    pending: u32,
}

/// What can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Deliveries a second.
    Drain,
    /// What becomes of events when notifiers are killed.
    Killed,
    /// Discord's limits and revoked webhooks.
    Discord,
    /// Mail beside syncs.
    Mail,
    /// From an event to its first attempt.
    Latency,
    /// Memory with many deliveries pending.
    Memory,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<Report> {
    let binaries = match &arguments.binaries {
        Some(directory) => directory.clone(),
        None => {
            super::build()?;
            shell::binaries("release")?
        }
    };
    let stack = Arc::new(Stack::start(&Options {
        durability: Durability::Default,
        ..Options::private()
    })?);
    let ground = Ground {
        stack: &stack,
        binaries: &binaries,
    };
    let mut report = Report::default();
    note_settings(&mut report, arguments);

    if arguments.wants(Part::Drain) {
        drain::measure(&ground, arguments, &mut report).await?;
    }
    if arguments.wants(Part::Killed) {
        killed::measure(&ground, arguments, &mut report).await?;
    }
    if arguments.wants(Part::Discord) {
        discord::measure(&ground, arguments, &mut report).await?;
    }
    if arguments.wants(Part::Mail) {
        mail::measure(&ground, arguments, &mut report).await?;
    }
    if arguments.wants(Part::Latency) {
        latency::measure(&ground, arguments, &mut report).await?;
    }
    if arguments.wants(Part::Memory) {
        memory::measure(&ground, arguments, &mut report).await?;
    }
    Ok(report)
}

fn note_settings(report: &mut Report, arguments: &Arguments) {
    report.note(
        "settings",
        json!({
            "build": "profile bench: release, stripped",
            "postgresql": "private, default durability",
            "rabbitmq": "private, default durability",
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            "rounds": arguments.rounds,
            "concurrency": site::CONCURRENCY,
            "malloc_arena_max": 2,
            "drain": {
                "deliveries": arguments.deliveries,
                "endpoints": drain::ENDPOINTS,
                "subjects": drain::SUBJECTS,
                "notifiers": 1,
            },
            "killed": {
                "events": arguments.events,
                "subjects": killed::SUBJECTS,
                "per_second": killed::PER_SECOND,
                "notifiers": killed::NOTIFIERS,
                "kills": killed::KILLS,
                "rabbitmq_restarts": 1,
                "answers_after_ms": killed::SILENCE_MS,
            },
            "discord": {
                "channels": discord::CHANNELS,
                "events": discord::EVENTS,
                "revoked": discord::REVOKED,
                "events_of_each_revoked": discord::EVENTS_OF_REVOKED,
                "notifiers": discord::NOTIFIERS,
                "limits": "those of the real one, as the simulator knows them",
            },
            "mail": { "panels": mail::PANELS, "size": "large", "workers": mail::WORKERS },
            "latency": { "events": arguments.timed, "milliseconds_between": latency::BETWEEN.as_millis() },
            "memory": {
                "pending": arguments.pending,
                "endpoints": memory::ENDPOINTS,
                "answers_after_ms": memory::SILENCE_MS,
            },
        }),
    );
}
