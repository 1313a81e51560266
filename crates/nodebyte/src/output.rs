//! Prints results: tables and sentences for people, JSON for programs. Results go
//! to standard output, all else to standard error.

use crate::failure::Failure;
use chrono::{DateTime, SecondsFormat, Utc};
use runtime::error_chain::ErrorChain;
use serde::Serialize;
use serde_json::json;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// How to print.
pub struct Output {
    json: bool,
}

impl Output {
    /// JSON or text.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result: `value` as JSON, or the text for people.
    pub fn show(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<ExitCode, Failure> {
        let text = if self.json {
            serde_json::to_string_pretty(value)
                .map_err(|error| Failure::Output(io::Error::other(error)))?
        } else {
            text()
        };
        match writeln!(io::stdout(), "{}", text.trim_end()) {
            // A reader that has seen enough (`| head`) is no failure.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
            _ => Ok(ExitCode::SUCCESS),
        }
    }

    /// Prints one of many results, as JSON on a line of its own. `false`: the reader
    /// has seen enough.
    pub fn line(&self, value: &impl Serialize) -> Result<bool, Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::Output(io::Error::other(error)))?;
        match writeln!(io::stdout(), "{text}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::Output(error)),
            Ok(()) => Ok(true),
        }
    }

    /// Tells something beside the result.
    pub fn note(&self, sentence: impl fmt::Display) {
        // Where nobody can be told there is nobody to tell that.
        let _ = writeln!(io::stderr(), "{sentence}");
    }

    /// Prints a failure and gives its exit code.
    pub fn failure(&self, failure: &Failure) -> ExitCode {
        let code = failure.exit_code();
        let message = ErrorChain(failure).to_string();
        if self.json {
            self.note(match failure {
                Failure::Config(errors) => {
                    let list: Vec<_> = errors
                        .0
                        .iter()
                        .map(|error| json!({ "key": error.key, "reason": error.reason }))
                        .collect();
                    json!({ "error": "the configuration cannot be used", "errors": list, "exit_code": code })
                }
                _ => json!({ "error": message, "exit_code": code }),
            });
        } else {
            self.note(format_args!("error: {message}"));
        }
        ExitCode::from(code)
    }
}

/// Rows under headings, columns as wide as their widest cell.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self {
            rows: vec![headings.map(ToOwned::to_owned).into()],
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The table, or `nothing` when it has no rows.
    pub fn or(self, nothing: &str) -> String {
        if self.rows.len() == 1 {
            nothing.to_owned()
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A moment for people; `-` where there is none.
pub fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}
