//! Prometheus figures. Any crate counts through the `metrics` crate; the recorder
//! installed here renders them for `/metrics`. Names follow
//! <https://prometheus.io/docs/practices/naming/>: `nodebyte_` first, base units,
//! `_total` on counters; histograms of durations end in `_seconds`.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// From one millisecond to five minutes: HTTP requests, statements and tasks.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder. Only the first call in a process does anything: tests
/// start several services in one, and they share their figures.
pub fn install() {
    recorder();
}

/// Between two rounds of [`keep_up`].
const UPKEEP: Duration = Duration::from_secs(5);

/// Sums up, for as long as the process lives, what histograms were told. Each keeps every
/// value until then, and nobody may ever ask for `/metrics`.
pub(crate) async fn keep_up() {
    let Some(handle) = recorder() else {
        return;
    };
    loop {
        tokio::time::sleep(UPKEEP).await;
        handle.run_upkeep();
    }
}

/// Everything counted so far, in Prometheus' text format.
#[must_use]
pub fn render() -> String {
    recorder()
        .map(|handle| {
            handle.run_upkeep();
            handle.render()
        })
        .unwrap_or_default()
}

fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
                .and_then(PrometheusBuilder::install_recorder)
                .ok()
        })
        .as_ref()
}
