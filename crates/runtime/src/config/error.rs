//! What is wrong with a configuration: everything at once, so that an operator
//! mends it in one go.

use std::fmt;

/// One thing that is wrong. Never holds a value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, with the environment variable or file that it came from.
    pub key: String,
    /// Why it is refused.
    pub reason: String,
}

/// Everything that is wrong, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used")?;
        for error in &self.0 {
            write!(f, "\n  {}: {}", error.key, error.reason)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl ConfigErrors {
    /// A single error.
    pub(super) fn one(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self(vec![ConfigError {
            key: key.into(),
            reason: reason.into(),
        }])
    }
}
