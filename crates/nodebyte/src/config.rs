//! `nodebyte config`.

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::given;
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

fn check_value(setting: &StoredSetting, value: &SecretString) -> Result<(), Failure> {
    let text = value.expose_secret();
    if setting.secret {
        return given::key(setting.key, value);
    }
    if setting.key.ends_with("_url") && !text.is_empty() {
        let url = Url::parse(text)
            .map_err(|_wrong| Failure::Usage(format!("{} is no address", setting.key)))?;
        return given::web_address(setting.key, &url);
    }
    if text.contains('\0') {
        // PostgreSQL's text cannot hold it.
        return Err(Failure::Usage(format!("{} holds a zero byte", setting.key)));
    }
    Ok(())
}
