//! Limits, and extractors whose errors are JSON. The texts name no type and repeat
//! no value.

use std::future::Future;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::web::{
    self, Bytes, JsonConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig,
};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};

use super::ApiError;

/// Bytes that a body may have.
pub const BODY_LIMIT: usize = 1 << 20;

/// How long a caller may take to send a request's head
/// (`HttpServer::client_request_timeout`), and again its body ([`read_body`]).
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an idle connection is kept (`HttpServer::keep_alive`).
pub const IDLE: Duration = Duration::from_secs(120);

/// Sets all limits and error answers of an app, and its answer where nothing else
/// answers.
pub fn configure(app: &mut ServiceConfig) {
    app.app_data(json_config())
        .app_data(query_config())
        .app_data(path_config())
        .app_data(PayloadConfig::new(BODY_LIMIT))
        .default_service(web::to(unserved));
}

/// JSON bodies: the limit, and 413 or 400.
#[must_use]
pub fn json_config() -> JsonConfig {
    JsonConfig::default()
        .limit(BODY_LIMIT)
        .error_handler(|error, _: &HttpRequest| {
            match &error {
                JsonPayloadError::Overflow { .. }
                | JsonPayloadError::OverflowKnownLength { .. } => {
                    ApiError::of_status(StatusCode::PAYLOAD_TOO_LARGE)
                }
                JsonPayloadError::ContentType => {
                    ApiError::bad_request("The body must be sent as application/json")
                }
                JsonPayloadError::Deserialize(at) => ApiError::bad_request(format!(
                    "The body is not the JSON expected here (line {}, column {})",
                    at.line(),
                    at.column()
                )),
                _ => ApiError::bad_request("The body cannot be read"),
            }
            .into()
        })
}

/// A whole body, up to the limit and within [`READ_TIMEOUT`]: actix would wait for
/// ever for a caller that does not go on, and hold its connection and its request.
///
/// # Errors
/// 413, 408, or 400 where the body cannot be read.
pub fn read_body(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Bytes, actix_web::Error>> + use<> {
    let body = Bytes::from_request(request, payload);
    async move {
        tokio::time::timeout(READ_TIMEOUT, body)
            .await
            .unwrap_or_else(|_late| Err(ApiError::of_status(StatusCode::REQUEST_TIMEOUT).into()))
    }
}

/// Longer names are not repeated.
const LONGEST_NAME: usize = 100;

/// Query strings: 400, with the name of a field that is not known where none may be.
#[must_use]
pub fn query_config() -> QueryConfig {
    QueryConfig::default().error_handler(|error: QueryPayloadError, _: &HttpRequest| {
        let said = error.to_string();
        let unknown = said.split_once("unknown field `");
        let name = unknown
            .and_then(|(_, rest)| rest.split_once('`'))
            .map(|it| it.0);
        let why = match name.filter(|it| it.len() <= LONGEST_NAME) {
            Some(name) => format!("The query string holds `{name}`, which is not known here"),
            None => "The query string holds a value that is not expected here".to_owned(),
        };
        ApiError::bad_request(why).into()
    })
}

/// Path segments: 404, since an id that cannot be one names nothing.
#[must_use]
pub fn path_config() -> PathConfig {
    PathConfig::default().error_handler(|_: PathError, _: &HttpRequest| {
        // The address is one of ours; what it names is not there.
        ApiError::not_found("There is nothing of this id").into()
    })
}

/// The answer where nothing else answers: 405 at an address that takes other
/// methods, otherwise 404. An app's routes carry their method as a guard, so that
/// a wrong method falls through to here.
pub async fn unserved(request: HttpRequest) -> HttpResponse {
    let status = if request.resource_map().has_resource(request.path()) {
        StatusCode::METHOD_NOT_ALLOWED
    } else {
        StatusCode::NOT_FOUND
    };
    ApiError::of_status(status).error_response()
}
