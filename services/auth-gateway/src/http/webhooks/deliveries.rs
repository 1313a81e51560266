//! The delivery log, and deliveries made again.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Query};
use chrono::{DateTime, Utc};
use common::types::caller::Actor;
use common::types::id::{DeliveryId, WebhookId};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Deserializer, Serialize};
use store::{AttemptRow, DeliveryFilter, DeliveryRow};
use uuid::Uuid;

use crate::auth::{Administer, Needs};
use crate::http::body::Body;
use crate::http::failure::Failure;
use crate::http::hytale::page::{given, limit, moment, told};
use crate::state::State;

/// The states that there are.
const STATES: [&str; 5] = ["pending", "parked", "delivered", "dead", "dropped"];
/// Deliveries that one call makes again, at most.
const MOST_REPLAYS: i64 = 10_000;
/// Deliveries made again in a second unless told otherwise.
const USUAL_RATE: f64 = 10.0;
/// The most that one may ask for.
const HIGHEST_RATE: f64 = 1000.0;

/// Which deliveries are wanted. Each field narrows the choice.
#[derive(Debug, Default, Deserialize, Apiv2Schema)]
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
    /// `pending`, `parked` (set aside after it failed by itself), `delivered`, `dead` (given
    /// up until it is replayed) or `dropped`.
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

/// What is to be made again. At least one field must narrow the choice. A field that is not
/// known is refused: a choice that was misspelt would be wider than it was meant.
#[derive(Debug, Default, Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// This one.
    id: Option<Uuid>,
    /// To this webhook.
    webhook_id: Option<Uuid>,
    /// `delivered`, `dead`, `dropped` or `parked`.
    state: Option<String>,
    /// Of this event.
    event_id: Option<Uuid>,
    /// Of events of this type.
    event_type: Option<String>,
    /// Of events about this subject.
    subject: Option<String>,
    /// Made at this moment or later, RFC 3339.
    since: Option<String>,
    /// Made before this moment, RFC 3339.
    until: Option<String>,
    /// Only say how many there are.
    #[serde(default, deserialize_with = "said")]
    dry_run: Option<bool>,
    /// How many, oldest first, at most 10,000.
    limit: Option<i64>,
    /// How many a second, at most 1,000; without it 10.
    per_second: Option<f64>,
}

/// What was made again.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Replayed {
    /// Always true.
    success: bool,
    /// How many the choice names.
    matched: i64,
    /// How many of these are made again.
    replayed: i64,
    dry_run: bool,
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

/// Makes deliveries again
///
/// Those that are over or were set aside, oldest first, under their old ids and beside what
/// is new.
#[api_v2_operation(tags(Webhooks))]
pub async fn replay(
    caller: Needs<Administer>,
    Body(wish): Body<Replay>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<Json<Replayed>, Failure<400, 413>> {
    // A dry run or a choice that was asked for there would be none.
    if !request.query_string().is_empty() {
        let why = "A replay is chosen by the fields of the body, and by nothing in the query";
        return Err(ApiError::bad_request(why).into());
    }
    let filter = wish.filter()?;
    let rate = wish.per_second.unwrap_or(USUAL_RATE);
    if !(rate > 0.0 && rate <= HIGHEST_RATE) {
        let why = format!("`per_second` must be above 0 and at most {HIGHEST_RATE}");
        return Err(ApiError::bad_request(why).into());
    }
    let most = wish.limit.unwrap_or(MOST_REPLAYS);
    if !(1..=MOST_REPLAYS).contains(&most) {
        let why = format!("`limit` must be from 1 to {MOST_REPLAYS}");
        return Err(ApiError::bad_request(why).into());
    }
    let actor = Actor::Caller(caller.origin());
    let dry_run = wish.dry_run.unwrap_or(false);
    let report = if dry_run {
        state.store.deliveries_replayable(&filter).await?
    } else {
        let store = &state.store;
        store.deliveries_replay(&filter, most, rate, &actor).await?
    };
    Ok(Json(Replayed {
        success: true,
        matched: report.matched,
        replayed: report.replayed,
        dry_run,
    }))
}

/// `null` is neither: whoever says it may have meant to try.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(from).map(Some)
}

impl Replay {
    fn filter(&self) -> Result<DeliveryFilter, ApiError> {
        // The choice would be wider than it was meant.
        let texts = [
            ("state", &self.state),
            ("event_type", &self.event_type),
            ("subject", &self.subject),
            ("since", &self.since),
            ("until", &self.until),
        ];
        if let Some((name, _)) = texts.iter().find(|(_, it)| it.as_deref() == Some("")) {
            let why = format!("`{name}` must not be empty; leave it out to choose by other fields");
            return Err(ApiError::bad_request(why));
        }
        let filter = DeliveryFilter {
            id: self.id.map(DeliveryId),
            webhook: self.webhook_id.map(WebhookId),
            state: known_state(given(&self.state))?,
            event: self.event_id,
            event_type: text("event_type", given(&self.event_type))?,
            subject: text("subject", given(&self.subject))?,
            since: moment("since", given(&self.since))?,
            until: moment("until", given(&self.until))?,
        };
        if filter.state.as_deref() == Some("pending") {
            let why = "What is pending is tried by itself; `state` must be another";
            return Err(ApiError::bad_request(why));
        }
        if filter == DeliveryFilter::default() {
            let why = "Say which deliveries: by `id`, `webhook_id`, `state`, `event_id`, `event_type`, \
                       `subject`, `since` or `until`";
            return Err(ApiError::bad_request(why));
        }
        Ok(filter)
    }
}

fn uuid(name: &str, text: Option<&str>) -> Result<Option<Uuid>, ApiError> {
    let read = text.map(str::parse).transpose();
    read.map_err(|_unread| ApiError::bad_request(format!("`{name}` must be a UUID")))
}

fn known_state(text: Option<&str>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if !STATES.contains(&text) => Err(ApiError::bad_request(format!(
            "`state` is none of {}",
            STATES.join(", ")
        ))),
        text => Ok(text.map(str::to_owned)),
    }
}

/// A text that PostgreSQL can compare with.
fn text(name: &str, text: Option<&str>) -> Result<Option<String>, ApiError> {
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
