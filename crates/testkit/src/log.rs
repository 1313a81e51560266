//! Logs that belong to a test.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use slog::{Drain, Logger, o};
use slog_term::{FullFormat, PlainSyncDecorator, TestStdoutWriter};

use crate::wait_for;

/// A logger whose lines the test runner captures and shows with a failing test.
pub fn test_logger() -> Logger {
    let decorator = PlainSyncDecorator::new(TestStdoutWriter);
    Logger::root(FullFormat::new(decorator).build().fuse(), o!())
}

/// What a service's log is written to so that a test can read it: memory that all clones share.
#[derive(Clone, Default)]
pub struct LogLines(Arc<Mutex<Vec<u8>>>);

impl Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogLines {
    /// All of it as it was written.
    ///
    /// # Panics
    /// When it is no UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Its lines, each JSON.
    ///
    /// # Panics
    /// When one is none.
    pub fn all(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Waits for a line that matches.
    ///
    /// # Panics
    /// When none was written within five seconds.
    pub async fn wait_for(&self, matches: impl Fn(&Value) -> bool) -> Value {
        wait_for("a line in the log", Duration::from_secs(5), async || {
            self.all()
                .into_iter()
                .find(&matches)
                .ok_or_else(|| self.text())
        })
        .await
    }
}
