//! The test button: a real delivery, and what came of it.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use chrono::Utc;
use common::types::event::Event;
use common::types::id::{MessageId, WebhookId};
use outbound::{Answer, Verdict};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use reach::vault::VaultError;
use reach::webhooks::{Target, TargetError};
use runtime::http::ApiError;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::discord::{NoAnswer, ask};
use super::failure::said;
use super::list::WhichWebhook;
use crate::auth::{Administer, Needs};
use crate::http::failure::Failure;
use crate::http::given::Given;
use crate::state::State;

/// A test that arrived.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Tested {
    /// Always true: whatever else came of it is an error.
    success: bool,
    /// A sentence for people.
    message: &'static str,
}

/// Sends a test to a webhook
///
/// At once and to it alone, whether or not it is enabled. If it does not arrive the answer
/// is 502 `WEBHOOK_TEST_FAILED`, and says why.
#[api_v2_operation(tags(Webhooks))]
pub async fn test(
    _caller: Needs<Administer>,
    Given(which): Given<WhichWebhook>,
    state: Data<State>,
) -> Result<Json<Tested>, Failure<400, 404, 413, 502>> {
    send(which.id()?, &state).await
}

/// Sends a test to a webhook
///
/// As without the path.
#[api_v2_operation(tags(Webhooks))]
pub async fn test_by_path(
    _caller: Needs<Administer>,
    id: Path<Uuid>,
    Given(which): Given<WhichWebhook>,
    state: Data<State>,
) -> Result<Json<Tested>, Failure<400, 404, 413, 502>> {
    send(which.of_path(*id)?, &state).await
}

async fn send(id: WebhookId, state: &State) -> Result<Json<Tested>, Failure<400, 404, 413, 502>> {
    let row = state.store.webhook(id).await?;
    let event = Event {
        specversion: "1.0".to_owned(),
        id: MessageId::new(),
        source: "/nodebyte/gateway".to_owned(),
        event_type: "webhook.test".to_owned(),
        subject: row.id.to_string(),
        time: Utc::now(),
        datacontenttype: "application/json".to_owned(),
        data: json!({ "name": row.name }),
    };
    let target = state.targets.of(id, row.revision).await;
    match &*target.map_err(unopened)? {
        Target::Discord { webhook, channel } => {
            let request = async {
                let messages = std::slice::from_ref(&event);
                delivered(state.messenger.post(webhook, messages).await)
            };
            match ask(state, Some(id), webhook, channel.as_deref(), request).await {
                Ok(()) => {}
                Err(NoAnswer::Refused(answer, _)) => return Err(failed(*answer).into()),
                Err(NoAnswer::Busy(wait)) => return Err(busy(wait).into()),
                Err(NoAnswer::Store(error)) => return Err(error.into()),
            }
        }
        Target::Signed(to) => {
            let id = event.id.to_string();
            let body = json!(event).to_string();
            delivered(state.messenger.send(to, &id, body).await).map_err(failed)?;
        }
    }
    state.store.webhook_tested(id).await?;
    Ok(Json(Tested {
        success: true,
        message: "Webhook test successful",
    }))
}

fn delivered(answer: Answer) -> Result<(), Answer> {
    match answer.verdict {
        Verdict::Delivered => Ok(()),
        _ => Err(answer),
    }
}

fn unopened(error: TargetError) -> Failure<400, 404, 413, 502> {
    match error {
        TargetError::Store(error) | TargetError::Vault(VaultError::Store(error)) => error.into(),
        error @ (TargetError::Vault(_) | TargetError::Address | TargetError::Secret(_)) => {
            let why = "The test did not arrive: the webhook's address or secret cannot be opened";
            not_tested(why).because(error).into()
        }
    }
}

fn failed(answer: Answer) -> ApiError {
    let why = format!("The test did not arrive: {}", said(&answer));
    not_tested(why).because(std::io::Error::other(answer.excerpt))
}

fn busy(wait: Duration) -> ApiError {
    let why = "The test did not arrive: Discord takes nothing more from us for a while";
    not_tested(why).with_details(json!({ "seconds": wait.as_secs() + 1 }))
}

fn not_tested(why: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_GATEWAY, "WEBHOOK_TEST_FAILED", why)
}
