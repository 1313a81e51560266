//! Clients of the mirrored panels: one per panel, made anew when its address or
//! keys change.

use crate::budget::SharedBudget;
use cache::{BudgetLimits, Cache, RedisBudget};
use common::seams::RequestBudget;
use common::types::id::PanelId;
use panels::{CfAccess, PanelError, PanelSettings, Pterodactyl, RetryPolicy};
use relay::settings::{PanelAccess, Settings, SettingsError};
use runtime::config::Config;
use secrecy::ExposeSecret;
use slog::{Logger, o};
use std::collections::HashMap;
use std::sync::Arc;
use store::{Store, StoreError};
use tokio::sync::Mutex;

/// Why a panel's client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PanelClientError {
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

/// See the module.
pub struct Panels {
    config: Arc<Config>,
    store: Store,
    settings: Settings,
    budget: Arc<SharedBudget>,
    clients: Mutex<HashMap<PanelId, (PanelAccess, Pterodactyl)>>,
    log: Logger,
}

impl Panels {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// When `ENCRYPTION_KEY` is none.
    pub fn new(
        config: &Arc<Config>,
        store: &Store,
        cache: &Cache,
        log: &Logger,
    ) -> Result<Self, SettingsError> {
        let limits = BudgetLimits {
            application: config.panel.application_limit_per_minute,
            client: config.panel.client_limit_per_minute,
        };
        let redis = RedisBudget::new(cache.clone(), limits);
        Ok(Self {
            config: Arc::clone(config),
            store: store.clone(),
            settings: Settings::new(store.clone(), Arc::clone(config))?,
            budget: Arc::new(SharedBudget::new(redis, store.clone(), log.clone())),
            clients: Mutex::default(),
            log: log.clone(),
        })
    }

    /// How many workers share a limit while Redis is away.
    pub fn set_workers(&self, workers: u32) {
        self.budget.set_workers(workers);
    }

    /// The client of a panel, with the settings of this moment.
    pub async fn client(&self, id: PanelId) -> Result<Pterodactyl, PanelClientError> {
        let row = self
            .store
            .panel(id)
            .await
            .map_err(PanelClientError::Panel)?;
        let access = self
            .settings
            .panel_access(&row)
            .await
            .map_err(PanelClientError::Settings)?;
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

    fn make(&self, id: PanelId, access: &PanelAccess) -> Result<Pterodactyl, PanelClientError> {
        let url = access
            .url
            .parse()
            .map_err(|_invalid| PanelClientError::Address)?;
        let cf_access = access.cf_access.clone().map(|(id, secret)| CfAccess {
            id: id.into(),
            secret,
        });
        Pterodactyl::new(
            PanelSettings {
                panel: id,
                url,
                application_key: access.application_key.clone(),
                client_key: access.client_key.clone(),
                cf_access,
                request_timeout: self.config.panel.request_timeout,
                // The task goes on asking, and says what it waits for.
                retry: RetryPolicy {
                    attempts: 3,
                    ..RetryPolicy::default()
                },
            },
            Arc::clone(&self.budget) as Arc<dyn RequestBudget>,
            self.log.new(o!("panel_id" => id.to_string())),
        )
        .map_err(PanelClientError::Client)
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
        && used.application_key.expose_secret() == now.application_key.expose_secret()
        && text(&used.client_key) == text(&now.client_key)
        && cf(used) == cf(now)
}
