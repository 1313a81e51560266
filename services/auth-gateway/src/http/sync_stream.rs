//! A run's progress as Server-Sent Events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! Named events `connected`, `update` and `done`; never `error`, which the
//! browser's `EventSource` would take for a broken connection. An event's id is
//! the run's revision: who comes back with `Last-Event-ID` gets the newest state if
//! it is another, not what lay in between.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BodyStream;
use actix_web::dev::Payload;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use common::types::id::RunId;
use futures_util::stream;
use paperclip::actix::{OperationModifier, api_v2_operation};
use paperclip::v2::models::{
    DataType, DataTypeFormat, DefaultOperationRaw, DefaultSchemaRaw, Either, Parameter,
    ParameterIn, Response,
};
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::ApiError;
use serde_json::json;
use store::{RunRow, StoreError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};
use uuid::Uuid;

use super::failure::Failure;
use super::sync_log::SyncLog;
use crate::auth::{Credentials, Needs, ReadSyncs};
use crate::run_feed::Watch;
use crate::state::State;

/// Proxies and clients give up connections that say nothing for a minute or so.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Streams a sync's progress
///
/// `connected` with `syncLogId`, then `update` with the sync log whenever it
/// changed, then `done`, and the end. A comment every 15 seconds keeps the
/// connection alive. A stream whose credentials are revoked or expire ends within a
/// second.
#[api_v2_operation(tags(Sync), produces = "text/event-stream")]
pub async fn stream(
    _: Needs<ReadSyncs>,
    credentials: Credentials,
    id: Path<Uuid>,
    last: LastEventId,
    state: Data<State>,
) -> Result<EventStream, Failure<404>> {
    let Ok(permit) = Arc::clone(&state.streams).try_acquire_owned() else {
        return Err(ApiError::unavailable("Too many streams are open", "no free stream").into());
    };
    let watch = state.runs.watch(RunId(*id)).await?;
    let watch = watch.ok_or_else(|| ApiError::not_found("Sync log not found"))?;
    let refused = Box::pin(Needs::<ReadSyncs>::until_refused(credentials, state));
    Ok(EventStream::new(*id, watch, last.revision, permit, refused))
}

/// Where an earlier stream ended.
#[derive(Debug)]
pub struct LastEventId {
    /// Id of the last event that the client has seen; what is none is passed over.
    revision: Option<i64>,
}

impl Apiv2Schema for LastEventId {
    fn header_parameter_schema() -> Vec<Parameter<DefaultSchemaRaw>> {
        vec![Parameter {
            name: "Last-Event-ID".to_owned(),
            in_: ParameterIn::Header,
            description: Some("Id of the last event that the client has seen".to_owned()),
            data_type: Some(DataType::Integer),
            format: Some(DataTypeFormat::Int64),
            ..Parameter::default()
        }]
    }
}

impl OperationModifier for LastEventId {}

impl FromRequest for LastEventId {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let revision = request
            .headers()
            .get("last-event-id")
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        ready(Ok(Self { revision }))
    }
}

/// The events of one client.
pub struct EventStream {
    watch: Watch,
    /// What is sent before anything happens.
    greeting: Option<Bytes>,
    /// What the client knows already.
    seen: Option<i64>,
    heartbeat: Interval,
    /// Ends when the client may listen no longer.
    refused: Pin<Box<dyn Future<Output = ()>>>,
    ended: bool,
    _open: OpenStream,
}

/// Counts as open until it is dropped.
struct OpenStream(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl OpenStream {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("nodebyte_gateway_event_streams").increment(1.0);
        Self(permit)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        metrics::gauge!("nodebyte_gateway_event_streams").decrement(1.0);
    }
}

impl EventStream {
    fn new(
        id: Uuid,
        watch: Watch,
        seen: Option<i64>,
        permit: OwnedSemaphorePermit,
        refused: Pin<Box<dyn Future<Output = ()>>>,
    ) -> Self {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        Self {
            watch,
            greeting: Some(event("connected", None, &json!({ "syncLogId": id }))),
            seen,
            heartbeat,
            refused,
            ended: false,
            _open: OpenStream::new(permit),
        }
    }

    /// The next piece to send; `None` is the end.
    async fn next(&mut self) -> Option<Result<Bytes, StoreError>> {
        if let Some(greeting) = self.greeting.take() {
            return Some(Ok(greeting));
        }
        while !self.ended {
            tokio::select! {
                run = self.watch.next() => {
                    if let Some(event) = self.tell(&*run?).transpose() {
                        self.heartbeat.reset();
                        return Some(event);
                    }
                }
                () = &mut self.refused => self.ended = true,
                _ = self.heartbeat.tick() => {
                    return Some(Ok(Bytes::from_static(b": heartbeat\n\n")));
                }
            }
        }
        None
    }

    /// The event of a run's new state, unless the client has seen it.
    fn tell(&mut self, run: &RunRow) -> Result<Option<Bytes>, StoreError> {
        self.ended = run.run_status()?.is_final();
        let name = if self.ended { "done" } else { "update" };
        let known = self.seen.replace(run.revision) == Some(run.revision);
        if known && !self.ended {
            return Ok(None);
        }
        Ok(Some(event(
            name,
            Some(run.revision),
            &json!(SyncLog::of(run)?),
        )))
    }
}

/// One event in its text form. JSON in one line needs no escaping there.
fn event(name: &str, id: Option<i64>, data: &serde_json::Value) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("event: {name}\n{id}data: {data}\n\n"))
}

impl Responder for EventStream {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let events = stream::unfold(self, |mut stream| async move {
            let piece = stream.next().await?;
            Some((piece, stream))
        });
        HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/event-stream"))
            .insert_header((CACHE_CONTROL, "no-cache, no-transform"))
            // nginx would otherwise collect events before it passes them on.
            .insert_header(("x-accel-buffering", "no"))
            .body(BodyStream::new(Box::pin(events)))
    }
}

impl Apiv2Schema for EventStream {}

impl OperationModifier for EventStream {
    fn update_response(operation: &mut DefaultOperationRaw) {
        let response = Response {
            description: Some("The events, as long as the sync lasts".to_owned()),
            schema: Some(DefaultSchemaRaw {
                data_type: Some(DataType::String),
                ..DefaultSchemaRaw::default()
            }),
            ..Response::default()
        };
        operation
            .responses
            .insert("200".to_owned(), Either::Right(response));
    }
}
