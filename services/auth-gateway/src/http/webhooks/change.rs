//! Webhooks changed.

use actix_web::web::{Data, Json, Path};
use common::types::caller::Actor;
use common::types::id::WebhookId;
use common::types::setting::MASK;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use reach::webhooks::seal_address;
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Kept, WebhookChange, WebhookRow};
use uuid::Uuid;

use super::chosen::RATES;
use super::discord::is_there;
use super::failure::{address, field};
use super::form::WebhookForm;
use super::list::WhichWebhook;
use super::wire::Webhook;
use crate::auth::{Administer, Caller, Needs};
use crate::http::body::Body;
use crate::http::failure::Failure;
use crate::state::State;

/// What is to change about a webhook. What is absent or null stays as it is.
// Flattened, the form would not say which of its fields has a wrong type.
#[derive(Debug, Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookChangeForm {
    /// Which; needed where the path does not say it.
    id: Option<Uuid>,
    /// When it is enabled again: `send` what was kept (as if nothing is said) or `drop` it.
    kept: Option<String>,
    /// How many a second of what was kept are sent, from 0.001 to 1,000; without it as fast as
    /// they are taken. This and `kept` are refused where nothing is enabled.
    kept_per_second: Option<f64>,
    /// What people call it, at most 100 characters.
    name: Option<String>,
    /// Another address of the same kind; as it is shown it stays as it is.
    webhook_url: Option<String>,
    /// GAME_SERVER, VPS, SYSTEM, BILLING, SECURITY, SUPPORT or CUSTOM.
    #[serde(rename = "type")]
    about: Option<String>,
    /// ADMIN, USER or PUBLIC.
    scope: Option<String>,
    /// What it is for, at most 1000 characters.
    description: Option<String>,
    /// Whether anything is sent. What comes meanwhile is kept.
    enabled: Option<bool>,
    /// Patterns of event types, for example `panel.server.*`; none: every type.
    events: Option<Vec<String>>,
    /// What the event's fields must be, as of a new one.
    conditions: Option<Vec<Value>>,
}

/// A webhook that was changed.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct ChangedWebhook {
    /// Always true.
    success: bool,
    /// A sentence for people.
    message: &'static str,
    webhook: Webhook,
}

/// Changes a webhook
///
/// What is absent stays as it is, and so does an address that is sent as it is shown. One that
/// is masked otherwise, for example as it was shown before another one was saved, is refused.
#[api_v2_operation(tags(Webhooks))]
pub async fn change(
    caller: Needs<Administer>,
    Body(form): Body<WebhookChangeForm>,
    state: Data<State>,
) -> Result<Json<ChangedWebhook>, Failure<400, 404, 413>> {
    let missing = || field("id", "`id` is missing");
    let id = form.id.ok_or_else(missing)?;
    save(WebhookId(id), form, &caller, &state).await
}

/// Changes a webhook
///
/// As without the path.
#[api_v2_operation(tags(Webhooks))]
pub async fn change_by_path(
    caller: Needs<Administer>,
    id: Path<Uuid>,
    Body(form): Body<WebhookChangeForm>,
    state: Data<State>,
) -> Result<Json<ChangedWebhook>, Failure<400, 404, 413>> {
    let id = WhichWebhook { id: form.id }.of_path(*id)?;
    save(id, form, &caller, &state).await
}

async fn save(
    id: WebhookId,
    form: WebhookChangeForm,
    caller: &Caller,
    state: &State,
) -> Result<Json<ChangedWebhook>, Failure<400, 404, 413>> {
    let kept = kept(form.kept.as_deref(), form.kept_per_second)?;
    let before = state.store.webhook(id).await?;
    if kept.is_some() && (before.enabled || form.enabled != Some(true)) {
        let why = "`kept` and `keptPerSecond` are of enabling a webhook that is disabled";
        return Err(field("kept", why).into());
    }
    let form = new_to(&before, form);
    let mut wish = WebhookChange {
        kept,
        ..form.wish()?
    };
    if let Some(text) = form.url().filter(|text| !is_masked(text, &before)) {
        let to = state.messenger.address(text).map_err(|it| address(&it))?;
        if to.kind().as_str() != before.kind {
            let why = "The address is of another kind of webhook; make a new one for it";
            return Err(field("webhookUrl", why).with_code("KIND_CHANGED").into());
        }
        wish.channel_id = is_there(state, &to).await?;
        let vault = state.settings.vault_to_seal().await?;
        wish.address = Some(seal_address(&vault, before.webhook_id(), &to)?);
    }
    let actor = Actor::Caller(caller.origin());
    let row = state
        .store
        .webhook_change(before.webhook_id(), wish, &actor)
        .await?;
    Ok(Json(ChangedWebhook {
        success: true,
        message: "Webhook updated",
        webhook: row.into(),
    }))
}

/// What a form says that is not so already. The website sends the whole form: what it only sends
/// back would perhaps not be taken today, and that is no reason to refuse the rest.
fn new_to(row: &WebhookRow, form: WebhookChangeForm) -> WebhookForm {
    let is_new = |given: &Vec<Value>| row.conditions.as_array() != Some(given);
    WebhookForm {
        name: form.name.filter(|given| *given != row.name),
        webhook_url: form.webhook_url,
        about: form.about,
        scope: form.scope,
        description: form.description.filter(|given| *given != row.description),
        enabled: form.enabled,
        events: form.events.filter(|given| *given != row.events),
        conditions: form.conditions.filter(is_new),
    }
}

fn kept(word: Option<&str>, per_second: Option<f64>) -> Result<Option<Kept>, ApiError> {
    if per_second.is_some_and(|rate| !RATES.contains(&rate)) {
        let (least, most) = (RATES.start(), RATES.end());
        let why = format!("`keptPerSecond` must be from {least} to {most}");
        return Err(field("keptPerSecond", why));
    }
    match word {
        None | Some("") if per_second.is_none() => Ok(None),
        None | Some("" | "send") => Ok(Some(Kept::Send { per_second })),
        Some("drop") if per_second.is_some() => {
            let why = "What is dropped has no `keptPerSecond`";
            Err(field("keptPerSecond", why))
        }
        Some("drop") => Ok(Some(Kept::Drop)),
        Some(_) => Err(field("kept", "`kept` must be `send` or `drop`")),
    }
}

/// What was shown comes back as it was: unchanged.
fn is_masked(text: &str, row: &WebhookRow) -> bool {
    text == row.address_shown || text == MASK
}
