//! Clients of the mirrored panels: one per panel, made anew when its address or
//! keys change.

use crate::budget::SharedBudget;
use crate::settings::{PanelAccess, Settings, SettingsError};
use ::panels::{CfAccess, Guard, PanelError, PanelSettings, Pterodactyl, RetryPolicy};
use cache::Cache;
use common::seams::{BudgetLimits, RequestBudget};
use common::types::id::PanelId;
use runtime::config::Config;
use secrecy::ExposeSecret;
use slog::{Logger, o};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};
use tokio::sync::Mutex;

/// Why a panel's client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// The panel's row cannot be read.
    #[error("the panel is not known")]
    Panel(#[source] StoreError),
    /// Its address or keys cannot be had.
    #[error("the panel's settings cannot be had")]
    Settings(#[source] SettingsError),
    /// Its address is none.
    #[error("the panel's address is no URL")]
    Address,
    /// The client refuses them.
    #[error("the panel's settings cannot be used")]
    Client(#[source] PanelError),
}

/// How a process asks panels.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Time for one answer, body included.
    pub request_timeout: Duration,
    /// How failed requests are repeated.
    pub retry: RetryPolicy,
    /// Processes that share a panel's limit while they cannot count together; see
    /// [`Panels::set_sharers`].
    pub sharers: u32,
}

/// See the module.
pub struct Panels {
    manner: Manner,
    store: Store,
    settings: Arc<Settings>,
    budget: Arc<SharedBudget>,
    guard: Guard,
    clients: Mutex<HashMap<PanelId, (PanelAccess, Pterodactyl)>>,
    log: Logger,
}

impl Panels {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(
        config: &Config,
        manner: Manner,
        settings: Arc<Settings>,
        store: &Store,
        cache: &Cache,
        log: &Logger,
    ) -> Self {
        let limits = BudgetLimits {
            application: config.panel.application_limit_per_minute,
            client: config.panel.client_limit_per_minute,
        };
        let budget = SharedBudget::new(
            cache.clone(),
            store.clone(),
            limits,
            manner.sharers,
            log.clone(),
        );
        Self {
            manner,
            store: store.clone(),
            settings,
            budget: Arc::new(budget),
            guard: Guard {
                allowed: config.outbound.allowed_networks.clone(),
            },
            clients: Mutex::default(),
            log: log.clone(),
        }
    }

    /// How many processes share a limit while Redis is away.
    pub fn set_sharers(&self, sharers: u32) {
        self.budget.set_sharers(sharers);
    }

    /// The client of a panel, with the settings of this moment.
    ///
    /// # Errors
    /// See [`ReachError`].
    pub async fn client(&self, id: PanelId) -> Result<Pterodactyl, ReachError> {
        let row = self.store.panel(id).await.map_err(ReachError::Panel)?;
        let access = self
            .settings
            .panel_access(&row)
            .await
            .map_err(ReachError::Settings)?;
        let mut clients = self.clients.lock().await;
        if let Some((used, client)) = clients.get(&id)
            && is_same(used, &access)
        {
            return Ok(client.clone());
        }
        let client = self.make(id, &access)?;
        clients.insert(id, (access, client.clone()));
        Ok(client)
    }

    fn make(&self, id: PanelId, access: &PanelAccess) -> Result<Pterodactyl, ReachError> {
        let url = access.url.parse().map_err(|_invalid| ReachError::Address)?;
        let cf_access = access.cf_access.clone().map(|(id, secret)| CfAccess {
            id: id.into(),
            secret,
        });
        Pterodactyl::new(
            PanelSettings {
                panel: id,
                url,
                guard: access.is_guarded.then(|| self.guard.clone()),
                application_key: access.application_key.clone(),
                client_key: access.client_key.clone(),
                cf_access,
                request_timeout: self.manner.request_timeout,
                retry: self.manner.retry,
            },
            Arc::clone(&self.budget) as Arc<dyn RequestBudget>,
            self.log.new(o!("panel_id" => id.to_string())),
        )
        .map_err(ReachError::Client)
    }
}

fn is_same(used: &PanelAccess, now: &PanelAccess) -> bool {
    let text = |secret: &Option<secrecy::SecretString>| {
        secret
            .as_ref()
            .map(|secret| secret.expose_secret().to_owned())
    };
    let cf = |access: &PanelAccess| {
        access
            .cf_access
            .as_ref()
            .map(|(id, secret)| (id.clone(), secret.expose_secret().to_owned()))
    };
    used.url == now.url
        && used.is_guarded == now.is_guarded
        && used.application_key.expose_secret() == now.application_key.expose_secret()
        && text(&used.client_key) == text(&now.client_key)
        && cf(used) == cf(now)
}
