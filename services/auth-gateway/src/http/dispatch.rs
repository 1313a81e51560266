//! Events that callers say: told to webhooks as ours are, but never in our name.

use std::collections::BTreeMap;

use actix_web::web::Data;
use chrono::Utc;
use common::subscription::Pattern;
use common::types::event::{Event, EventType, is_reserved};
use common::types::id::MessageId;
use paperclip::actix::{AcceptedJson, Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{DispatchKey, Said};
use uuid::Uuid;

use super::answer::Answer;
use super::body::{Body, holds_zero};
use super::failure::Failure;
use super::idempotency::{IdempotencyKey, digest_of, key_reused};
use crate::auth::{Caller, Needs, Notify};
use crate::state::State;

/// Characters of a subject, at most.
const LONGEST_SUBJECT: usize = 200;
/// Bytes of the data's JSON, at most.
const LARGEST_DATA: usize = 64 * 1024;

/// An event to tell.
#[derive(Debug, Deserialize, Serialize, Apiv2Schema)]
pub struct Dispatch {
    /// Its name: words of a-z, 0-9, `_` and `-` with dots between, for example
    /// `server.suspended` or `shop.order_paid`.
    event: String,
    /// What it tells; of a known event exactly the fields that it has.
    data: Option<BTreeMap<String, Value>>,
    /// What it is about: events of one subject arrive in order. Without it the event stands
    /// alone.
    subject: Option<String>,
}

/// An event that will be told.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Dispatched {
    /// How many webhooks are told, as they are now.
    dispatched: usize,
    /// The event's id, which receivers know it by.
    task_ids: Vec<Uuid>,
}

/// Tells webhooks of an event
///
/// A known event goes to webhooks of its type, any other to those of type CUSTOM and scope
/// ADMIN. What only this installation may say is refused (400 `EVENT_RESERVED`): names that
/// begin with `deliveries`, `delivery`, `hytale`, `key`, `keys`, `mail`, `mails`, `nodebyte`,
/// `panel`, `panels`, `setting`, `settings`, `sync`, `syncs`, `webhook` or `webhooks`. With an
/// `Idempotency-Key` header, a repeated request tells nobody twice, and another one is refused
/// (409 `IDEMPOTENCY_KEY_REUSED`).
#[api_v2_operation(tags(Webhooks))]
pub async fn dispatch(
    caller: Needs<Notify>,
    IdempotencyKey(key): IdempotencyKey,
    Body(wish): Body<Dispatch>,
    state: Data<State>,
) -> Result<AcceptedJson<Answer<Dispatched>>, Failure<400, 409, 413>> {
    let key = key.map(|idempotency_key| DispatchKey {
        principal: caller.principal.clone(),
        idempotency_key,
        digest: digest_of(&wish),
    });
    let event = event(wish, &caller)?;
    let rows = state.store.webhooks().await?;
    let told = rows
        .iter()
        .filter(|row| row.enabled && row.subscription().is_some_and(|it| it.wants(&event, "")))
        .count();
    let id = event.id.0;
    let said = match key {
        Some(key) => state.store.event_say_once(event, &key).await?,
        None => {
            state.store.event_say(event).await?;
            Said::New
        }
    };
    let id = match said {
        Said::New => id,
        Said::Repeated(earlier) => earlier.0,
        Said::KeyReused => {
            return Err(key_reused("event").into());
        }
    };
    let dispatched = Dispatched {
        dispatched: told,
        task_ids: vec![id],
    };
    Ok(AcceptedJson(Answer::saying(
        "Webhooks have been queued",
        dispatched,
    )))
}

fn event(wish: Dispatch, caller: &Caller) -> Result<Event, ApiError> {
    // An event's name is a pattern without stars.
    let is_name = !wish.event.contains('*') && Pattern::parse(&wish.event).is_ok();
    if !is_name {
        let why = "`event` must be words of a-z, 0-9, `_` and `-` with dots between";
        return Err(ApiError::bad_request(why).with_details(json!({ "field": "event" })));
    }
    if is_reserved(&wish.event) {
        let why = "Only this installation may say this event";
        return Err(ApiError::bad_request(why)
            .with_code("EVENT_RESERVED")
            .with_details(json!({ "field": "event" })));
    }
    let mut data: Map<String, Value> = wish.data.unwrap_or_default().into_iter().collect();
    if let Some(known) = EventType::named(&wish.event) {
        check(known, &data)?;
        // Their fields are texts, and callers write some of them as numbers.
        for value in data.values_mut().filter(|value| value.is_number()) {
            *value = Value::String(value.to_string());
        }
    }
    let data = Value::Object(data);
    if data.to_string().len() > LARGEST_DATA || holds_zero(&data) {
        let why = "`data` must have at most 64 KiB as JSON, and no zero characters";
        return Err(ApiError::bad_request(why).with_details(json!({ "field": "data" })));
    }
    let principal = caller.principal.to_string();
    let id = MessageId::new();
    let subject = match wish.subject {
        None => id.to_string(),
        Some(subject) => {
            let length = subject.chars().count();
            if !(1..=LONGEST_SUBJECT).contains(&length) || subject.contains(char::is_control) {
                let why =
                    "`subject` must have 1 to 200 characters, none of them a control character";
                return Err(ApiError::bad_request(why).with_details(json!({ "field": "subject" })));
            }
            subject
        }
    };
    Ok(Event {
        specversion: "1.0".to_owned(),
        id,
        source: format!("/callers/{}", principal.replace(':', "/")),
        event_type: wish.event,
        subject,
        time: Utc::now(),
        datacontenttype: "application/json".to_owned(),
        data,
    })
}

/// Whether the data are those of a known event.
fn check(known: EventType, data: &Map<String, Value>) -> Result<(), ApiError> {
    let fields = known.data_fields();
    let missing = fields
        .iter()
        .find(|field| !data.get(**field).is_some_and(is_short));
    let unknown = data.keys().find(|name| !fields.contains(&name.as_str()));
    let (field, why) = match (missing, unknown) {
        (Some(field), _) => (
            (*field).to_owned(),
            format!("`data.{field}` must be a text or a number of at most 1000 characters"),
        ),
        (None, Some(name)) => (
            name.clone(),
            format!(
                "`data` of {} has the fields {}",
                known.as_str(),
                fields.join(", ")
            ),
        ),
        (None, None) => return Ok(()),
    };
    Err(ApiError::bad_request(why).with_details(json!({ "field": format!("data.{field}") })))
}

fn is_short(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().count() <= 1000,
        Value::Number(_) => true,
        _ => false,
    }
}
