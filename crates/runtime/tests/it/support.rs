//! What several of these tests need: loggers and a client.

use slog::{Drain, Logger, o};
use testkit::LogLines;

/// A logger as services have it, and its lines.
pub fn logged() -> (Logger, LogLines) {
    let lines = LogLines::default();
    let drain = runtime::log::json_lines(lines.clone()).fuse();
    (Logger::root(drain, o!()), lines)
}

pub fn silent() -> Logger {
    Logger::root(slog::Discard, o!())
}

pub fn client() -> reqwest::Client {
    runtime::process::install_crypto_provider();
    reqwest::Client::new()
}
