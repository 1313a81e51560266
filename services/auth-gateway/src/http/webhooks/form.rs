//! Webhooks made and changed.

use actix_web::web::{Data, Json};
use common::crypto::webhook_signature::SigningSecret;
use common::subscription::{Condition, MAX_CONDITIONS, MAX_PATTERNS, Pattern};
use common::types::caller::Actor;
use common::types::id::WebhookId;
use common::types::setting::MASK;
use common::types::webhook::{WebhookKind, WebhookScope, WebhookType};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use reach::webhooks::{Address, Target, seal_address, seal_secret};
use runtime::http::ApiError;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Kept, NewWebhook, WebhookChange, WebhookRow};
use uuid::Uuid;

use super::discord::is_there;
use super::failure::{address, field};
use super::wire::Webhook;
use crate::auth::{Administer, Needs};
use crate::http::body::Body;
use crate::http::failure::Failure;
use crate::state::State;

/// Characters of a name, at most.
const LONGEST_NAME: usize = 100;
/// Characters of a description, at most.
const LONGEST_DESCRIPTION: usize = 1000;
/// Deliveries a second that were kept, at most.
const HIGHEST_RATE: f64 = 1000.0;

/// A webhook to make.
#[derive(Debug, Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookForm {
    /// What people call it, at most 100 characters.
    name: Option<String>,
    /// A webhook of Discord, or the address of a system that checks our signature.
    webhook_url: Option<String>,
    /// GAME_SERVER, VPS, SYSTEM, BILLING, SECURITY, SUPPORT or CUSTOM; without it SYSTEM.
    #[serde(rename = "type")]
    about: Option<String>,
    /// ADMIN, USER or PUBLIC; without it ADMIN.
    scope: Option<String>,
    /// What it is for, at most 1000 characters.
    description: Option<String>,
    /// Whether anything is sent; of a new one true without it. What comes meanwhile is kept,
    /// and sent when it is enabled.
    enabled: Option<bool>,
    /// Patterns of event types, for example `panel.server.*`; none: every type.
    events: Option<Vec<String>>,
    /// What the event's fields must be, for example
    /// `{"field": "data.kind", "equals": "full"}`. All must hold; one that no event could ever
    /// pass by itself is refused.
    conditions: Option<Vec<Value>>,
}

/// What is to change about a webhook. What is absent or null stays as it is.
// Flattened, the form would not say which of its fields has a wrong type.
#[derive(Debug, Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookChangeForm {
    /// Which.
    id: Uuid,
    /// When it is enabled again: `send` what was kept (as if nothing is said) or `drop` it.
    kept: Option<String>,
    /// How many a second of what was kept are sent, above 0 and at most 1,000; without it as
    /// fast as they are taken.
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

/// A webhook that was changed.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct ChangedWebhook {
    /// Always true.
    success: bool,
    /// A sentence for people.
    message: &'static str,
    webhook: Webhook,
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
    let id = WebhookId::new();
    let vault = state.settings.vault_to_seal().await?;
    let (sealed, shown) = seal_address(&vault, id, &to)?;
    let secret = match to.kind() {
        WebhookKind::Signed => Some(SigningSecret::generate().map_err(ApiError::internal)?),
        WebhookKind::Discord => None,
    };
    let new = NewWebhook {
        id,
        name,
        kind: to.kind(),
        about: wish.about.unwrap_or(WebhookType::System),
        scope: wish.scope.unwrap_or(WebhookScope::Admin),
        description: wish.description.clone().unwrap_or_default(),
        enabled: wish.enabled.unwrap_or(true),
        address: sealed,
        address_shown: shown,
        channel_id,
        secret: secret
            .as_ref()
            .map(|it| seal_secret(&vault, id, it))
            .transpose()?,
        events: wish.events.clone().unwrap_or_default(),
        conditions: wish
            .conditions
            .clone()
            .unwrap_or_else(|| Value::Array(Vec::new())),
    };
    loop {
        let store = &state.store;
        let row = store.webhook_create_unless_made(&new, &actor, &known);
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
    let before = WebhookId(form.id);
    let kept = kept(form.kept.as_deref(), form.kept_per_second)?;
    let form = WebhookForm::from(form);
    let mut wish = WebhookChange {
        kept,
        ..form.wish()?
    };
    let before = state.store.webhook(before).await?;
    if let Some(text) = form.url().filter(|text| !is_masked(text, &before)) {
        let to = state.messenger.address(text).map_err(|it| address(&it))?;
        if to.kind().as_str() != before.kind {
            let why = "The address is of another kind of webhook; make a new one for it";
            return Err(field("webhookUrl", why).with_code("KIND_CHANGED").into());
        }
        wish.channel_id = is_there(&state, &to).await?;
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

impl From<WebhookChangeForm> for WebhookForm {
    fn from(form: WebhookChangeForm) -> Self {
        Self {
            name: form.name,
            webhook_url: form.webhook_url,
            about: form.about,
            scope: form.scope,
            description: form.description,
            enabled: form.enabled,
            events: form.events,
            conditions: form.conditions,
        }
    }
}

impl WebhookForm {
    /// The address, if one is given.
    fn url(&self) -> Option<&str> {
        let given = self.webhook_url.as_deref().map(str::trim);
        given.filter(|text| !text.is_empty())
    }

    /// What is wished, but for the address.
    fn wish(&self) -> Result<WebhookChange, ApiError> {
        let name = self
            .name
            .as_deref()
            .map(str::trim)
            .filter(|it| !it.is_empty());
        let given = |text: &Option<String>| text.clone().filter(|it| !it.is_empty());
        let word = |name: &str, why: String| field(name, format!("`{name}` {why}"));
        Ok(WebhookChange {
            name: name
                .map(|it| short("name", it, LONGEST_NAME, false))
                .transpose()?,
            about: given(&self.about)
                .map(|it| {
                    it.parse()
                        .map_err(|why: common::types::webhook::UnknownWord| {
                            word("type", why.to_string())
                        })
                })
                .transpose()?,
            scope: given(&self.scope)
                .map(|it| {
                    it.parse()
                        .map_err(|why: common::types::webhook::UnknownWord| {
                            word("scope", why.to_string())
                        })
                })
                .transpose()?,
            description: self
                .description
                .as_deref()
                .map(|it| short("description", it, LONGEST_DESCRIPTION, true))
                .transpose()?,
            enabled: self.enabled,
            events: self.events.as_deref().map(patterns).transpose()?,
            conditions: self.conditions.as_deref().map(conditions).transpose()?,
            ..WebhookChange::default()
        })
    }
}

fn short(name: &str, text: &str, longest: usize, breaks: bool) -> Result<String, ApiError> {
    if text.chars().count() > longest {
        let why = format!("`{name}` must have at most {longest} characters");
        return Err(field(name, why));
    }
    // PostgreSQL's text cannot hold U+0000, and people read the rest.
    if text.contains(|it: char| it.is_control() && !(breaks && it == '\n')) {
        let why = format!("`{name}` must not hold control characters");
        return Err(field(name, why));
    }
    Ok(text.to_owned())
}

fn patterns(given: &[String]) -> Result<Vec<String>, ApiError> {
    if given.len() > MAX_PATTERNS {
        let why = format!("`events` must have at most {MAX_PATTERNS} patterns");
        return Err(field("events", why));
    }
    let read = given.iter().map(|text| {
        let pattern = Pattern::parse(text).map_err(|why| field("events", why.to_string()))?;
        Ok(pattern.as_str().to_owned())
    });
    read.collect()
}

fn conditions(given: &[Value]) -> Result<Value, ApiError> {
    if given.len() > MAX_CONDITIONS {
        let why = format!("`conditions` must have at most {MAX_CONDITIONS} entries");
        return Err(field("conditions", why));
    }
    for it in given {
        let fields = it.as_object().map_or(0, serde_json::Map::len);
        let read = serde_json::from_value::<Condition>(it.clone()).ok();
        let read = read.filter(|_| fields == 2 && !it.to_string().contains("\\u0000"));
        let Some(condition) = read else {
            let why = "A condition has a `field` and one of `equals`, `not`, `in`, `above`, `below` and `exists`";
            return Err(field("conditions", why));
        };
        condition
            .check()
            .map_err(|why| field("conditions", why.to_string()))?;
    }
    Ok(Value::Array(given.to_vec()))
}

fn kept(word: Option<&str>, per_second: Option<f64>) -> Result<Option<Kept>, ApiError> {
    if per_second.is_some_and(|rate| !(rate > 0.0 && rate <= HIGHEST_RATE)) {
        let why = format!("`keptPerSecond` must be above 0 and at most {HIGHEST_RATE}");
        return Err(field("keptPerSecond", why));
    }
    match word {
        None | Some("" | "send") => Ok(per_second.map(|per_second| Kept::Send { per_second })),
        Some("drop") => Ok(Some(Kept::Drop)),
        Some(_) => Err(field("kept", "`kept` must be `send` or `drop`")),
    }
}

/// What was shown comes back as it was: unchanged.
fn is_masked(text: &str, row: &WebhookRow) -> bool {
    text == row.address_shown || text == MASK
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
