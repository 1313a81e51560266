//! A corner of Redis per test.

use uuid::Uuid;

use crate::environment;

/// A key prefix nobody else uses. Keys are left to their expiry or to the end of the server.
#[derive(Debug)]
pub struct TestRedis {
    url: String,
    prefix: String,
}

impl TestRedis {
    /// Takes a fresh prefix on the server that `REDIS_URL` names. It opens no connection.
    ///
    /// # Panics
    /// When the server is not named.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "it reads the environment and panics, which a default does not"
    )]
    pub fn new() -> Self {
        Self {
            url: environment::url("REDIS_URL").into(),
            prefix: format!("test:{}:", Uuid::new_v4().simple()),
        }
    }

    /// The server's address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What every key of the test begins with; ends in a colon.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}
