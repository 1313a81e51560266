//! Figures beside their floors.

use std::fmt::{self, Write};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

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

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
        }
    }
}

/// Figures in the order of the table.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    beside: Map<String, Value>,
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
            let floor = figure.floor.to_string();
            let verdict = if figure.floor.holds(figure.value) {
                "holds"
            } else {
                "FALLS SHORT"
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{:<31}{value:>12}  {floor:<8} {verdict:<12}{}",
                figure.key, figure.what
            );
        }
        text
    }

    /// Adds what the figures were measured with or made of, for programs alone.
    pub(crate) fn note(&mut self, key: &str, value: Value) {
        self.beside.insert(key.to_owned(), value);
    }

    /// An error that names the figures that fall short.
    pub(crate) fn verdict(&self) -> Result<()> {
        let short: Vec<&str> = self
            .figures
            .iter()
            .filter(|figure| !figure.floor.holds(figure.value))
            .map(|figure| figure.key)
            .collect();
        ensure!(short.is_empty(), "these fall short: {}", short.join(", "));
        Ok(())
    }

    /// For programs: figures by key, their floors, and what else there is to know.
    pub(crate) fn json(&self) -> Result<String> {
        let mut values: Map<String, Value> = self
            .figures
            .iter()
            .map(|figure| (figure.key.to_owned(), Value::from(figure.value)))
            .collect();
        let floors: Map<String, Value> = self
            .figures
            .iter()
            .map(|figure| {
                let floor = json!({
                    "floor": figure.floor.to_string(),
                    "holds": figure.floor.holds(figure.value),
                });
                (figure.key.to_owned(), floor)
            })
            .collect();
        values.insert("floors".to_owned(), Value::Object(floors));
        values.extend(self.beside.clone());
        serde_json::to_string_pretty(&values).context("writing the figures as JSON")
    }
}
