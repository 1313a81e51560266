//! What the configuration says of settings, by their keys.

use runtime::config::Config;
use secrecy::SecretString;
use std::collections::BTreeMap;

/// The configuration's values of settings; read once, since it does not change.
pub(super) struct Environment(BTreeMap<&'static str, SecretString>);

impl Environment {
    pub(super) fn of(config: &Config) -> Self {
        let secret = |value: &Option<SecretString>| value.clone();
        let text = |value: &Option<String>| value.clone().map(SecretString::from);
        let panel = &config.panel;
        let values = [
            ("pterodactyl_url", text(&panel.url)),
            ("pterodactyl_api_key", secret(&panel.api_key)),
            ("pterodactyl_client_api_key", secret(&panel.client_api_key)),
            ("cf_access_client_id", text(&panel.cf_access_client_id)),
            (
                "cf_access_client_secret",
                secret(&panel.cf_access_client_secret),
            ),
            ("virtfusion_url", text(&config.virtfusion.url)),
            ("virtfusion_api_key", secret(&config.virtfusion.api_key)),
            ("resend_api_key", secret(&config.mail.resend_api_key)),
            ("email_from", text(&Some(config.mail.from.clone()))),
            (
                "sync_batch_size",
                text(&Some(config.sync.batch_size.to_string())),
            ),
            (
                "auto_sync_enabled",
                text(&Some(config.auto_sync.enabled.to_string())),
            ),
            (
                "auto_sync_interval",
                text(&Some(config.auto_sync.interval.as_secs().to_string())),
            ),
        ];
        let set = values.into_iter();
        Self(set.filter_map(|(key, value)| Some((key, value?))).collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&SecretString> {
        self.0.get(key)
    }
}
