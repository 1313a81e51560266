//! Memory of a notifier that works on many deliveries that wait.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Arguments;
use super::site::{Ground, Site};
use super::{events, heard};
use crate::bench::figures::{median, peak_memory, resident_memory};
use crate::bench::report::{Floor, Report};

pub(crate) const ENDPOINTS: usize = 100;
/// Endpoints let so many milliseconds pass: requests are under way all the time, and next to
/// nothing is done of what waits.
pub(crate) const SILENCE_MS: u64 = 1_000;
/// Each event is about a subject of its own, so that as many lanes are due as there can be.
const SUBJECTS: i64 = i64::MAX;
/// All that is made once is there by then.
const REST: Duration = Duration::from_secs(20);

pub(crate) async fn measure(
    ground: &Ground<'_>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let mut site = Site::start(ground, "bench_memory").await?;
    site.endpoints(ENDPOINTS).await?;
    site.close_gateway()?;
    heard::count_only(&site.receiver).await?;
    heard::answer_after(&site.receiver, SILENCE_MS).await?;
    let events = i64::from(arguments.pending.div_ceil(u32::try_from(ENDPOINTS)?));
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        events::lay(&site.database, events, SUBJECTS).await?;
        let notifier = site.notifier("notifier")?;
        tokio::time::sleep(REST).await;
        let pid = notifier.id();
        let (now, peak) = (resident_memory(pid)?, peak_memory(pid)?);
        let pending = site
            .number("SELECT count(*) FROM deliveries WHERE state = 'pending'")
            .await?;
        Site::end(notifier)?;
        eprintln!("round {number}: {now:.1} MiB, at most {peak:.1}, {pending} still wait");
        ensure!(
            pending < i64::from(arguments.pending),
            "the notifier does not work"
        );
        rounds.push((now, peak, pending));
    }
    report.add(
        "pending_100k_mb",
        "memory of a notifier with 100,000 deliveries pending, MiB",
        Floor::AtMost(60.0),
        median(rounds.iter().map(|(now, _, _)| *now)),
    );
    let json = |(now, peak, pending): &(f64, f64, i64)| json!({ "mb": now, "peak_mb": peak, "still_pending": pending });
    report.note("memory_rounds", rounds.iter().map(json).collect::<Value>());
    Ok(())
}
