//! The delivery log.

use actix_web::web::{Data, Json, Path, Query};
use chrono::{DateTime, Utc};
use common::types::id::{DeliveryId, WebhookId};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use store::{AttemptRow, DeliveryFilter, DeliveryRow};
use uuid::Uuid;

use crate::auth::{Administer, Needs};
use crate::http::failure::Failure;
use crate::http::page::{given, limit, moment, told};
use crate::state::State;

/// The states that there are.
const STATES: [&str; 5] = ["pending", "parked", "delivered", "dead", "dropped"];

/// Which deliveries are wanted. Each field narrows the choice; one that is not known is refused.
#[derive(Debug, Default, Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryChoice {
    /// To this webhook.
    webhook_id: Option<String>,
    /// `pending`, `parked`, `delivered`, `dead` or `dropped`.
    state: Option<String>,
    /// Of this event.
    event_id: Option<String>,
    /// Of events of this type.
    event_type: Option<String>,
    /// Of events about this subject.
    subject: Option<String>,
    /// Made at this moment or later, RFC 3339.
    since: Option<String>,
    /// Made before this moment, RFC 3339.
    until: Option<String>,
    /// How many, 1 to 1000; without it 100.
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Some deliveries.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Deliveries {
    /// Always true.
    success: bool,
    /// Newest first.
    deliveries: Vec<Delivery>,
    /// How many stand here.
    count: usize,
    /// `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// An event on its way to a webhook.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Delivery {
    id: Uuid,
    webhook_id: Uuid,
    /// The webhook's name.
    webhook: String,
    /// The event's id, which receivers know it by.
    event_id: Uuid,
    event_type: String,
    subject: String,
    /// `pending`, `parked` (set aside after it failed by itself, or three senders were lost
    /// over it), `delivered`, `dead` (given up until it is replayed) or `dropped`.
    state: String,
    attempts: i32,
    /// Attempts that failed and count.
    failures: i32,
    /// Before then there is no next attempt: what is older about the same subject goes first,
    /// and the webhook or its provider may be paused, or tried with one delivery at a time.
    /// `null` while the webhook is disabled, and while an attempt is under way.
    next_attempt_at: Option<String>,
    /// Why it is dead or was dropped.
    reason: Option<String>,
    created_at: String,
    finished_at: Option<String>,
}

/// One delivery with its attempts.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct OneDelivery {
    /// Always true.
    success: bool,
    delivery: Delivery,
    /// The newest 100, in order.
    attempts: Vec<DeliveryAttempt>,
}

/// One request.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct DeliveryAttempt {
    /// From 1.
    number: i32,
    /// `sending`, `delivered`, `failed`, `unknown` (sent, and the answer was lost) or
    /// `limited`.
    outcome: String,
    /// Whether it counts against the schedule.
    counted: bool,
    /// HTTP status of the answer.
    status: Option<i32>,
    /// Of the answer: at most 1,024 characters, without secrets.
    answer: Option<String>,
    started_at: String,
    /// How long it took.
    milliseconds: Option<i32>,
}

/// Shows deliveries, newest first
#[api_v2_operation(tags(Webhooks))]
pub async fn list(
    _caller: Needs<Administer>,
    query: Query<DeliveryChoice>,
    state: Data<State>,
) -> Result<Json<Deliveries>, Failure<400>> {
    let id = |name: &str, text: &Option<String>| uuid(name, given(text));
    let filter = DeliveryFilter {
        id: None,
        webhook: id("webhook_id", &query.webhook_id)?.map(WebhookId),
        state: known_state(given(&query.state))?,
        event: id("event_id", &query.event_id)?,
        event_type: text("event_type", given(&query.event_type))?,
        subject: text("subject", given(&query.subject))?,
        since: moment("since", given(&query.since))?,
        until: moment("until", given(&query.until))?,
    };
    let most = limit(given(&query.limit))?;
    let before = id("cursor", &query.cursor)?.map(DeliveryId);
    let rows = state.store.deliveries(&filter, before, most).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == most);
    Ok(Json(Deliveries {
        success: true,
        count: rows.len(),
        next_cursor: rows
            .last()
            .filter(|_| is_full)
            .map(|row| row.id.to_string()),
        deliveries: rows.into_iter().map(Delivery::from).collect(),
    }))
}

/// Shows one delivery with its attempts
#[api_v2_operation(tags(Webhooks))]
pub async fn get(
    _caller: Needs<Administer>,
    id: Path<Uuid>,
    state: Data<State>,
) -> Result<Json<OneDelivery>, Failure<404>> {
    let filter = DeliveryFilter {
        id: Some(DeliveryId(*id)),
        ..DeliveryFilter::default()
    };
    let row = state.store.deliveries(&filter, None, 1).await?.pop();
    let row = row.ok_or_else(|| ApiError::not_found("There is no such delivery"))?;
    let attempts = state.store.delivery_attempts(DeliveryId(*id)).await?;
    Ok(Json(OneDelivery {
        success: true,
        delivery: row.into(),
        attempts: attempts.into_iter().map(DeliveryAttempt::from).collect(),
    }))
}

fn uuid(name: &str, text: Option<&str>) -> Result<Option<Uuid>, ApiError> {
    let read = text.map(str::parse).transpose();
    read.map_err(|_unread| ApiError::bad_request(format!("`{name}` must be a UUID")))
}

pub(super) fn known_state(text: Option<&str>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if !STATES.contains(&text) => Err(ApiError::bad_request(format!(
            "`state` is none of {}",
            STATES.join(", ")
        ))),
        text => Ok(text.map(str::to_owned)),
    }
}

/// A text that PostgreSQL can compare with.
pub(super) fn text(name: &str, text: Option<&str>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if text.contains(char::is_control) => Err(ApiError::bad_request(format!(
            "`{name}` must not hold control characters"
        ))),
        text => Ok(text.map(str::to_owned)),
    }
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        let moment = |at: Option<DateTime<Utc>>| at.map(told);
        Self {
            id: row.id,
            webhook_id: row.webhook_id,
            webhook: row.webhook,
            event_id: row.event_id,
            event_type: row.event_type,
            subject: row.subject,
            state: row.state,
            attempts: row.attempts,
            failures: row.failures,
            next_attempt_at: moment(row.due_at),
            reason: row.reason,
            created_at: told(row.created_at),
            finished_at: moment(row.finished_at),
        }
    }
}

impl From<AttemptRow> for DeliveryAttempt {
    fn from(row: AttemptRow) -> Self {
        Self {
            number: row.number,
            outcome: row.outcome,
            counted: row.counted,
            status: row.status,
            answer: row.answer,
            started_at: told(row.started_at),
            milliseconds: row.milliseconds,
        }
    }
}
