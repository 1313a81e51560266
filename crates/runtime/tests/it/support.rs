//! What several of these tests need: log lines that can be read back, a client,
//! and bounded waiting.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use slog::{Drain, Logger, o};

/// Lines of a logger that writes JSON into memory.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// A logger and its lines.
    pub fn logger() -> (Logger, Self) {
        let lines = Self::default();
        (
            Logger::root(runtime::log::json_lines(lines.clone()).fuse(), o!()),
            lines,
        )
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub fn all(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Waits for a line that matches.
    pub async fn wait_for(&self, matches: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..500 {
            if let Some(line) = self.all().into_iter().find(&matches) {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no such line in:\n{}", self.text());
    }
}

pub fn silent() -> Logger {
    Logger::root(slog::Discard, o!())
}

pub fn client() -> reqwest::Client {
    runtime::process::install_crypto_provider();
    reqwest::Client::new()
}
