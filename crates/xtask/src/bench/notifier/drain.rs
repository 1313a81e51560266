//! Deliveries a second, beside a bare loop that posts the same bodies to the same receiver.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Arguments;
use super::site::{CONCURRENCY, Ground, Site, until};
use super::{events, heard};
use crate::bench::figures::{cpu_seconds, median};
use crate::bench::report::{Floor, Report};

/// Endpoints that are told, each of every event.
pub(crate) const ENDPOINTS: usize = 100;
/// Subjects that the events are about, in turn.
pub(crate) const SUBJECTS: i64 = 100;

const PATIENCE: Duration = Duration::from_secs(300);

struct Round {
    bare: [f64; 2],
    told: f64,
    notifier_cpu_seconds: f64,
}

pub(crate) async fn measure(
    ground: &Ground<'_>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let mut site = Site::start(ground, "bench_drain").await?;
    site.endpoints(ENDPOINTS).await?;
    site.close_gateway()?;
    heard::count_only(&site.receiver).await?;
    let endpoints = u32::try_from(ENDPOINTS)?;
    let events = i64::from(arguments.deliveries.div_ceil(endpoints));
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        events::lay(&site.database, events, SUBJECTS).await?;
        let bodies = site.stack.directory().join("bodies");
        std::fs::write(&bodies, events::bodies(&site.database).await?)
            .context("writing the bodies")?;

        // Before and after: the loop takes a second or two, and others use the machine, too.
        let before = bare(&site, &bodies, events).await?;

        heard::forget(&site.receiver).await?;
        let notifier = site.notifier("notifier")?;
        let wanted = u64::try_from(events)? * u64::from(endpoints);
        until("all deliveries", &notifier, PATIENCE, async || {
            Ok(heard::counted(&site.receiver).await?.requests >= wanted)
        })
        .await?;
        let told = speed(&site, events).await?;
        let notifier_cpu_seconds = cpu_seconds(notifier.id())?;
        Site::end(notifier)?;
        let after = bare(&site, &bodies, events).await?;
        let round = Round {
            bare: [before, after],
            told,
            notifier_cpu_seconds,
        };
        let left = site
            .number("SELECT count(*) FROM deliveries WHERE state <> 'delivered'")
            .await?;
        ensure!(left == 0, "{left} deliveries are not delivered");
        eprintln!("round {number}: {}", round.json());
        rounds.push(round);
    }
    report.add(
        "deliveries_over_bare",
        "deliveries a second that are drained ÷ a bare loop's posts",
        Floor::AtLeast(0.2),
        median(rounds.iter().map(|it| it.told / it.bare())),
    );
    report.note("drain_rounds", rounds.iter().map(Round::json).collect());
    Ok(())
}

/// Posts every body to every endpoint with nothing around it; posts a second.
async fn bare(site: &Site<'_>, bodies: &Path, events: i64) -> Result<f64> {
    heard::forget(&site.receiver).await?;
    let address = site.receiver.url().trim_start_matches("http://");
    site.launcher.run(
        "load",
        &[
            "post",
            "--address",
            address,
            "--bodies",
            &bodies.to_string_lossy(),
            "--endpoints",
            &ENDPOINTS.to_string(),
            "--concurrency",
            &CONCURRENCY.to_string(),
        ],
    )?;
    speed(site, events).await
}

/// Requests a second that the receiver saw, each of which it took.
async fn speed(site: &Site<'_>, events: i64) -> Result<f64> {
    let counted = heard::counted(&site.receiver).await?;
    let wanted = u64::try_from(events)? * u64::try_from(ENDPOINTS)?;
    ensure!(
        counted.requests == wanted && counted.by_status.keys().eq([&200]),
        "the receiver was asked {} times instead of {wanted}: {:?}",
        counted.requests,
        counted.by_status
    );
    counted.per_second().context("nothing was told")
}

impl Round {
    fn bare(&self) -> f64 {
        self.bare.iter().sum::<f64>() / 2.0
    }

    fn json(&self) -> Value {
        json!({
            "bare_per_second": self.bare.map(f64::round),
            "deliveries_per_second": self.told.round(),
            "notifier_cpu_seconds": self.notifier_cpu_seconds,
        })
    }
}
