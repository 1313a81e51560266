//! Panels as live use asks them: somebody waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use cache::Cache;
use common::types::id::PanelId;
use common::types::panel::ServerResources;
use panels::{PanelError, RetryPolicy};
use reach::settings::Settings;
use reach::{Manner, Panels, ReachError};
use runtime::config::Config;
use slog::Logger;
use store::Store;
use uuid::Uuid;

/// Longer than this is an answer that comes too late for a screen.
const LONGEST_REQUEST: Duration = Duration::from_secs(10);

/// One more try, soon.
const RETRY: RetryPolicy = RetryPolicy {
    attempts: 2,
    first: Duration::from_millis(200),
    cap: Duration::from_secs(1),
};

/// Gateways that are taken to share a panel's limit while they cannot count
/// together. They are not counted in PostgreSQL as workers are; more of them than
/// this are unusual, and the panel's 429 sets them right.
const GATEWAYS: u32 = 4;

/// Why there is no live answer.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// How to reach the panel is not known.
    #[error("the panel cannot be reached")]
    Reach(#[source] ReachError),
    /// The panel's answer.
    #[error("the panel cannot be asked")]
    Panel(#[source] PanelError),
}

/// Asks panels for what only they know.
pub struct LivePanels(Panels);

impl LivePanels {
    pub(crate) fn new(
        config: &Config,
        settings: Arc<Settings>,
        store: &Store,
        cache: &Cache,
        log: &Logger,
    ) -> Self {
        let manner = Manner {
            request_timeout: config.panel.request_timeout.min(LONGEST_REQUEST),
            retry: RETRY,
            sharers: GATEWAYS,
        };
        Self(Panels::new(config, manner, settings, store, cache, log))
    }

    /// What a server uses now; `server` is the panel's uuid of it.
    ///
    /// # Errors
    /// See [`LiveError`].
    pub(crate) async fn server_resources(
        &self,
        panel: PanelId,
        server: Uuid,
    ) -> Result<ServerResources, LiveError> {
        let client = self.0.client(panel).await.map_err(LiveError::Reach)?;
        client
            .server_resources(server)
            .await
            .map_err(LiveError::Panel)
    }
}
