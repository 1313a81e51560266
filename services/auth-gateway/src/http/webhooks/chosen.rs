//! What is done to deliveries that an administrator chooses: made again, or purged.

use std::ops::RangeInclusive;

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use common::types::caller::Actor;
use common::types::id::{DeliveryId, WebhookId};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Deserializer, Serialize};
use store::DeliveryFilter;
use uuid::Uuid;

use super::deliveries::{known_state, text};
use crate::auth::{Administer, Needs};
use crate::http::body::Body;
use crate::http::failure::Failure;
use crate::http::page::{given, moment};
use crate::state::State;

/// Deliveries that one call makes again or purges, at most.
const MOST: i64 = 10_000;
/// Deliveries made again in a second unless told otherwise.
const USUAL_RATE: f64 = 10.0;
/// Those that one may ask for.
pub(super) const RATES: RangeInclusive<f64> = 0.001..=1000.0;

/// What is to be made again or purged. At least one field must narrow the choice. A field that
/// is not known is refused: a choice that was misspelt would be wider than it was meant.
#[derive(Debug, Default, Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// This one.
    #[serde(default, deserialize_with = "said")]
    id: Option<Uuid>,
    /// To this webhook.
    #[serde(default, deserialize_with = "said")]
    webhook_id: Option<Uuid>,
    /// `delivered`, `dead`, `dropped` or `parked`; what is purged is `dead` whether or not it is
    /// said.
    #[serde(default, deserialize_with = "said")]
    state: Option<String>,
    /// Of this event.
    #[serde(default, deserialize_with = "said")]
    event_id: Option<Uuid>,
    /// Of events of this type.
    #[serde(default, deserialize_with = "said")]
    event_type: Option<String>,
    /// Of events about this subject.
    #[serde(default, deserialize_with = "said")]
    subject: Option<String>,
    /// Made at this moment or later, RFC 3339.
    #[serde(default, deserialize_with = "said")]
    since: Option<String>,
    /// Made before this moment, RFC 3339.
    #[serde(default, deserialize_with = "said")]
    until: Option<String>,
    /// Only say how many there are.
    #[serde(default, deserialize_with = "said")]
    dry_run: Option<bool>,
    /// How many, oldest first, at most 10,000.
    #[serde(default, deserialize_with = "said")]
    limit: Option<i64>,
    /// How many are made again in a second, from 0.001 to 1,000; without it 10.
    #[serde(default, deserialize_with = "said")]
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

/// What was purged.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Purged {
    /// Always true.
    success: bool,
    /// How many dead deliveries the choice names.
    matched: i64,
    /// How many of these are gone.
    purged: i64,
    dry_run: bool,
}

/// Makes deliveries again
///
/// Those that are over or were set aside, oldest first, under their old ids and beside what
/// is new.
#[api_v2_operation(tags(Webhooks))]
pub async fn replay(
    caller: Needs<Administer>,
    Body(wish): Body<Chosen>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<Json<Replayed>, Failure<400, 413>> {
    let filter = wish.filter(&request)?;
    let rate = wish.per_second.unwrap_or(USUAL_RATE);
    if !RATES.contains(&rate) {
        let (least, most) = (RATES.start(), RATES.end());
        let why = format!("`per_second` must be from {least} to {most}");
        return Err(ApiError::bad_request(why).into());
    }
    let most = wish.most()?;
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

/// Deletes dead deliveries for good
///
/// With their attempts, the oldest first. By themselves dead deliveries stay, so that they can
/// be made again.
#[api_v2_operation(tags(Webhooks))]
pub async fn purge(
    caller: Needs<Administer>,
    Body(wish): Body<Chosen>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<Json<Purged>, Failure<400, 413>> {
    let mut filter = wish.filter(&request)?;
    if wish.per_second.is_some() {
        let why = "`per_second` is of replays: what is purged goes at once";
        return Err(ApiError::bad_request(why).into());
    }
    let dead = filter.state.get_or_insert_with(|| "dead".to_owned());
    if dead != "dead" {
        let why = "Only what is dead is purged; the rest goes when its time is over";
        return Err(ApiError::bad_request(why).into());
    }
    let most = wish.most()?;
    let store = &state.store;
    let dry_run = wish.dry_run.unwrap_or(false);
    let (matched, purged) = if dry_run {
        (store.deliveries_replayable(&filter).await?.matched, 0)
    } else {
        let actor = Actor::Caller(caller.origin());
        let report = store.deliveries_purge(&filter, most, &actor).await?;
        (report.matched, report.purged)
    };
    Ok(Json(Purged {
        success: true,
        matched,
        purged,
        dry_run,
    }))
}

/// `null` says nothing: whoever sends it may have meant to try, or to narrow the choice.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl Chosen {
    fn filter(&self, request: &HttpRequest) -> Result<DeliveryFilter, ApiError> {
        // A dry run or a choice that was asked for there would be none.
        if !request.query_string().is_empty() {
            let why =
                "Deliveries are chosen by the fields of the body, and by nothing in the query";
            return Err(ApiError::bad_request(why));
        }
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

    fn most(&self) -> Result<i64, ApiError> {
        let most = self.limit.unwrap_or(MOST);
        if !(1..=MOST).contains(&most) {
            let why = format!("`limit` must be from 1 to {MOST}");
            return Err(ApiError::bad_request(why));
        }
        Ok(most)
    }
}
