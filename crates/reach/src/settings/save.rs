//! Changing settings: decided, sealed, stored and told in one transaction.

use super::Settings;
use super::change::{Change, Wishes};
use super::error::{ChangeError, Refused, SettingsError};
use super::overrides::Overrides;
use crate::vault::{Vault, VaultError};
use common::crypto::format::SecretFormat;
use common::types::caller::Actor;
use secrecy::ExposeSecret;
use std::sync::Arc;
use store::{SettingWrite, SettingsChange};

/// Why the transaction ended without a change.
enum Hindered {
    Refused(Refused),
    Vault(VaultError),
    /// A setting was sealed by a data key that came after the keys were read.
    Overtaken,
}

impl Settings {
    /// Makes wishes come true, all or none, and tells of them in the trail and as an event.
    /// Those of others who change settings at the same time come before or after. Where
    /// `versions` are given, the settings must still be of one ([`Overrides::version`]).
    /// Answers the keys that changed; none where all was so already.
    ///
    /// # Errors
    /// They may not, or cannot; nothing was changed.
    pub async fn change(
        &self,
        wishes: &Wishes,
        versions: &[String],
        actor: &Actor,
    ) -> Result<Vec<&'static str>, ChangeError> {
        let changed = match self.try_change(wishes, versions, actor, true).await {
            // With all keys read anew, what still does not open never will.
            Ok(Err(Hindered::Overtaken)) => self.try_change(wishes, versions, actor, false).await,
            changed => changed,
        };
        // Whatever came of it: what is read next is what is stored.
        *self.current.lock().await = None;
        let hindered = match changed {
            Ok(Ok(keys)) => return Ok(keys),
            Ok(Err(Hindered::Refused(refused))) => return Err(ChangeError::Refused(refused)),
            Ok(Err(Hindered::Vault(error))) => SettingsError::Vault(error),
            Ok(Err(Hindered::Overtaken)) => SettingsError::Vault(VaultError::NoDataKey),
            Err(error) => error,
        };
        Err(ChangeError::Settings(hindered))
    }

    async fn try_change(
        &self,
        wishes: &Wishes,
        versions: &[String],
        actor: &Actor,
        is_first: bool,
    ) -> Result<Result<Vec<&'static str>, Hindered>, SettingsError> {
        let master = self.master.clone();
        let vault = if wishes.need_sealing() {
            Vault::open_to_seal(&self.store, master).await
        } else {
            Vault::open(&self.store, master).await
        };
        let vault = vault.map_err(SettingsError::Vault)?;
        let environment = Arc::clone(&self.environment);
        let (wishes, versions) = (wishes.clone(), versions.to_vec());
        let changed = self.store.settings_change(actor, move |rows| {
            let now = Overrides::opened(rows, vault, environment);
            if is_first && now.lacks_a_data_key() {
                return Err(Hindered::Overtaken);
            }
            let is_of = |version: &String| version == now.version();
            if !versions.is_empty() && !versions.iter().any(is_of) {
                return Err(Hindered::Refused(Refused::Outdated));
            }
            let changes = wishes.against(&now).map_err(Hindered::Refused)?;
            stored(changes, &now.vault).map_err(Hindered::Vault)
        });
        changed.await.map_err(SettingsError::Store)
    }
}

fn stored(changes: Vec<Change>, vault: &Vault) -> Result<SettingsChange, VaultError> {
    let mut all = SettingsChange::default();
    for Change {
        setting,
        after,
        origin,
        told,
    } in changes
    {
        all.told.push(told);
        let Some(value) = after else {
            all.removals.push(setting.key);
            continue;
        };
        let (value, format) = if setting.is_secret() {
            let sealed = vault.seal_setting(setting.key, &value)?;
            (sealed, SecretFormat::Envelope)
        } else {
            (value.expose_secret().to_owned(), SecretFormat::Plain)
        };
        all.writes.push(SettingWrite {
            key: setting.key,
            value,
            format: format.as_str(),
            origin: origin.map(|origin| origin.as_str().to_owned()),
        });
    }
    Ok(all)
}
