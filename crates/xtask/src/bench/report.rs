//! Figures beside their floors.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// What a figure has to reach.
#[derive(Clone, Copy)]
pub(crate) enum Floor {
    AtMost(f64),
    AtLeast(f64),
}

impl Floor {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

/// Figures in the order of the table.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

struct Figure {
    what: &'static str,
    key: &'static str,
    floor: Floor,
    value: f64,
}

impl Report {
    /// Adds a figure under its key of the JSON file.
    pub(crate) fn add(&mut self, key: &'static str, what: &'static str, floor: Floor, value: f64) {
        self.figures.push(Figure {
            what,
            key,
            floor,
            value,
        });
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for figure in &self.figures {
            let value = format!("{:.3}", figure.value);
            let floor = match figure.floor {
                Floor::AtMost(limit) => format!("≤ {limit}"),
                Floor::AtLeast(limit) => format!("≥ {limit}"),
            };
            let verdict = if figure.floor.holds(figure.value) {
                "holds"
            } else {
                "FALLS SHORT"
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{:<23}{value:>12}  {floor:<8} {verdict:<12}{}",
                figure.key, figure.what
            );
        }
        text
    }

    /// For programs: figures by key.
    pub(crate) fn json(&self) -> Result<String> {
        let values: Map<String, Value> = self
            .figures
            .iter()
            .map(|figure| (figure.key.to_owned(), Value::from(figure.value)))
            .collect();
        serde_json::to_string_pretty(&values).context("writing the figures as JSON")
    }
}
