//! `nodebyte config`.

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::session::{Session, actor};
use common::types::setting::{SETTINGS, Setting};
use reach::settings::{ChangeError, Overrides, Refused, SettingsError, Wishes};
use runtime::config::{Config, Sources};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::process::ExitCode;

pub fn check(arguments: &Arguments, output: &Output) -> Result<ExitCode, Failure> {
    let sources = Sources::of_process(arguments.config.clone());
    let config = Config::load(&sources).map_err(Failure::Config)?;
    output.show(&config, || config.redacted())
}

/// Shows settings as administrators see them.
pub async fn get(session: &Session<'_>, key: Option<&str>) -> Result<ExitCode, Failure> {
    let wanted = match key {
        Some(key) => std::slice::from_ref(setting(key)?),
        None => SETTINGS,
    };
    let overrides = session.settings.newest().await?;
    let shown = |setting: &Setting| (setting.key.to_owned(), overrides.shown(setting));
    let all: serde_json::Map<String, Value> = wanted.iter().map(shown).collect();
    session.output.show(&all, || table(wanted, &overrides))
}

fn table(settings: &[Setting], overrides: &Overrides) -> String {
    let mut table = Table::new(["KEY", "VALUE"]);
    for setting in settings {
        let value = match overrides.shown(setting) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        table.row([setting.key.to_owned(), value]);
    }
    table.or("There are no settings.")
}

/// Stores settings, all or none: one takes all of standard input, several a line each.
pub async fn set(session: &Session<'_>, keys: &[String]) -> Result<ExitCode, Failure> {
    let settings: Vec<&'static Setting> = keys
        .iter()
        .map(|key| setting(key))
        .collect::<Result<_, _>>()?;
    let input = session.input()?;
    let input = input.expose_secret();
    let values: Vec<&str> = match settings.len() {
        1 => vec![input],
        _ => input.lines().collect(),
    };
    if values.len() != settings.len() {
        let (lines, keys) = (values.len(), settings.len());
        return Err(Failure::Usage(format!(
            "{keys} settings need a line each on standard input; there are {lines}"
        )));
    }
    let mut wishes = Wishes::default();
    for (setting, value) in settings.iter().zip(values) {
        if value.trim().is_empty() {
            wishes.remove(setting);
            continue;
        }
        let value = setting.check(value);
        let value = value.map_err(|why| Failure::Usage(format!("{} {why}", setting.key)))?;
        wishes.set(setting, value);
    }
    let changed = session.settings.change(&wishes, &[], &actor()).await;
    let changed = changed.map_err(failure)?;
    let views: Vec<Value> = settings.iter().map(|it| view(it, &changed)).collect();
    session.output.show(&views, || sentence(&changed))
}

fn setting(key: &str) -> Result<&'static Setting, Failure> {
    Setting::of_key(key).ok_or_else(|| {
        let known: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
        Failure::Usage(format!(
            "no setting is called {key}; there are: {}",
            known.join(", ")
        ))
    })
}

fn view(setting: &Setting, changed: &[&str]) -> Value {
    json!({
        "key": setting.key,
        "changed": changed.contains(&setting.key),
        "sealed": setting.is_secret(),
    })
}

fn sentence(changed: &[&str]) -> String {
    if changed.is_empty() {
        return "All was so already.".to_owned();
    }
    let keys = changed.join(", ");
    format!("Changed {keys}. Services use it within two seconds.")
}

fn failure(error: ChangeError) -> Failure {
    match error {
        ChangeError::Settings(SettingsError::Vault(error)) => error.into(),
        ChangeError::Settings(error) => error.into(),
        ChangeError::Refused(Refused::KeyNeeded(secret)) => {
            let (secret, address) = (secret.key, secret.bound_to.unwrap_or_default());
            Failure::Refused(format!(
                "{secret} was given for the present address; give it anew in the same call: \
                 nodebyte config set {address} {secret}, each on a line of its own (an empty \
                 line removes it)"
            ))
        }
        ChangeError::Refused(refused) => Failure::Usage(refused.to_string()),
    }
}
