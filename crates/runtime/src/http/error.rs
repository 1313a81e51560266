//! The one error answer.
//!
//! Its JSON is a superset that every existing consumer understands:
//! `{"success":false,"error":text,"message":text,"code":CODE,"status":n}`, with
//! `retry_after`, `details`, `entitlement_required`, `error_description` and
//! `request_id` where they apply. What a caller may
//! know and what happened inside are kept apart: the cause goes to the access log
//! and never into the answer.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};

use super::request_id::{self, RequestId};

/// When to come back for what is away.
const A_MOMENT: Duration = Duration::from_secs(5);

/// An error as a caller sees it, with the cause that only the log sees.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<Duration>,
    more: Option<Box<More>>,
    cause: Option<Cause>,
    request_id: Option<Box<str>>,
}

/// What few errors say beside; apart, so that all others stay small.
#[derive(Debug, Default)]
struct More {
    details: Option<Value>,
    oauth_error: Option<&'static str>,
    entitlement_required: Option<&'static str>,
}

/// What the access log finds beside an answer.
#[derive(Debug, Clone)]
pub(super) struct Cause(pub(super) Arc<dyn Error + Send + Sync>);

impl ApiError {
    /// An error of this status; the constructors below name the usual ones.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
            more: None,
            cause: None,
            request_id: RequestId::current().map(|id| id.as_str().into()),
        }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
    }

    /// 401: who is calling is not known.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
    }

    /// 403: the caller is known and may not.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    /// 404: there is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// 409: it does not go with the present state.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "CONFLICT", message)
    }

    /// 422: understood, but not acceptable.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "UNPROCESSABLE", message)
    }

    /// 429: too often; the same request may succeed after this time.
    pub fn rate_limited(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message).after(retry_after)
    }

    /// 503: something that this service needs is away, and the same request may succeed
    /// in a moment; `cause` is logged.
    pub fn unavailable(
        message: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_ERROR", message)
            .after(A_MOMENT)
            .because(cause)
    }

    /// 500: our fault; `cause` is logged and the caller learns nothing of it.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(cause)
    }

    /// What stands in place of an error that was raised without words, for example
    /// a method that a route does not take.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::BAD_REQUEST => ("INVALID_REQUEST", "The request cannot be understood"),
            StatusCode::UNAUTHORIZED => ("UNAUTHORIZED", "Credentials are required"),
            StatusCode::FORBIDDEN => ("FORBIDDEN", "This is not allowed"),
            StatusCode::NOT_FOUND => ("ENDPOINT_NOT_FOUND", "There is nothing at this address"),
            StatusCode::METHOD_NOT_ALLOWED => (
                "METHOD_NOT_ALLOWED",
                "This address does not take that method",
            ),
            StatusCode::REQUEST_TIMEOUT => {
                ("REQUEST_TIMEOUT", "The request did not arrive in time")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("PAYLOAD_TOO_LARGE", "The body is too large"),
            StatusCode::SERVICE_UNAVAILABLE => {
                ("SERVICE_ERROR", "The service is not available now")
            }
            _ if status.is_client_error() => ("REQUEST_REFUSED", "The request was refused"),
            _ => ("SERVICE_ERROR", "Something went wrong on our side"),
        };
        Self::new(status, code, message)
    }

    /// Another code than the usual one of this status.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// Data that helps the caller, for example the fields at fault.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.more().details = Some(details);
        self
    }

    /// A word for clients that speak OAuth (RFC 6749 section 5.2, RFC 8628 section
    /// 3.5): it becomes `error`, and the text `error_description` as well as
    /// `message`.
    #[must_use]
    pub fn with_oauth_error(mut self, error: &'static str) -> Self {
        self.more().oauth_error = Some(error);
        self
    }

    /// What the account lacks that would let the request succeed.
    #[must_use]
    pub fn requiring(mut self, entitlement: &'static str) -> Self {
        self.more().entitlement_required = Some(entitlement);
        self
    }

    /// When to try again; also the `Retry-After` header, in whole seconds rounded
    /// up.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// What happened inside; logged, never shown.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(Cause(Arc::from(cause.into())));
        self
    }

    /// How to come back with credentials (RFC 6750 section 3).
    fn challenge(&self) -> &'static str {
        match self.code {
            "EXPIRED_TOKEN" | "INVALID_TOKEN" => "Bearer error=\"invalid_token\"",
            _ => "Bearer",
        }
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The text for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The JSON of the answer.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({
            "success": false,
            "error": self.message,
            "message": self.message,
            "code": self.code,
            "status": self.status.as_u16(),
        });
        if let Some(more) = &self.more {
            if let Some(error) = more.oauth_error {
                body["error"] = json!(error);
                body["error_description"] = json!(self.message);
            }
            if let Some(entitlement) = more.entitlement_required {
                body["entitlement_required"] = json!(entitlement);
            }
            if let Some(details) = &more.details {
                body["details"] = details.clone();
            }
        }
        if let Some(wait) = self.retry_after {
            body["retry_after"] = json!(whole_seconds(wait));
        }
        if let Some(id) = &self.request_id {
            body["request_id"] = json!(id);
        }
        body
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.status.as_u16(),
            self.code,
            self.message
        )
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_ref()
            .map(|cause| cause.0.as_ref() as &(dyn Error + 'static))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(wait) = self.retry_after {
            response.insert_header((RETRY_AFTER, whole_seconds(wait)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, self.challenge()));
        }
        if let Some(id) = &self.request_id {
            response.insert_header((request_id::HEADER, &**id));
        }
        let mut response = response.json(self.body());
        // In the answer rather than in the error, so that the access log finds it
        // also where a service wraps this type in its own.
        if let Some(cause) = &self.cause {
            response.extensions_mut().insert(cause.clone());
        }
        response
    }
}
