//! Webhooks shown and removed.

use actix_web::web::{Data, Json, Path};
use common::types::caller::Actor;
use common::types::id::WebhookId;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::failure::field;
use super::wire::Webhook;
use crate::auth::{Administer, Caller, Needs};
use crate::http::failure::Failure;
use crate::http::given::Given;
use crate::state::State;

/// All webhooks.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Webhooks {
    /// Always true.
    success: bool,
    /// Newest first.
    webhooks: Vec<Webhook>,
}

/// One webhook.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct OneWebhook {
    /// Always true.
    success: bool,
    webhook: Webhook,
}

/// A webhook is gone.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Deleted {
    /// Always true.
    success: bool,
    /// A sentence for people.
    message: &'static str,
}

/// Which webhook is meant.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct WhichWebhook {
    /// Its id.
    pub id: Option<Uuid>,
}

impl WhichWebhook {
    /// The one that is meant.
    ///
    /// # Errors
    /// None is named.
    pub fn id(&self) -> Result<WebhookId, ApiError> {
        let missing = || ApiError::bad_request("`id` is required");
        self.id.map(WebhookId).ok_or_else(missing)
    }

    /// The one of the path. Whoever names another meant one of them.
    ///
    /// # Errors
    /// Another is named.
    pub fn of_path(&self, id: Uuid) -> Result<WebhookId, ApiError> {
        if self.id.is_some_and(|other| other != id) {
            return Err(field("id", "`id` is not the webhook of the path"));
        }
        Ok(WebhookId(id))
    }
}

/// Lists the webhooks
#[api_v2_operation(tags(Webhooks))]
pub async fn list(
    _caller: Needs<Administer>,
    state: Data<State>,
) -> Result<Json<Webhooks>, Failure> {
    let rows = state.store.webhooks().await?;
    Ok(Json(Webhooks {
        success: true,
        webhooks: rows.into_iter().map(Webhook::from).collect(),
    }))
}

/// Shows one webhook
#[api_v2_operation(tags(Webhooks))]
pub async fn get(
    _caller: Needs<Administer>,
    id: Path<Uuid>,
    state: Data<State>,
) -> Result<Json<OneWebhook>, Failure<404>> {
    let row = state.store.webhook(WebhookId(*id)).await?;
    Ok(Json(OneWebhook {
        success: true,
        webhook: row.into(),
    }))
}

/// Removes a webhook, with all that waits for it
///
/// Named in query or body.
#[api_v2_operation(tags(Webhooks))]
pub async fn delete(
    caller: Needs<Administer>,
    Given(which): Given<WhichWebhook>,
    state: Data<State>,
) -> Result<Json<Deleted>, Failure<400, 404, 413>> {
    remove(which.id()?, &caller, &state).await
}

/// Removes a webhook, with all that waits for it
#[api_v2_operation(tags(Webhooks))]
pub async fn delete_by_path(
    caller: Needs<Administer>,
    id: Path<Uuid>,
    Given(which): Given<WhichWebhook>,
    state: Data<State>,
) -> Result<Json<Deleted>, Failure<400, 404, 413>> {
    remove(which.of_path(*id)?, &caller, &state).await
}

async fn remove(
    id: WebhookId,
    caller: &Caller,
    state: &State,
) -> Result<Json<Deleted>, Failure<400, 404, 413>> {
    let actor = Actor::Caller(caller.origin());
    state.store.webhook_delete(id, &actor).await?;
    Ok(Json(Deleted {
        success: true,
        message: "Webhook deleted",
    }))
}
