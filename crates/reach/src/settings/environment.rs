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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use common::types::setting::SETTINGS;
    use runtime::config::Sources;
    use secrecy::ExposeSecret;

    const VALUES: [(&str, &str); 3] = [
        ("AUTO_SYNC_ENABLED", "true"),
        ("AUTO_SYNC_INTERVAL", "61"),
        ("SYNC_BATCH_SIZE", "61"),
    ];

    #[test]
    fn every_variable_that_a_setting_names_is_read() {
        let named = SETTINGS
            .iter()
            .filter_map(|setting| Some((setting.key, setting.environment?)));
        let given: Vec<_> = named
            .map(|(key, variable)| {
                let value = VALUES.iter().find(|(name, _)| *name == variable);
                let value = value.map_or_else(
                    || format!("https://{variable}.example"),
                    |(_, value)| (*value).to_owned(),
                );
                (key, variable, value)
            })
            .collect();
        let variables = given.iter().map(|(_, name, value)| (*name, value.as_str()));
        let database = ("DATABASE_URL", "postgres://nobody@localhost/none");
        let sources = Sources::of_variables(variables.chain([database]));
        let environment = Environment::of(&Config::load(&sources).unwrap());
        for (key, variable, value) in &given {
            let read = environment.get(key).unwrap();
            assert_eq!(read.expose_secret(), value, "{variable}");
        }
    }
}
