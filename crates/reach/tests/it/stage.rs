//! A database and the store on it.

use std::time::Duration;
use store::{Settings, Store};
use testkit::TestDatabase;

/// Long enough for a loaded machine, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Stage {
    pub store: Store,
    // Dropped last.
    _database: TestDatabase,
}

impl Stage {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let store = Store::connect(&Settings {
            url: database.url().to_owned().into(),
            pool_size: 4,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            application_name: "reach-tests",
        })
        .unwrap();
        Self {
            store,
            _database: database,
        }
    }
}
