//! Webhooks made, one for each wish.

use actix_web::web::{Data, Json};
use common::crypto::webhook_signature::SigningSecret;
use common::types::caller::Actor;
use common::types::id::WebhookId;
use common::types::webhook::{WebhookKind, WebhookScope, WebhookType};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use reach::vault::Vault;
use reach::webhooks::{Address, Target, seal_address, seal_secret};
use runtime::http::ApiError;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use store::{NewWebhook, WebhookChange, WebhookRow};

use super::discord::is_there;
use super::failure::address;
use super::form::WebhookForm;
use super::wire::Webhook;
use crate::auth::{Administer, Needs};
use crate::http::body::Body;
use crate::http::failure::Failure;
use crate::state::State;

/// A webhook that was made.
#[derive(Debug, Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct NewWebhookAnswer {
    /// Always true.
    success: bool,
    webhook: Webhook,
    /// What signs its messages (`whsec_…`), of signed webhooks: shown now and never again,
    /// but to the same caller who repeats the request within 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<String>,
}

/// Makes a webhook
///
/// Discord is asked whether it is there; nothing is posted. The same request by the same caller
/// within 60 seconds makes no second one: it is answered what was made, its secret too.
#[api_v2_operation(tags(Webhooks))]
pub async fn create(
    caller: Needs<Administer>,
    Body(form): Body<WebhookForm>,
    state: Data<State>,
) -> Result<Json<NewWebhookAnswer>, Failure<400, 413>> {
    let wish = form.wish()?;
    let (Some(name), Some(text)) = (wish.name.clone(), form.url()) else {
        return Err(ApiError::bad_request("name and webhookUrl are required").into());
    };
    let to = state.messenger.address(text).map_err(|it| address(&it))?;
    let actor = Actor::Caller(caller.origin());
    let mut known = state.store.webhooks_just_made(&actor).await?;
    if let Some(answer) = repeated(&state, &wish, &to, &known).await? {
        return Ok(Json(answer));
    }
    let channel_id = is_there(&state, &to).await?;
    let vault = state.settings.vault_to_seal().await?;
    let (new, secret) = sealed(&vault, &wish, name, &to, channel_id)?;
    loop {
        let store = &state.store;
        let row = store.webhook_create(&new, &actor, &known);
        if let Some(row) = row.await? {
            return Ok(Json(made(row, secret.as_ref())));
        }
        // Others of this caller's wishes came at the same time.
        known = store.webhooks_just_made(&actor).await?;
        if let Some(answer) = repeated(&state, &wish, &to, &known).await? {
            return Ok(Json(answer));
        }
    }
}

/// What is stored of a wish, and what signs, of signed webhooks.
fn sealed(
    vault: &Vault,
    wish: &WebhookChange,
    name: String,
    to: &Address,
    channel_id: Option<String>,
) -> Result<(NewWebhook, Option<SigningSecret>), Failure<400, 413>> {
    let id = WebhookId::new();
    let (address, address_shown) = seal_address(vault, id, to)?;
    let secret = match to.kind() {
        WebhookKind::Signed => Some(SigningSecret::generate().map_err(ApiError::internal)?),
        WebhookKind::Discord => None,
    };
    let sealed = secret.as_ref().map(|it| seal_secret(vault, id, it));
    let none = || Value::Array(Vec::new());
    let new = NewWebhook {
        id,
        name,
        kind: to.kind(),
        about: wish.about.unwrap_or(WebhookType::System),
        scope: wish.scope.unwrap_or(WebhookScope::Admin),
        description: wish.description.clone().unwrap_or_default(),
        enabled: wish.enabled.unwrap_or(true),
        address,
        address_shown,
        channel_id,
        secret: sealed.transpose()?,
        events: wish.events.clone().unwrap_or_default(),
        conditions: wish.conditions.clone().unwrap_or_else(none),
    };
    Ok((new, secret))
}

/// The answer to the same wish, where it is one of what its actor has just made: whoever had none
/// sends it again. From anybody else it is a wish of their own, and the secret is not theirs.
async fn repeated<const A: u16, const B: u16>(
    state: &State,
    wish: &WebhookChange,
    to: &Address,
    just_made: &[WebhookRow],
) -> Result<Option<NewWebhookAnswer>, Failure<A, B>> {
    let shown = to.shown();
    let same = just_made
        .iter()
        .filter(|row| row.address_shown == shown && is_wish(row, wish));
    for row in same {
        let target = match state.targets.of(row.webhook_id(), row.revision).await {
            Ok(target) => target,
            Err(error) if error.is_outage() => return Err(error.into()),
            // What it was made of can no longer be said.
            Err(_does_not_open) => continue,
        };
        let answer = match (&*target, to) {
            (Target::Discord { webhook: there, .. }, Address::Discord(wanted))
                if there.to_url().expose_secret() == wanted.to_url().expose_secret() =>
            {
                Some(made(row.clone(), None))
            }
            (Target::Signed(to), Address::Signed(wanted)) if to.url == *wanted => {
                Some(made(row.clone(), Some(&to.secret)))
            }
            _ => None,
        };
        if answer.is_some() {
            return Ok(answer);
        }
    }
    Ok(None)
}

/// Whether a webhook is what would be made of the wish, its address aside.
fn is_wish(row: &WebhookRow, wish: &WebhookChange) -> bool {
    let about = wish.about.unwrap_or(WebhookType::System);
    let scope = wish.scope.unwrap_or(WebhookScope::Admin);
    let none = Value::Array(Vec::new());
    Some(&row.name) == wish.name.as_ref()
        && row.about == about.as_str()
        && row.scope == scope.as_str()
        && row.description == wish.description.as_deref().unwrap_or_default()
        && row.enabled == wish.enabled.unwrap_or(true)
        && row.events == wish.events.as_deref().unwrap_or_default()
        && row.conditions == *wish.conditions.as_ref().unwrap_or(&none)
}

fn made(row: WebhookRow, secret: Option<&SigningSecret>) -> NewWebhookAnswer {
    NewWebhookAnswer {
        success: true,
        webhook: row.into(),
        signing_secret: secret.map(|it| it.text().expose_secret().to_owned()),
    }
}
