//! What is stored, opened; and what counts: a stored value above the configuration's, a
//! secret only at the origin that it was given for.

use super::environment::Environment;
use super::error::SettingsError;
use crate::vault::{Vault, VaultError};
use common::crypto::master::MasterKey;
use common::types::setting::{Setting, WebOrigin, repositories};
use ring::digest::{Context, SHA256};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{SettingRow, Store};

/// A stored setting.
struct Stored {
    value: Result<SecretString, Arc<VaultError>>,
    /// Of a secret; not known of those stored before origins were.
    origin: Option<WebOrigin>,
}

/// The stored settings, as they were at one moment, above the configuration.
pub struct Overrides {
    stored: BTreeMap<String, Stored>,
    environment: Arc<Environment>,
    version: String,
    pub(super) vault: Vault,
}

impl Overrides {
    /// Reads and opens all stored settings.
    ///
    /// # Errors
    /// PostgreSQL cannot be asked, or a data key does not open.
    pub(super) async fn load(
        store: &Store,
        master: Option<Arc<MasterKey>>,
        environment: Arc<Environment>,
    ) -> Result<Self, SettingsError> {
        let rows = store.settings().await.map_err(SettingsError::Store)?;
        let vault = Vault::open(store, master).await;
        let vault = vault.map_err(SettingsError::Vault)?;
        Ok(Self::opened(rows, vault, environment))
    }

    pub(super) fn opened(
        rows: Vec<SettingRow>,
        vault: Vault,
        environment: Arc<Environment>,
    ) -> Self {
        let version = version(&rows);
        let open = |row: SettingRow| {
            let value = vault.setting(&row.key, &row.value, &row.format);
            let stored = Stored {
                value: value.map_err(Arc::new),
                origin: row.origin.map(WebOrigin::stored),
            };
            (row.key, stored)
        };
        Self {
            stored: rows.into_iter().map(open).collect(),
            environment,
            version,
            vault,
        }
    }

    /// What tells this state from every other one, and nothing else.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A setting's stored value; `None` where it is not stored, or empty.
    ///
    /// # Errors
    /// It is stored and does not open.
    pub fn get(&self, key: &str) -> Result<Option<&SecretString>, SettingsError> {
        match self.stored.get(key).map(|stored| &stored.value) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value).filter(|value| !value.expose_secret().is_empty())),
            Some(Err(reason)) => Err(SettingsError::Setting {
                key: key.to_owned(),
                reason: Arc::clone(reason),
            }),
        }
    }

    /// The value that counts: what is stored, else what the configuration says. A secret
    /// counts where the address that it belongs to has the origin that it was given for:
    /// the stored one that of its row, the configured one that of the configured address.
    ///
    /// # Errors
    /// It is stored and does not open; the configured one is never taken in its place.
    pub fn value(&self, setting: &Setting) -> Result<Option<&SecretString>, SettingsError> {
        let stored = self.get(setting.key);
        let configured = self.configured(setting);
        let Some(address) = setting.bound_to else {
            return Ok(stored?.or(configured));
        };
        let now = self.origin(address);
        let given_for = self.stored.get(setting.key).map(|it| &it.origin);
        let is_stored_for = match given_for {
            Some(Some(origin)) => now.as_ref() == Some(origin),
            Some(None) | None => true,
        };
        if is_stored_for && let Some(value) = stored? {
            return Ok(Some(value));
        }
        let home = self.configured_origin(address);
        Ok(configured.filter(|_| home.is_some() && home == now))
    }

    /// What the configuration says.
    pub(super) fn configured(&self, setting: &Setting) -> Option<&SecretString> {
        self.environment.get(setting.key)
    }

    /// The origin of the configured address with this key.
    #[must_use]
    pub fn configured_origin(&self, address: &str) -> Option<WebOrigin> {
        let url = self.environment.get(address)?;
        WebOrigin::of(url.expose_secret())
    }

    /// The value that counts of the setting with this key.
    ///
    /// # Errors
    /// As [`Overrides::value`].
    pub fn of_key(&self, key: &str) -> Result<Option<&SecretString>, SettingsError> {
        Setting::of_key(key).map_or(Ok(None), |setting| self.value(setting))
    }

    /// The origin of the address that counts of those with this key.
    #[must_use]
    pub fn origin(&self, address: &str) -> Option<WebOrigin> {
        let url = self.of_key(address).ok()??;
        WebOrigin::of(url.expose_secret())
    }

    /// Whether a value was sealed by a data key that the vault has not.
    pub(super) fn lacks_a_data_key(&self) -> bool {
        let mut values = self.stored.values().map(|stored| &stored.value);
        values.any(|value| matches!(value, Err(error) if error.unknown_key().is_some()))
    }

    /// Whether there is a row of it.
    pub(super) fn is_stored(&self, setting: &Setting) -> bool {
        self.stored.contains_key(setting.key)
    }

    /// Whether a secret counts now, be it one that does not open.
    pub(super) fn has(&self, setting: &Setting) -> bool {
        !matches!(self.value(setting), Ok(None))
    }

    /// What administrators are shown: the value that counts or its default; of a secret
    /// only whether it is there.
    #[must_use]
    pub fn shown(&self, setting: &Setting) -> Value {
        if setting.is_secret() {
            return setting.shown(self.has(setting).then_some(""));
        }
        let value = self.value(setting).ok().flatten();
        setting.shown(value.map(ExposeSecret::expose_secret))
    }

    /// The list of repositories that counts.
    #[must_use]
    pub fn repositories(&self) -> Vec<String> {
        let text = Setting::of_key(repositories::SETTING).and_then(|list| self.text(list));
        repositories::read(&text.unwrap_or_default())
    }

    /// The text that counts, in the form in which it would be stored now; `None` where
    /// there is none, and no default.
    #[must_use]
    pub fn text(&self, setting: &Setting) -> Option<String> {
        let value = self.value(setting).ok().flatten();
        let checked = value.and_then(|value| setting.check(value.expose_secret()).ok());
        let default = || (!setting.default.is_empty()).then(|| setting.default.to_owned());
        checked.or_else(default)
    }
}

fn version(rows: &[SettingRow]) -> String {
    let mut digest = Context::new(&SHA256);
    for row in rows {
        let moment = row.updated_at.timestamp_micros().to_string();
        for part in [row.key.as_str(), row.value.as_str(), moment.as_str()] {
            digest.update(part.as_bytes());
            digest.update(b"\0");
        }
    }
    let digest = digest.finish();
    let half = digest.as_ref().iter().take(16);
    half.map(|byte| format!("{byte:02x}")).collect()
}
