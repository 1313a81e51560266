//! Memory of a gateway.

use std::time::Duration;

use anyhow::Result;

use super::Arguments;
use super::site::{Ground, Site};
use crate::bench::figures;
use crate::bench::report::{Floor, Report};

/// What a gateway does by itself has begun by then.
const REST: Duration = Duration::from_secs(10);

/// Requests before memory is looked at the first time: all that is made once is there.
const FIRST: u32 = 10_000;

/// MiB of a gateway as shipped that nobody asks.
pub(crate) async fn idle(ground: &Ground<'_>) -> Result<f64> {
    let site = Site::start(ground, "bench_idle").await?;
    let gateway = site.gateway("gateway-idle", &[])?;
    tokio::time::sleep(REST).await;
    figures::resident_memory(gateway.process.id())
}

/// What many callers add.
pub(crate) async fn growth(
    ground: &Ground<'_>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let site = Site::start(ground, "bench_growth").await?;
    site.credentials(arguments.growth_principals, 0)?;
    let gateway = site.gateway("gateway-growth", &[("LOG_LEVEL", "warning".to_owned())])?;
    let pid = gateway.process.id();
    let (first, rest) = (
        FIRST.to_string(),
        arguments.growth_requests.saturating_sub(FIRST).to_string(),
    );
    site.drive(&gateway, "bearers", &["--requests", &first])?;
    let before = figures::resident_memory(pid)?;
    let driven = site.drive(
        &gateway,
        "bearers",
        &["--requests", &rest, "--first", &first],
    )?;
    let after = figures::resident_memory(pid)?;
    eprintln!(
        "from {before:.1} to {after:.1} MiB, {:.0} requests a second",
        driven.requests() / driven.seconds
    );
    report.add(
        "growth_mb",
        "memory that it takes from the 10,000th request to the 1,000,000th, MiB",
        Floor::AtMost(10.0),
        after - before,
    );
    report.note("growth_from_mb", before.into());
    report.note("growth_to_mb", after.into());
    Ok(())
}
