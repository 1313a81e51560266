//! Settings that are kept in the database override the configuration, without a
//! restart: they are read again when they are asked for and older than two
//! seconds.
//!
//! A setting that does not open is an error for whoever needs it, and for nobody
//! else; the configuration's value is never taken in its place.

use crate::vault::{PanelKey, Vault, VaultError};
use common::crypto::master::{MasterKey, MasterKeyError};
use runtime::config::Config;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{PanelRow, Store, StoreError};
use tokio::sync::Mutex;

/// How old the settings in use may be.
const MAX_AGE: Duration = Duration::from_secs(2);

/// Name of the panel whose address and keys stand in settings or configuration.
pub const DEFAULT_PANEL: &str = "default";

/// A setting that may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredSetting {
    /// Its key.
    pub key: &'static str,
    /// Whether its value is sealed before it is stored.
    pub secret: bool,
}

/// Every setting that may be stored.
pub const STORED_SETTINGS: &[StoredSetting] = &[
    plain("admin_email"),
    plain("auto_sync_enabled"),
    plain("auto_sync_interval"),
    plain("cache_timeout"),
    plain("cf_access_client_id"),
    secret("cf_access_client_secret"),
    secret("crowdin_personal_token"),
    plain("crowdin_project_id"),
    plain("discord_notifications_enabled"),
    plain("email_from"),
    plain("email_notifications_enabled"),
    plain("github_repositories"),
    secret("github_token"),
    plain("maintenance_mode"),
    plain("pterodactyl_api"),
    secret("pterodactyl_api_key"),
    secret("pterodactyl_client_api_key"),
    plain("pterodactyl_url"),
    plain("registration_enabled"),
    secret("resend_api_key"),
    secret("scalar_api_key"),
    plain("site_name"),
    plain("site_url"),
    plain("sync_batch_size"),
    plain("sync_interval"),
    plain("virtfusion_api"),
    secret("virtfusion_api_key"),
    plain("virtfusion_url"),
];

const fn plain(key: &'static str) -> StoredSetting {
    StoredSetting { key, secret: false }
}

const fn secret(key: &'static str) -> StoredSetting {
    StoredSetting { key, secret: true }
}

/// Why a setting cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// PostgreSQL could not be asked.
    #[error("the stored settings cannot be read")]
    Store(#[source] StoreError),
    /// `ENCRYPTION_KEY` is no key.
    #[error("ENCRYPTION_KEY cannot be used")]
    MasterKey(#[source] MasterKeyError),
    /// The keys that open settings cannot be had.
    #[error("the stored settings cannot be opened")]
    Vault(#[source] VaultError),
    /// A stored setting does not open.
    #[error("the stored setting {key} cannot be used")]
    Setting {
        /// Its key.
        key: String,
        /// Why not.
        #[source]
        reason: Arc<VaultError>,
    },
    /// A stored key of a panel does not open.
    #[error("a stored key of panel {panel} cannot be used")]
    PanelKey {
        /// The panel's name.
        panel: String,
        /// Why not.
        #[source]
        reason: VaultError,
    },
    /// The panel has no key for its Application API.
    #[error("panel {0} has no application key")]
    NoApplicationKey(String),
    /// Nothing says where the panel `default` is.
    #[error(
        "no panel is configured: neither the setting pterodactyl_url nor PTERODACTYL_URL is set"
    )]
    NoDefaultPanel,
}

impl SettingsError {
    /// See [`VaultError::lacks_the_key`].
    #[must_use]
    pub fn lacks_the_key(&self) -> bool {
        match self {
            Self::Vault(reason) | Self::PanelKey { reason, .. } => reason.lacks_the_key(),
            Self::Setting { reason, .. } => reason.lacks_the_key(),
            _ => false,
        }
    }
}

/// The stored settings, as they were at one moment.
pub struct Overrides {
    values: BTreeMap<String, Result<SecretString, Arc<VaultError>>>,
    vault: Vault,
}

impl Overrides {
    /// Reads and opens all stored settings.
    ///
    /// # Errors
    /// PostgreSQL cannot be asked, or a data key does not open.
    pub async fn load(
        store: &Store,
        master: Option<Arc<MasterKey>>,
    ) -> Result<Self, SettingsError> {
        let rows = store.settings().await.map_err(SettingsError::Store)?;
        let vault = Vault::open(store, master)
            .await
            .map_err(SettingsError::Vault)?;
        let values = rows
            .into_iter()
            .map(|row| {
                let opened = vault.setting(&row.key, &row.value, &row.format);
                (row.key, opened.map_err(Arc::new))
            })
            .collect();
        Ok(Self { values, vault })
    }

    /// A setting's value; `None` where it is not stored, or empty.
    ///
    /// # Errors
    /// It is stored and does not open.
    pub fn get(&self, key: &str) -> Result<Option<&SecretString>, SettingsError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value).filter(|value| !value.expose_secret().is_empty())),
            Some(Err(reason)) => Err(SettingsError::Setting {
                key: key.to_owned(),
                reason: Arc::clone(reason),
            }),
        }
    }

    /// A stored secret, or else the configured one.
    fn secret_or(
        &self,
        key: &str,
        configured: Option<&SecretString>,
    ) -> Result<Option<SecretString>, SettingsError> {
        Ok(self.get(key)?.or(configured).cloned())
    }

    /// A stored text, or else the configured one.
    fn text_or(
        &self,
        key: &str,
        configured: Option<&str>,
    ) -> Result<Option<String>, SettingsError> {
        let stored = self.get(key)?.map(ExposeSecret::expose_secret);
        Ok(stored.or(configured).map(ToOwned::to_owned))
    }
}

/// How a panel is reached.
#[derive(Debug, Clone)]
pub struct PanelAccess {
    /// Base address.
    pub url: String,
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
    config: Arc<Config>,
    master: Option<Arc<MasterKey>>,
    current: Mutex<Option<(Instant, Arc<Overrides>)>>,
}

impl Settings {
    /// Settings above `config`. Asks nothing of PostgreSQL yet.
    ///
    /// # Errors
    /// [`SettingsError::MasterKey`].
    pub fn new(store: Store, config: Arc<Config>) -> Result<Self, SettingsError> {
        let master = config
            .security
            .master_key()
            .map_err(SettingsError::MasterKey)?
            .map(Arc::new);
        Ok(Self {
            store,
            config,
            master,
            current: Mutex::new(None),
        })
    }

    /// The stored settings, at most two seconds old.
    ///
    /// # Errors
    /// They are older and cannot be read anew.
    pub async fn overrides(&self) -> Result<Arc<Overrides>, SettingsError> {
        self.younger_than(MAX_AGE).await
    }

    async fn younger_than(&self, age: Duration) -> Result<Arc<Overrides>, SettingsError> {
        let mut current = self.current.lock().await;
        if let Some((loaded, overrides)) = &*current
            && loaded.elapsed() < age
        {
            return Ok(Arc::clone(overrides));
        }
        let loaded = Instant::now();
        let overrides = Overrides::load(&self.store, self.master.clone()).await;
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
        let url = self
            .default_url(&overrides)?
            .ok_or(SettingsError::NoDefaultPanel)?;
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
                let overrides = self.younger_than(Duration::ZERO).await?;
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
        let mut url = panel.url.clone();
        let mut application_key = own(PanelKey::Application, &panel.application_key)?;
        let mut client_key = own(PanelKey::Client, &panel.client_key)?;
        let mut cf_access = None;
        if panel.name == DEFAULT_PANEL {
            let configured = &self.config.panel;
            url = self.default_url(overrides)?.unwrap_or(url);
            if application_key.is_none() {
                application_key =
                    overrides.secret_or("pterodactyl_api_key", configured.api_key.as_ref())?;
            }
            if client_key.is_none() {
                client_key = overrides.secret_or(
                    "pterodactyl_client_api_key",
                    configured.client_api_key.as_ref(),
                )?;
            }
            let id = overrides.text_or(
                "cf_access_client_id",
                configured.cf_access_client_id.as_deref(),
            )?;
            let secret = overrides.secret_or(
                "cf_access_client_secret",
                configured.cf_access_client_secret.as_ref(),
            )?;
            cf_access = id.zip(secret);
        }
        Ok(PanelAccess {
            url,
            application_key: application_key
                .ok_or_else(|| SettingsError::NoApplicationKey(panel.name.clone()))?,
            client_key,
            cf_access,
        })
    }

    fn default_url(&self, overrides: &Overrides) -> Result<Option<String>, SettingsError> {
        overrides.text_or("pterodactyl_url", self.config.panel.url.as_deref())
    }
}
