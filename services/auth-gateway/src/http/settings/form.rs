//! The settings as a whole: shown, changed, and secrets reset.

use actix_web::web::Data;
use common::types::caller::Actor;
use common::types::setting::repositories::{self, RepositoryChange};
use common::types::setting::{SETTINGS, Setting};
use common::types::webhook::{WebhookKind, WebhookScope};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use reach::settings::{Overrides, Wishes};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::StoreError;

use super::failure::invalid;
use super::tagged::{IfMatch, Tagged};
use super::wire::{MERGE, SettingsForm, SystemSettings};
use crate::auth::{Administer, Needs};
use crate::connections::Status;
use crate::http::body::Body;
use crate::http::failure::Failure;
use crate::http::webhooks::Webhook;
use crate::state::State;

/// All settings, and how what they name can be reached.
#[derive(Debug, Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsAnswer {
    /// Always true.
    success: bool,
    settings: SystemSettings,
    /// Whether the panel `default` answers.
    pterodactyl_status: Status,
    /// Whether VirtFusion answers.
    virtfusion_status: Status,
    /// Whether PostgreSQL answers.
    database_status: Status,
    /// Which settings are secrets.
    sensitive_fields: Vec<&'static str>,
}

/// All settings after a change.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct SavedSettings {
    /// Always true.
    success: bool,
    /// A sentence for people.
    message: &'static str,
    settings: SystemSettings,
}

/// Which secrets are to be forgotten.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct ResetForm {
    /// Names of secrets in JSON; others are ignored.
    keys: Vec<String>,
}

/// Shows all settings
///
/// Secrets are masked. Panels and database are asked whether they answer, briefly; the
/// answer is remembered for some seconds.
#[api_v2_operation(tags(Settings))]
pub async fn show(
    _caller: Needs<Administer>,
    state: Data<State>,
) -> Result<Tagged<SettingsAnswer>, Failure> {
    let overrides = state.settings.newest().await?;
    let statuses = state.connections.statuses(&overrides).await;
    Ok(Tagged {
        version: overrides.version().to_owned(),
        body: SettingsAnswer {
            success: true,
            settings: SystemSettings::of(&overrides, &webhooks(&state).await?),
            pterodactyl_status: statuses.pterodactyl.clone(),
            virtfusion_status: statuses.virtfusion.clone(),
            database_status: statuses.database.clone(),
            sensitive_fields: secrets().map(|setting| setting.name).collect(),
        },
    })
}

/// Changes settings
///
/// All that is sent, or nothing. Every process heeds it within two seconds. An address
/// that changes to another origin needs its secrets anew (`KEY_NEEDED`).
#[api_v2_operation(tags(Settings))]
pub async fn save(
    caller: Needs<Administer>,
    IfMatch(versions): IfMatch,
    Body(form): Body<SettingsForm>,
    state: Data<State>,
) -> Result<Tagged<SavedSettings>, Failure<400, 412, 413>> {
    let wishes = wishes(&form)?;
    let actor = Actor::Caller(caller.origin());
    state.settings.change(&wishes, &versions, &actor).await?;
    let overrides = state.settings.newest().await?;
    let webhooks = webhooks(&state).await?;
    Ok(saved("Settings saved successfully", &overrides, &webhooks))
}

/// Forgets secrets
///
/// What is stored of them is deleted; what the environment says counts again.
#[api_v2_operation(tags(Settings))]
pub async fn reset(
    caller: Needs<Administer>,
    IfMatch(versions): IfMatch,
    Body(form): Body<ResetForm>,
    state: Data<State>,
) -> Result<Tagged<SavedSettings>, Failure<400, 412, 413>> {
    let mut wishes = Wishes::default();
    let named = secrets().filter(|setting| form.keys.iter().any(|key| key == setting.name));
    named.for_each(|setting| wishes.remove(setting));
    let actor = Actor::Caller(caller.origin());
    state.settings.change(&wishes, &versions, &actor).await?;
    let overrides = state.settings.newest().await?;
    let webhooks = webhooks(&state).await?;
    Ok(saved("Settings reset successfully", &overrides, &webhooks))
}

/// The webhooks of Discord that tell administrators.
async fn webhooks(state: &State) -> Result<Vec<Webhook>, StoreError> {
    let rows = state.store.webhooks().await?;
    let theirs = rows.into_iter().filter(|row| {
        row.kind == WebhookKind::Discord.as_str() && row.scope == WebhookScope::Admin.as_str()
    });
    Ok(theirs.map(Webhook::from).collect())
}

fn saved(
    message: &'static str,
    overrides: &Overrides,
    webhooks: &[Webhook],
) -> Tagged<SavedSettings> {
    Tagged {
        version: overrides.version().to_owned(),
        body: SavedSettings {
            success: true,
            message,
            settings: SystemSettings::of(overrides, webhooks),
        },
    }
}

fn secrets() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.is_secret())
}

fn wishes(SettingsForm(fields): &SettingsForm) -> Result<Wishes, ApiError> {
    let merge = match fields.get(MERGE) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(merge)) => *merge,
        Some(_) => {
            return Err(ApiError::bad_request(format!(
                "`{MERGE}` must be true or false"
            )));
        }
    };
    let mut wishes = Wishes::default();
    for (name, value) in fields {
        let Some(setting) = Setting::of_name(name) else {
            continue;
        };
        let given = setting.given(value).map_err(|why| invalid(setting, &why))?;
        match given {
            None => {}
            Some(text) if setting.key == repositories::SETTING => {
                let list = repositories::read(&text);
                wishes.repositories(if merge {
                    RepositoryChange::Merge(list)
                } else {
                    RepositoryChange::Replace(list)
                });
            }
            Some(text) => wishes.set(setting, text),
        }
    }
    Ok(wishes)
}
