//! Logs that belong to a test.

use slog::{Drain, Logger, o};
use slog_term::{FullFormat, PlainSyncDecorator, TestStdoutWriter};

/// A logger whose lines the test runner captures and shows with a failing test.
pub fn test_logger() -> Logger {
    let decorator = PlainSyncDecorator::new(TestStdoutWriter);
    Logger::root(FullFormat::new(decorator).build().fuse(), o!())
}
