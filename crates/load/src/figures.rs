//! What came of many requests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// Counted while requests are made.
#[derive(Default)]
pub(crate) struct Figures {
    /// Tenths of microseconds; four bytes a request are cheaper than any histogram.
    latencies: Vec<u32>,
    statuses: BTreeMap<u16, u64>,
}

const TENTHS: u128 = 100;

impl Figures {
    /// Counts an answer; `latency` is `None` for one that only warms up.
    pub(crate) fn count(&mut self, status: u16, latency: Option<Duration>) {
        if let Some(latency) = latency {
            let tenths = u32::try_from(latency.as_nanos() / TENTHS).unwrap_or(u32::MAX);
            self.latencies.push(tenths);
        }
        *self.statuses.entry(status).or_default() += 1;
    }

    /// For whoever started us.
    pub(crate) fn json(mut self, wall: Duration) -> Value {
        self.latencies.sort_unstable();
        json!({
            "requests": self.latencies.len(),
            "seconds": wall.as_secs_f64(),
            "p50_us": self.microseconds(0.5),
            "p99_us": self.microseconds(0.99),
            // Of all requests, those that warmed up included.
            "statuses": self.statuses,
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list that memory holds"
    )]
    fn microseconds(&self, quantile: f64) -> f64 {
        let place = (self.latencies.len() as f64 * quantile) as usize;
        f64::from(self.latencies.get(place).copied().unwrap_or_default()) / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_all_answers() {
        let mut figures = Figures::default();
        for microseconds in (1..=100).rev() {
            figures.count(200, Some(Duration::from_micros(microseconds)));
        }
        figures.count(200, None);
        let json = figures.json(Duration::from_secs(2));
        assert_eq!(json["requests"], 100);
        assert_eq!(json["p50_us"], 51.0);
        assert_eq!(json["p99_us"], 100.0);
        assert_eq!(json["statuses"]["200"], 101);
    }
}
