//! Settings that are kept in the database override the configuration, without a
//! restart: they are read again when they are asked for and older than two
//! seconds.
//!
//! A setting that does not open is an error for whoever needs it, and for nobody
//! else; the configuration's value is never taken in its place.
//!
//! [`overrides`](Overrides) says what counts, `change` what a wish changes and whether it
//! may, `save` makes it so.

mod accessors;
mod change;
mod environment;
mod error;
mod overrides;
mod save;

pub use change::Wishes;
pub use error::{ChangeError, Refused, SettingsError};
pub use overrides::Overrides;

use crate::vault::{PanelKey, Vault, VaultError};
use crate::webhooks::Targets;
use common::crypto::master::MasterKey;
use common::types::setting::WebOrigin;
use environment::Environment;
use runtime::config::Config;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{PanelRow, Store};
use tokio::sync::Mutex;

/// How old the settings in use may be.
const MAX_AGE: Duration = Duration::from_secs(2);

/// Name of the panel whose address and keys stand in settings or configuration.
pub const DEFAULT_PANEL: &str = "default";

/// How a panel is reached.
#[derive(Debug, Clone)]
pub struct PanelAccess {
    /// Base address.
    pub url: String,
    /// Whether an administrator gave it, and not the operator: it leads to public addresses
    /// then, and to networks that the configuration opens.
    pub is_guarded: bool,
    /// Key of the Application API.
    pub application_key: SecretString,
    /// Key of the Client API, for live use.
    pub client_key: Option<SecretString>,
    /// Cloudflare Access: client id and secret.
    pub cf_access: Option<(String, SecretString)>,
}

/// The settings in effect.
pub struct Settings {
    store: Store,
    environment: Arc<Environment>,
    master: Option<Arc<MasterKey>>,
    current: Mutex<Option<(Instant, Arc<Overrides>)>>,
}

impl Settings {
    /// Settings above `config`. Asks nothing of PostgreSQL yet.
    ///
    /// # Errors
    /// [`SettingsError::MasterKey`].
    pub fn new(store: Store, config: impl AsRef<Config>) -> Result<Self, SettingsError> {
        let config = config.as_ref();
        let master = config
            .security
            .master_key()
            .map_err(SettingsError::MasterKey)?
            .map(Arc::new);
        Ok(Self {
            store,
            environment: Arc::new(Environment::of(config)),
            master,
            current: Mutex::new(None),
        })
    }

    /// Opens the vault, able to seal.
    ///
    /// # Errors
    /// See [`Vault::open_to_seal`].
    pub async fn vault_to_seal(&self) -> Result<Vault, VaultError> {
        Vault::open_to_seal(&self.store, self.master.clone()).await
    }

    /// Where webhooks are.
    #[must_use]
    pub fn targets(&self) -> Targets {
        Targets::new(self.store.clone(), self.master.clone())
    }

    /// The stored settings, at most two seconds old.
    ///
    /// # Errors
    /// They are older and cannot be read anew.
    pub async fn overrides(&self) -> Result<Arc<Overrides>, SettingsError> {
        self.younger_than(MAX_AGE).await
    }

    /// The settings as they are stored at this moment.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn newest(&self) -> Result<Arc<Overrides>, SettingsError> {
        self.younger_than(Duration::ZERO).await
    }

    async fn younger_than(&self, age: Duration) -> Result<Arc<Overrides>, SettingsError> {
        let mut current = self.current.lock().await;
        if let Some((loaded, overrides)) = &*current
            && loaded.elapsed() < age
        {
            return Ok(Arc::clone(overrides));
        }
        let loaded = Instant::now();
        let overrides = Overrides::load(
            &self.store,
            self.master.clone(),
            Arc::clone(&self.environment),
        )
        .await;
        if overrides.as_ref().is_err_and(SettingsError::lacks_the_key) {
            // What was read before there were data keys says no longer what can be opened.
            *current = None;
        }
        let overrides = Arc::new(overrides?);
        *current = Some((loaded, Arc::clone(&overrides)));
        Ok(overrides)
    }

    /// The row of the panel `default`, made or moved to where settings and
    /// configuration say that it is.
    ///
    /// # Errors
    /// [`SettingsError::NoDefaultPanel`], or the settings cannot be read.
    pub async fn default_panel(&self) -> Result<PanelRow, SettingsError> {
        let overrides = self.overrides().await?;
        let url = default_url(&overrides)?.ok_or(SettingsError::NoDefaultPanel)?;
        self.store
            .panel_default(&url)
            .await
            .map_err(SettingsError::Store)
    }

    /// How to reach a panel. Its own keys come first. Only the panel `default` is
    /// reached with what settings and configuration hold: their secrets are never
    /// sent to another panel's address.
    ///
    /// # Errors
    /// A needed secret is missing or does not open.
    pub async fn panel_access(&self, panel: &PanelRow) -> Result<PanelAccess, SettingsError> {
        let overrides = self.overrides().await?;
        match self.access_with(&overrides, panel) {
            // The data key or the setting may be younger than what we have read.
            Err(_) => {
                let overrides = self.newest().await?;
                self.access_with(&overrides, panel)
            }
            access => access,
        }
    }

    /// Whether this process has the `ENCRYPTION_KEY` that opens what the panels are
    /// reached with; whatever else is wrong with that is no answer to this.
    ///
    /// # Errors
    /// [`SettingsError::lacks_the_key`], or PostgreSQL cannot be asked.
    pub async fn has_the_key(&self) -> Result<(), SettingsError> {
        let overrides = self.overrides().await?;
        if self.master.is_some() {
            return Ok(());
        }
        for panel in self.store.panels().await.map_err(SettingsError::Store)? {
            match self.access_with(&overrides, &panel) {
                Err(error) if error.lacks_the_key() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn access_with(
        &self,
        overrides: &Overrides,
        panel: &PanelRow,
    ) -> Result<PanelAccess, SettingsError> {
        let own = |key: PanelKey, stored: &Option<String>| {
            stored
                .as_deref()
                .map(|stored| overrides.vault.panel_key(key, panel.panel_id(), stored))
                .transpose()
                .map_err(|reason| SettingsError::PanelKey {
                    panel: panel.name.clone(),
                    reason,
                })
        };
        let mut access = PanelAccess {
            url: panel.url.clone(),
            is_guarded: false,
            application_key: SecretString::default(),
            client_key: None,
            cf_access: None,
        };
        let mut application_key = own(PanelKey::Application, &panel.application_key)?;
        access.client_key = own(PanelKey::Client, &panel.client_key)?;
        if panel.name == DEFAULT_PANEL {
            access.url = default_url(overrides)?.unwrap_or(access.url);
            // Its row remembers what a setting once said.
            let origin = WebOrigin::of(&access.url);
            let operators = overrides.configured_origin("pterodactyl_url");
            access.is_guarded = origin.is_none() || origin != operators;
            let setting = |key| overrides.of_key(key);
            if application_key.is_none() {
                application_key = setting("pterodactyl_api_key")?.cloned();
            }
            if access.client_key.is_none() {
                access.client_key = setting("pterodactyl_client_api_key")?.cloned();
            }
            let id = setting("cf_access_client_id")?.map(|id| id.expose_secret().to_owned());
            let secret = setting("cf_access_client_secret")?.cloned();
            access.cf_access = id.zip(secret);
        }
        access.application_key =
            application_key.ok_or_else(|| SettingsError::NoApplicationKey(panel.name.clone()))?;
        Ok(access)
    }
}

fn default_url(overrides: &Overrides) -> Result<Option<String>, SettingsError> {
    let url = overrides.of_key("pterodactyl_url")?;
    Ok(url.map(|url| url.expose_secret().to_owned()))
}
