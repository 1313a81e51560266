//! An error with everything that caused it, as one value. Errors do not repeat
//! their source in `Display`, so a log line that shows only the outermost one
//! shows too little.

use std::error::Error;
use std::fmt;

use slog::{Key, Record, Serializer, Value};

/// Shows an error and its sources, separated by `: `. Can stand in a log line:
/// `error!(log, "…"; "error" => ErrorChain(&error))`.
pub struct ErrorChain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl Value for ErrorChain<'_> {
    fn serialize(&self, _: &Record<'_>, key: Key, to: &mut dyn Serializer) -> slog::Result {
        to.emit_arguments(key, &format_args!("{self}"))
    }
}
