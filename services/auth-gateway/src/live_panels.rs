//! Panels as live use asks them: one client for each, made anew when its address
//! or keys change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache::Cache;
use chrono::Utc;
use common::types::id::PanelId;
use common::types::panel::ServerResources;
use panels::{CfAccess, PanelError, PanelSettings, Pterodactyl, RetryPolicy};
use relay::settings::{PanelAccess, Settings, SettingsError};
use runtime::config::PanelConfig;
use secrecy::{ExposeSecret, SecretString};
use slog::Logger;
use store::{PanelRow, Store, StoreError};
use uuid::Uuid;

use crate::budget::LiveBudget;

/// Somebody looks at a screen: longer than this is an answer that comes too late.
const LONGEST_REQUEST: Duration = Duration::from_secs(10);

/// One more try, soon.
const RETRY: RetryPolicy = RetryPolicy {
    attempts: 2,
    first: Duration::from_millis(200),
    cap: Duration::from_secs(1),
};

/// Why there is no live answer.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The panel's row cannot be read.
    #[error("the panel's row cannot be read")]
    Store(#[source] StoreError),
    /// The panel's address or keys cannot be used.
    #[error("how the panel is reached is not known")]
    Settings(#[source] SettingsError),
    /// The address is none.
    #[error("the panel's address is not a URL")]
    Address(#[source] url::ParseError),
    /// The panel's answer.
    #[error("the panel cannot be asked")]
    Panel(#[source] PanelError),
}

/// Asks panels for what only they know.
pub struct LivePanels {
    store: Store,
    settings: Arc<Settings>,
    budget: Arc<LiveBudget>,
    request_timeout: Duration,
    clients: Mutex<HashMap<PanelId, Client>>,
    log: Logger,
}

/// A client and what it was made from.
struct Client {
    access: PanelAccess,
    panel: Pterodactyl,
}

impl LivePanels {
    pub(crate) fn new(
        config: &PanelConfig,
        store: Store,
        settings: Arc<Settings>,
        cache: &Cache,
        log: &Logger,
    ) -> Self {
        Self {
            budget: Arc::new(LiveBudget::new(config, store.clone(), cache, log)),
            store,
            settings,
            request_timeout: config.request_timeout.min(LONGEST_REQUEST),
            clients: Mutex::default(),
            log: log.clone(),
        }
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
        let row = self.store.panel(panel).await.map_err(LiveError::Store)?;
        refuse_while_blocked(&row)?;
        let client = self.client(&row).await?;
        client
            .server_resources(server)
            .await
            .map_err(LiveError::Panel)
    }

    async fn client(&self, row: &PanelRow) -> Result<Pterodactyl, LiveError> {
        let access = self
            .settings
            .panel_access(row)
            .await
            .map_err(LiveError::Settings)?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(&row.panel_id())
            && is_same(&known.access, &access)
        {
            return Ok(known.panel.clone());
        }
        let settings = PanelSettings {
            panel: row.panel_id(),
            url: access.url.parse().map_err(LiveError::Address)?,
            application_key: access.application_key.clone(),
            client_key: access.client_key.clone(),
            cf_access: access.cf_access.clone().map(|(id, secret)| CfAccess {
                id: SecretString::from(id),
                secret,
            }),
            request_timeout: self.request_timeout,
            retry: RETRY,
        };
        let panel = Pterodactyl::new(settings, self.budget.clone(), self.log.clone())
            .map_err(LiveError::Panel)?;
        clients.insert(
            row.panel_id(),
            Client {
                access,
                panel: panel.clone(),
            },
        );
        Ok(panel)
    }
}

/// The panel's own word to wait is obeyed also while Redis, which knows it too, is
/// away.
fn refuse_while_blocked(row: &PanelRow) -> Result<(), LiveError> {
    let wait = row
        .client_blocked_until
        .and_then(|until| (until - Utc::now()).to_std().ok());
    match wait {
        Some(retry_after) => Err(LiveError::Panel(PanelError::RateLimited { retry_after })),
        None => Ok(()),
    }
}

fn is_same(one: &PanelAccess, other: &PanelAccess) -> bool {
    let secret =
        |key: &Option<SecretString>| key.as_ref().map(|key| key.expose_secret().to_owned());
    let cf_access = |access: &PanelAccess| {
        access
            .cf_access
            .as_ref()
            .map(|(id, key)| (id.clone(), key.expose_secret().to_owned()))
    };
    one.url == other.url
        && one.application_key.expose_secret() == other.application_key.expose_secret()
        && secret(&one.client_key) == secret(&other.client_key)
        && cf_access(one) == cf_access(other)
}
