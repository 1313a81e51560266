//! The upkeep of Hytale accounts, on a fixed tick. Replicas need not agree on who does
//! it: custody is safe on any number of them.

use std::time::Duration;

use common::types::hytale::HytaleEnvironment;
use hytale::custody::{Custody, UpkeepReport, UpkeepSettings};
use store::CustodyCounts;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::trail::Trail;

/// Works until `stop`, the first time at once. A round in the middle of which that
/// comes is dropped; [`Custody::close`] waits for what it may not lose.
pub(crate) async fn run(
    custody: Custody,
    settings: UpkeepSettings,
    trail: Trail,
    every: Duration,
    stop: CancellationToken,
) {
    let mut tick = interval(every);
    // A round that lasted longer is followed by a whole pause.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let rounds = async {
        loop {
            tick.tick().await;
            trail.tend().await;
            let report = custody.upkeep(&settings).await;
            show(custody.environment(), &report);
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = rounds => {}
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; counts stay far below 2^52"
)]
fn show(environment: HytaleEnvironment, report: &UpkeepReport) {
    let environment = environment.as_str();
    metrics::gauge!("nodebyte_hytale_refreshes_due", "environment" => environment)
        .set(report.refreshes.due as f64);
    metrics::counter!("nodebyte_hytale_upkeep_failed_steps_total", "environment" => environment)
        .increment(report.failed as u64);
    let Some(counts) = report.counts else { return };
    for (state, count) in by_state(counts) {
        metrics::gauge!("nodebyte_hytale_accounts", "environment" => environment, "state" => state)
            .set(count as f64);
    }
    metrics::gauge!("nodebyte_hytale_sessions_active", "environment" => environment)
        .set(counts.sessions_active as f64);
}

fn by_state(counts: CustodyCounts) -> [(&'static str, i64); 4] {
    [
        ("live", counts.live),
        ("sending", counts.sending),
        ("lost", counts.lost),
        ("needs_login", counts.needs_login),
    ]
}
