//! The panel mirror's figures.

use anyhow::{Result, ensure};
use devstack::{Durability, Options, Stack};

use super::report::{Floor, Report};
use super::scenario::{Scenario, Setting};
use super::{figures, mirror, side, simulator};
use crate::panel::Size;

/// What the real panel allows by default.
const USUAL_RATE: u32 = 240;

/// What one worker needs for the large panel, empty mirror first and then unchanged.
struct Single {
    requests: f64,
    wall_seconds: f64,
    wall_over_panel: f64,
    peak_mb: f64,
    cpu_seconds: f64,
    statements: f64,
    unchanged_rows_written: f64,
    unchanged_wal_mb: f64,
    digest: String,
}

pub(crate) async fn measure() -> Result<Report> {
    super::build()?;
    let stack = Stack::start(&Options {
        durability: Durability::Default,
        postgres_settings: vec![
            "autovacuum=off".to_owned(),
            "shared_preload_libraries=pg_stat_statements".to_owned(),
        ],
        ..Options::private()
    })?;
    let single = single(&stack).await?;
    let tenth_peak_mb = tenth_peak(&stack).await?;
    let limited = limited(&stack).await?;
    let two_workers_seconds = two_workers(&stack, &single.digest).await?;
    let merge_over_bare = side::figure("merge", "merge_over_bare", stack.environment())?;

    let mut report = Report::default();
    let at_most = Floor::AtMost;
    report.add(
        "requests",
        "requests for a full sync",
        at_most(240.0),
        single.requests,
    );
    report.add(
        "wall_over_panel",
        "wall time ÷ a bare loop over the same URLs",
        at_most(1.15),
        single.wall_over_panel,
    );
    report.add(
        "merge_over_bare",
        "rows per second through a task's transaction ÷ bare COPY and upsert",
        Floor::AtLeast(0.6),
        merge_over_bare,
    );
    report.add(
        "unchanged_rows_written",
        "mirror rows written by an unchanged sync",
        at_most(0.0),
        single.unchanged_rows_written,
    );
    report.add(
        "worker_peak_mb",
        "peak memory of sync-worker, MiB",
        at_most(64.0),
        single.peak_mb,
    );
    report.add(
        "worker_cpu_s",
        "CPU seconds of sync-worker",
        at_most(4.0),
        single.cpu_seconds,
    );
    report.add(
        "statements",
        "database statements of sync-worker",
        at_most(2000.0),
        single.statements,
    );
    report.add(
        "unchanged_wal_mb",
        "WAL written by an unchanged sync, MiB",
        at_most(3.0),
        single.unchanged_wal_mb,
    );
    report.add(
        "worker_peak_growth",
        "peak memory ÷ that for a panel a tenth the size",
        at_most(1.3),
        single.peak_mb / tenth_peak_mb,
    );
    report.add(
        "answers_429",
        "answers 429 at 60 requests a minute",
        at_most(2.0),
        limited.answers_429,
    );
    report.add(
        "inside_retry_after",
        "requests made inside a Retry-After",
        at_most(0.0),
        limited.inside_retry_after,
    );
    report.add(
        "two_workers_over_one",
        "wall time of two workers ÷ that of one",
        at_most(1.1),
        two_workers_seconds / single.wall_seconds,
    );
    Ok(report)
}

async fn single(stack: &Stack) -> Result<Single> {
    let setting = Setting {
        name: "bench_single",
        size: Size::Large,
        workers: 1,
        rate_limit: USUAL_RATE,
    };
    let mut scenario = Scenario::start(stack, &setting).await?;
    simulator::forget(&scenario.access).await?;
    mirror::forget_statements(&scenario.client).await?;
    let worker = scenario.worker()?;
    let cpu_before = figures::cpu_seconds(worker)?;
    let run = scenario.sync().await?;
    let cpu_seconds = figures::cpu_seconds(worker)? - cpu_before;
    let peak_mb = figures::peak_memory(worker)?;
    let statements = mirror::statements(&scenario.client).await?;
    let requests = f64::from(simulator::counted(&scenario.access).await?.total);
    let wall_seconds = mirror::wall_seconds(&scenario.client, &run).await?;
    scenario.stop_workers()?;
    let bare = simulator::bare_loop(&scenario.access).await?;
    let digest = mirror::digest(&scenario.client).await?;

    mirror::settle(&scenario.client).await?;
    let rows_before = mirror::rows_written(&scenario.client).await?;
    scenario.start_workers(1)?;
    let wal_before = mirror::wal(&scenario.client).await?;
    scenario.sync().await?;
    let unchanged_wal_mb = mirror::wal(&scenario.client).await? - wal_before;
    scenario.stop_workers()?;
    let unchanged_rows_written = mirror::rows_written(&scenario.client).await? - rows_before;

    Ok(Single {
        requests,
        wall_seconds,
        wall_over_panel: wall_seconds / bare.as_secs_f64(),
        peak_mb,
        cpu_seconds,
        statements,
        unchanged_rows_written,
        unchanged_wal_mb,
        digest,
    })
}

async fn tenth_peak(stack: &Stack) -> Result<f64> {
    let setting = Setting {
        name: "bench_tenth",
        size: Size::Tenth,
        workers: 1,
        rate_limit: USUAL_RATE,
    };
    let scenario = Scenario::start(stack, &setting).await?;
    scenario.sync().await?;
    figures::peak_memory(scenario.worker()?)
}

struct Limited {
    answers_429: f64,
    inside_retry_after: f64,
}

async fn limited(stack: &Stack) -> Result<Limited> {
    let setting = Setting {
        name: "bench_limited",
        size: Size::Large,
        workers: 1,
        rate_limit: 60,
    };
    let scenario = Scenario::start(stack, &setting).await?;
    scenario.sync().await?;
    let counted = simulator::counted(&scenario.access).await?;
    Ok(Limited {
        answers_429: f64::from(counted.by_status.get("429").copied().unwrap_or_default()),
        inside_retry_after: f64::from(counted.inside_retry_after),
    })
}

/// The wall time of two workers, who must both have worked and have come to the same end.
async fn two_workers(stack: &Stack, expected: &str) -> Result<f64> {
    let setting = Setting {
        name: "bench_two",
        size: Size::Large,
        workers: 2,
        rate_limit: USUAL_RATE,
    };
    let mut scenario = Scenario::start(stack, &setting).await?;
    let run = scenario.sync().await?;
    let share = mirror::least_share(&scenario.client, &run, setting.workers).await?;
    ensure!(
        share >= 0.25,
        "one of the workers did only {share:.2} of the tasks"
    );
    scenario.stop_workers()?;
    let digest = mirror::digest(&scenario.client).await?;
    ensure!(
        digest == expected,
        "two workers end otherwise than one:\n{digest}\n{expected}"
    );
    mirror::wall_seconds(&scenario.client, &run).await
}
