//! What any worker does now and then: start waiting runs, end stuck ones, clean
//! up. The last belongs to the scheduler as soon as that owns recurring work.

use crate::pace::tell;
use crate::state::State;
use slog::{info, warn};
use std::sync::Arc;
use std::time::Duration;
use store::{Retention, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Name of the lease that keeps clean-ups apart, and rare.
const CLEANUP_LEASE: &str = "sync-cleanup";

/// Time without a break in which this worker has been there and PostgreSQL has answered
/// it. A run that made no progress while nobody could make any is not stuck.
struct Watch {
    since: Instant,
    seen: Instant,
}

impl Watch {
    fn begin(now: Instant) -> Self {
        Self {
            since: now,
            seen: now,
        }
    }

    /// How long it is by now. A process that was paused longer than `gap` begins anew.
    fn goes_on(&mut self, now: Instant, gap: Duration) -> Duration {
        if now - self.seen > gap {
            self.since = now;
        }
        self.seen = now;
        now - self.since
    }
}

/// Works until `stop`.
pub async fn run(state: Arc<State>, stop: CancellationToken) {
    let gap = state.config.sync.poll + state.config.sync.lease;
    let mut watch = Watch::begin(Instant::now());
    loop {
        let watched = watch.goes_on(Instant::now(), gap);
        if let Err(error) = round(&state, watched).await {
            warn!(state.log, "housekeeping failed"; "error" => %error);
            watch = Watch::begin(Instant::now());
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(state.config.sync.poll) => {}
        }
    }
}

async fn round(state: &State, watched: Duration) -> Result<(), StoreError> {
    let stall = state.config.sync.stall;
    let limit = (watched >= stall).then_some(stall);
    for run in state.store.run_end_stuck(limit).await? {
        warn!(state.log, "run ended"; "run_id" => %run.id, "error" => run.error.as_deref());
        tell(state, &run).await;
    }
    if !state.store.run_start_waiting().await?.is_empty() {
        state.work.notify_one();
    }
    clean_up(state).await
}

async fn clean_up(state: &State) -> Result<(), StoreError> {
    let interval = Duration::from_secs(u64::from(state.config.sync.cleanup_interval_minutes) * 60);
    // The lease is never released: whoever has it keeps others from cleaning
    // until the interval is over, and so does not take it again itself.
    let first = state
        .store
        .lease_try(CLEANUP_LEASE, state.worker_id, interval)
        .await?;
    if !first {
        return Ok(());
    }
    let day = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    let cleaned = state
        .store
        .clean_up(Retention {
            runs: day(state.config.sync.run_retention_days),
            removed_rows: day(state.config.sync.removed_retention_days),
            messages: day(state.config.sync.message_retention_days),
            batch: 1_000,
        })
        .await?;
    let rows: u64 = cleaned.values().sum();
    if rows > 0 {
        info!(state.log, "cleaned up"; "rows" => rows);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_the_process_is_no_time_in_which_it_watched() {
        let gap = Duration::from_secs(20);
        let begun = Instant::now();
        let at = |second| begun + Duration::from_secs(second);
        let mut watch = Watch::begin(begun);
        let watched = [15, 30, 90, 100].map(|second| watch.goes_on(at(second), gap).as_secs());
        assert_eq!(watched, [15, 30, 0, 10]);
    }
}
