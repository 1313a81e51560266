//! Discord, asked by the gateway: when admins make, change or test a webhook. It counts these
//! requests with the notifiers', so they are taken from the same budget and keep the same
//! pauses. What one webhook is limited is kept where that webhook is: of one that is not stored
//! yet, only its maker is told.

use std::time::Duration;

use common::types::id::WebhookId;
use common::types::webhook::WebhookKind;
use outbound::{Answer, DiscordWebhook, LimitScope, SHORTEST_WAIT, Verdict};
use reach::webhooks::Address;
use runtime::http::ApiError;
use store::StoreError;
use tokio::time::{Instant, sleep};

use super::failure::{field, said};
use crate::http::failure::Failure;
use crate::state::State;

/// So long an admin waits for a request's turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no good answer.
pub(super) enum NoAnswer {
    /// Discord takes nothing from us for so long; it was not asked.
    Busy(Duration),
    /// It refused, and takes nothing from us for so long, if it said that.
    Refused(Box<Answer>, Option<Duration>),
    /// PostgreSQL could not be asked.
    Store(StoreError),
}

impl From<StoreError> for NoAnswer {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Makes a request to a webhook in a channel, as far as that is known, when it is its turn.
/// `id` is the webhook's where it is stored with that address.
pub(super) async fn ask<T>(
    state: &State,
    id: Option<WebhookId>,
    webhook: &DiscordWebhook,
    channel: Option<&str>,
    request: impl Future<Output = Result<T, Answer>>,
) -> Result<T, NoAnswer> {
    let store = &state.store;
    if let Some(left) = store.webhooks_paused(WebhookKind::Discord, id).await? {
        return Err(NoAnswer::Busy(left));
    }
    let channel = channel.unwrap_or_else(|| webhook.id());
    let give_up = Instant::now() + PATIENCE;
    while let Err(wait) = state.discord.take(webhook.id(), channel).await {
        if Instant::now() + wait > give_up {
            return Err(NoAnswer::Busy(wait));
        }
        sleep(wait).await;
    }
    let answer = match request.await {
        Ok(told) => return Ok(told),
        Err(answer) => answer,
    };
    let too_many = match answer.status {
        Some(401 | 403 | 429) => state.discord.count_invalid().await,
        _ => None,
    };
    let (webhook_waits, all_wait) = match answer.verdict {
        Verdict::Limited {
            wait,
            scope: LimitScope::Endpoint,
        } => (Some(wait.max(SHORTEST_WAIT)), None),
        Verdict::Limited { wait, .. } | Verdict::ProviderBlocked { wait } => {
            (None, Some(wait.max(SHORTEST_WAIT)))
        }
        _ => (None, None),
    };
    if let Some((id, wait)) = id.zip(webhook_waits) {
        store.webhook_pause(id, wait).await?;
    }
    let all_wait = all_wait.max(too_many);
    if let Some(wait) = all_wait {
        store.provider_pause(WebhookKind::Discord, wait).await?;
    }
    Err(NoAnswer::Refused(
        Box::new(answer),
        all_wait.max(webhook_waits),
    ))
}

/// Discord says whether a webhook is there; of others nobody can know before a test.
pub(super) async fn is_there<const A: u16, const B: u16, const C: u16>(
    state: &State,
    to: &Address,
) -> Result<Option<String>, Failure<A, B, C>> {
    let Address::Discord(webhook) = to else {
        return Ok(None);
    };
    let cannot = "Discord cannot be asked about the webhook now";
    match ask(state, None, webhook, None, state.messenger.check(webhook)).await {
        Ok(channel) => Ok(channel),
        Err(NoAnswer::Refused(answer, wait)) => match answer.verdict {
            Verdict::Gone(_) | Verdict::Misconfigured(_) | Verdict::Refused { .. } => {
                let why = format!("The webhook cannot be used: {}", said(&answer));
                let refused = field("webhookUrl", why).with_code("INVALID_WEBHOOK_URL");
                Err(refused.into())
            }
            _ => {
                let why = std::io::Error::other(answer.excerpt);
                let refused = ApiError::unavailable(cannot, why);
                Err(match wait {
                    Some(wait) => refused.after(wait),
                    None => refused,
                }
                .into())
            }
        },
        Err(NoAnswer::Busy(wait)) => {
            let why = std::io::Error::other("it takes nothing more from us for a while");
            Err(ApiError::unavailable(cannot, why).after(wait).into())
        }
        Err(NoAnswer::Store(error)) => Err(error.into()),
    }
}
