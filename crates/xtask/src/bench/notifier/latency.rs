//! From an event to its first attempt while nothing else happens.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::Arguments;
use super::site::{Ground, Site, until};
use super::{events, heard};
use crate::bench::figures::median;
use crate::bench::report::{Floor, Report};

/// Between two events: the one before has arrived by then.
pub(crate) const BETWEEN: Duration = Duration::from_millis(100);
/// Events that open what is opened once, and do not count.
const WARM: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(60);
/// Events in turn are about different subjects.
const SUBJECTS: i64 = 1_000;

pub(crate) async fn measure(
    ground: &Ground<'_>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let mut site = Site::start(ground, "bench_latency").await?;
    site.endpoints(1).await?;
    site.close_gateway()?;
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let took = round(&site, arguments.timed).await?;
        let (half, most) = (quantile(&took, 50), quantile(&took, 99));
        eprintln!("round {number}: half within {half:.1} ms, 99 % within {most:.1} ms");
        rounds.push((half, most));
    }
    report.add(
        "event_to_attempt_p99_ms",
        "99th percentile from an event to its first attempt, idle system, ms",
        Floor::AtMost(150.0),
        median(rounds.iter().map(|(_, most)| *most)),
    );
    let json = |(half, most): &(f64, f64)| json!({ "p50_ms": half, "p99_ms": most });
    report.note("latency_rounds", rounds.iter().map(json).collect::<Value>());
    Ok(())
}

/// Milliseconds of each event, in order of size.
async fn round(site: &Site<'_>, count: u32) -> Result<Vec<f64>> {
    heard::forget(&site.receiver).await?;
    let notifier = site.notifier("notifier")?;
    let mut said: BTreeMap<i64, DateTime<Utc>> = BTreeMap::new();
    let mut tick = interval(BETWEEN);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..i64::from(WARM + count) {
        tick.tick().await;
        said.insert(number, Utc::now());
        events::say(&site.database, number, number, SUBJECTS).await?;
    }
    let wanted = u64::from(WARM + count);
    until("the last event", &notifier, PATIENCE, async || {
        Ok(heard::counted(&site.receiver).await?.requests >= wanted)
    })
    .await?;
    Site::end(notifier)?;
    let mut took = Vec::new();
    for arrival in heard::arrivals(&site.receiver).await? {
        let (_, number) = arrival.event()?;
        let said = said.remove(&number).context("an event came twice")?;
        if number >= i64::from(WARM) {
            let time = (arrival.at - said)
                .to_std()
                .context("the receiver's clock")?;
            took.push(time.as_secs_f64() * 1_000.0);
        }
    }
    ensure!(said.is_empty(), "{} events did not come", said.len());
    took.sort_by(f64::total_cmp);
    Ok(took)
}

/// The one below or at which so many in a hundred are.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_all() {
        let all: Vec<f64> = (1..=200).map(f64::from).collect();
        assert!((quantile(&all, 50) - 100.0).abs() < f64::EPSILON);
        assert!((quantile(&all, 99) - 198.0).abs() < f64::EPSILON);
        assert!(quantile(&[], 99).is_nan());
    }
}
