//! Reads the layers, checks every value against the registry, then the values
//! against each other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use figment::Figment;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};

use super::error::{ConfigError, ConfigErrors};
use super::{Config, DEFAULTS, Environment, MailTransport, keys};

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file in the form of `default.toml`.
    pub file: Option<PathBuf>,
    /// Environment variables; those that no key names are ignored.
    pub variables: BTreeMap<String, String>,
}

impl Sources {
    /// This process's environment, with the file that the caller was given or
    /// else the one that `NODEBYTE_CONFIG` names.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let named = variables
            .get("NODEBYTE_CONFIG")
            .filter(|path| !path.is_empty());
        let file = file.or_else(|| named.map(PathBuf::from));
        Self { file, variables }
    }

    /// These variables and no file; for tests.
    pub fn of_variables<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            file: None,
            variables,
        }
    }
}

/// A value and the words that name its origin in an error.
struct Given {
    origin: String,
    value: Value,
}

pub(super) fn load(sources: &Sources) -> Result<Config, ConfigErrors> {
    let mut errors = Vec::new();
    let mut given = BTreeMap::new();
    collect(
        &parse(Toml::string(DEFAULTS), "default.toml")?,
        "default.toml",
        &mut given,
    );
    if let Some(path) = &sources.file {
        let origin = path.display().to_string();
        if !path.is_file() {
            return Err(ConfigErrors::one(origin, "there is no such file"));
        }
        collect(
            &parse(Toml::file_exact(path), &origin)?,
            &origin,
            &mut given,
        );
    }
    for key in keys::KEYS {
        let set = key.environment().into_iter().find_map(|name| {
            let value = sources.variables.get(&name)?.trim();
            (!value.is_empty()).then(|| Given {
                origin: name,
                value: Value::from(value),
            })
        });
        if let Some(set) = set {
            given.insert(key.path.to_owned(), set);
        }
    }

    let mut figment = Figment::new();
    for (path, Given { origin, value }) in given {
        let read = match keys::find(&path) {
            Some(key) => key.kind.read(&value),
            None => Err("there is no such key".to_owned()),
        };
        match read {
            Ok(value) => figment = figment.merge((path.as_str(), value)),
            Err(reason) => errors.push(ConfigError {
                key: format!("{path} ({origin})"),
                reason,
            }),
        }
    }
    if !errors.is_empty() {
        return Err(ConfigErrors(errors));
    }
    let config: Config = figment.extract().map_err(|error| {
        let key = error.path.join(".");
        ConfigErrors::one(key, error.kind.to_string())
    })?;
    check_together(&config)?;
    Ok(config)
}

fn parse(provider: impl figment::Provider, origin: &str) -> Result<Dict, ConfigErrors> {
    Figment::from(provider)
        .extract()
        .map_err(|error| ConfigErrors::one(origin, error.kind.to_string()))
}

/// Flattens a file into paths; what stands under a known section name but is not
/// a value of its own is found by the registry later.
fn collect(dict: &Dict, origin: &str, given: &mut BTreeMap<String, Given>) {
    fn walk(dict: &Dict, prefix: &str, origin: &str, given: &mut BTreeMap<String, Given>) {
        for (name, value) in dict {
            let path = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            match value {
                Value::Dict(_, inner) if !inner.is_empty() || keys::is_section(&path) => {
                    walk(inner, &path, origin, given);
                }
                leaf => {
                    let given_here = Given {
                        origin: origin.to_owned(),
                        value: leaf.clone(),
                    };
                    given.insert(path, given_here);
                }
            }
        }
    }
    walk(dict, "", origin, given);
}

/// Rules that span keys, all of them tried.
fn check_together(config: &Config) -> Result<(), ConfigErrors> {
    use common::crypto::master::MasterKey;
    use secrecy::{ExposeSecret, SecretString};

    let mut errors = Vec::new();
    let mut refuse = |key: &str, reason: &str| {
        errors.push(ConfigError {
            key: key.to_owned(),
            reason: reason.to_owned(),
        });
    };
    if config.database.url.expose_secret().is_empty() {
        refuse("database.url (DATABASE_URL)", "is required");
    }
    let read = |text: &Option<SecretString>| text.as_ref().map(MasterKey::parse).transpose();
    let key = read(&config.security.encryption_key);
    let old = "security.encryption_key_old (ENCRYPTION_KEY_OLD)";
    match read(&config.security.encryption_key_old) {
        Err(error) => refuse(old, &error.to_string()),
        Ok(Some(_)) if matches!(key, Ok(None)) => {
            refuse(old, "opens nothing without the key that follows it");
        }
        Ok(_) => {}
    }
    match key {
        Err(error) => refuse(
            "security.encryption_key (ENCRYPTION_KEY)",
            &error.to_string(),
        ),
        Ok(None) if config.environment == Environment::Production => refuse(
            "security.encryption_key (ENCRYPTION_KEY)",
            "is required in production; `nodebyte keys generate` makes one",
        ),
        Ok(_) => {}
    }
    // RFC 7518 section 3.2: whoever has one token could try out every shorter one.
    let is_short = |secret: &SecretString| secret.expose_secret().len() < 32;
    if config.environment == Environment::Production
        && config.security.jwt_secret.as_ref().is_some_and(is_short)
    {
        refuse(
            "security.jwt_secret (JWT_SECRET)",
            "has at least 32 bytes in production",
        );
    }
    if config.mail.webhook_secrets().is_err() {
        refuse(
            "mail.resend_webhook_secret (RESEND_WEBHOOK_SECRET)",
            "holds something else than signing secrets (whsec_…)",
        );
    }
    match config.mail.transport {
        MailTransport::File if config.environment == Environment::Production => {
            refuse("mail.transport", "must be `resend` in production");
        }
        MailTransport::File if config.mail.directory.is_none() => {
            refuse(
                "mail.directory",
                "is required where mail.transport is `file`",
            );
        }
        MailTransport::File | MailTransport::Resend => {}
    }
    if config.http.cors_origins.iter().any(|origin| origin == "*") {
        refuse(
            "http.cors_origins (CORS_ORIGINS)",
            "`*` cannot be combined with credentials; name the origins",
        );
    }
    if config.sync.heartbeat * 2 > config.sync.lease {
        refuse(
            "sync.heartbeat_seconds",
            "must be at most half of sync.lease_seconds",
        );
    }
    if config.panel.cf_access_client_id.is_some() != config.panel.cf_access_client_secret.is_some()
    {
        refuse(
            "panel.cf_access_client_id",
            "and panel.cf_access_client_secret are set together or not at all",
        );
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ConfigErrors(errors))
    }
}
