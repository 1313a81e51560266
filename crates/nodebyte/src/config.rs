//! `nodebyte config`.

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, operator};
use common::crypto::format::SecretFormat;
use reach::settings::{STORED_SETTINGS, StoredSetting};
use reach::vault::Vault;
use runtime::config::{Config, Sources};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::process::ExitCode;
use url::Url;

pub fn check(arguments: &Arguments, output: &Output) -> Result<ExitCode, Failure> {
    let sources = Sources::of_process(arguments.config.clone());
    let config = Config::load(&sources).map_err(Failure::Config)?;
    output.show(&config, || config.redacted())
}

pub async fn set(session: &Session<'_>, key: &str) -> Result<ExitCode, Failure> {
    let setting = STORED_SETTINGS
        .iter()
        .find(|setting| setting.key == key)
        .ok_or_else(|| {
            let known: Vec<&str> = STORED_SETTINGS.iter().map(|setting| setting.key).collect();
            Failure::Usage(format!(
                "no setting is called {key}; there are: {}",
                known.join(", ")
            ))
        })?;
    let value = session.input()?;
    let value = SecretString::from(value.expose_secret().trim());
    check_value(setting, &value)?;
    let (stored, format) = if setting.secret && !value.expose_secret().is_empty() {
        let vault = Vault::open_to_seal(&session.store, session.master_key()?).await?;
        (vault.seal_setting(key, &value)?, SecretFormat::Envelope)
    } else {
        (value.expose_secret().to_owned(), SecretFormat::Plain)
    };
    session
        .store
        .setting_save(key, &stored, format.as_str(), &operator())
        .await?;
    let sealed = format == SecretFormat::Envelope;
    session
        .output
        .show(&json!({ "key": key, "sealed": sealed }), || {
            let how = if sealed { ", sealed" } else { "" };
            format!("Stored {key}{how}. Services use it within two seconds.")
        })
}

/// A wrong address would be noticed only when something is sent to it.
fn check_value(setting: &StoredSetting, value: &SecretString) -> Result<(), Failure> {
    let text = value.expose_secret();
    if setting.key.ends_with("_url") && !text.is_empty() {
        let is_web = Url::parse(text)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_web {
            return Err(Failure::Usage(format!(
                "{} takes an http:// or https:// address",
                setting.key
            )));
        }
    }
    Ok(())
}
