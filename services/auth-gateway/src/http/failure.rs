//! The error of every handler, and how it stands in the OpenAPI document.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use paperclip::actix::{Apiv2Schema, OperationModifier};
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw, Either, Response};
use paperclip::v2::schema::Apiv2Errors;
use reach::settings::SettingsError;
use runtime::http::ApiError;
use store::StoreError;

use super::sync_request::InvalidName;

/// What any operation may answer: no good key, one without the scope, too often, our
/// fault, PostgreSQL away.
const ALWAYS: [u16; 5] = [401, 403, 429, 500, 503];

/// An error of an operation. The numbers are the statuses that it may answer
/// beyond the usual ones, so that a handler's signature documents them.
#[derive(Debug)]
pub struct Failure<const A: u16 = 0, const B: u16 = 0, const C: u16 = 0, const D: u16 = 0>(
    ApiError,
);

/// The JSON of every error.
#[derive(Apiv2Schema)]
#[openapi(rename = "Error")]
#[expect(dead_code, reason = "describes what `ApiError` writes")]
struct ErrorBody {
    /// Always false.
    success: bool,
    /// What went wrong, for people.
    error: String,
    /// The same text, for clients that look here.
    message: String,
    /// What went wrong, for programs.
    code: String,
    /// The HTTP status.
    status: u16,
    /// The message once more, where `error` is a word of OAuth.
    error_description: Option<String>,
    /// Seconds after which the same request may succeed.
    retry_after: Option<u64>,
    /// What the account lacks that would let the request succeed.
    entitlement_required: Option<String>,
    /// The request's id, as it stands in our logs.
    request_id: Option<String>,
}

impl<const A: u16, const B: u16, const C: u16, const D: u16> From<ApiError>
    for Failure<A, B, C, D>
{
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16> From<StoreError>
    for Failure<A, B, C, D>
{
    fn from(error: StoreError) -> Self {
        Self(match error {
            StoreError::NotFound(what) => ApiError::not_found(format!("There is no such {what}")),
            error if error.is_transient() => {
                ApiError::unavailable("The database does not answer now", error)
            }
            error => ApiError::internal(error),
        })
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16> From<InvalidName>
    for Failure<A, B, C, D>
{
    fn from(error: InvalidName) -> Self {
        Self(ApiError::bad_request(error.to_string()))
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16> From<SettingsError>
    for Failure<A, B, C, D>
{
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Store(error) => error.into(),
            error => Self(ApiError::internal(error)),
        }
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16> fmt::Display for Failure<A, B, C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16> ResponseError for Failure<A, B, C, D> {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        self.0.error_response()
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16> Apiv2Errors for Failure<A, B, C, D> {
    fn update_error_definitions(operation: &mut DefaultOperationRaw) {
        describe(operation, &[A, B, C, D]);
    }

    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        describe_body(map);
    }
}

/// Puts the errors' body into the document.
pub(super) fn describe_body(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
    ErrorBody::update_definitions(map);
}

/// Puts these statuses, and those that any operation may answer, into the document.
pub(super) fn describe(operation: &mut DefaultOperationRaw, named: &[u16]) {
    // What may be too large may also come too slowly.
    let late = named.contains(&413).then_some(408);
    for status in ALWAYS
        .into_iter()
        .chain(named.iter().copied())
        .chain(late)
        .filter(|&status| status != 0)
    {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|it| it.canonical_reason());
        let response = Response {
            description: reason.map(str::to_owned),
            schema: Some(DefaultSchemaRaw {
                name: Some("Error".to_owned()),
                reference: Some("#/definitions/Error".to_owned()),
                ..DefaultSchemaRaw::default()
            }),
            ..Response::default()
        };
        operation
            .responses
            .insert(status.to_string(), Either::Right(response));
    }
}
