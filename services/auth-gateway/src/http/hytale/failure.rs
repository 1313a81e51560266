//! What callers learn when custody cannot do what they ask: the specification's
//! codes, and never a word of the vendor's.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use hytale::custody::CustodyError;
use hytale::vendor::VendorError;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Errors;
use reach::vault::VaultError;
use runtime::http::ApiError;
use serde_json::json;
use store::StoreError;

use crate::http::failure::{describe, describe_body};

/// What lifts the vendor's limit of sessions.
const UNLIMITED_SERVERS: &str = "sessions.unlimited_servers";

/// When to look again at what somebody else has under way.
const A_MOMENT: Duration = Duration::from_secs(1);

/// An error of a Hytale operation.
#[derive(Debug)]
pub struct HytaleFailure(ApiError);

impl From<ApiError> for HytaleFailure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<CustodyError> for HytaleFailure {
    fn from(error: CustodyError) -> Self {
        Self(of_custody(error))
    }
}

/// What custody could not do.
pub fn of_custody(error: CustodyError) -> ApiError {
    match error {
        CustodyError::Store(error) | CustodyError::Vault(VaultError::Store(error)) => {
            of_store(error)
        }
        CustodyError::Vault(_) | CustodyError::Broken(_) => ApiError::internal(error),
        CustodyError::Vendor(error) => of_vendor(error),
        CustodyError::NotNow { retry_after } => busy(Some(retry_after)),
        CustodyError::TooManyLogins { retry_after } => ApiError::rate_limited(
            "Too many logins without credentials are open; one with credentials may begin",
            retry_after,
        ),
        CustodyError::UnderWay => {
            ApiError::conflict("The same is under way for this account; ask again").after(A_MOMENT)
        }
        error => of_account(error),
    }
}

/// What is not in the database, or what the database could not do.
pub fn of_store(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound(what) => ApiError::not_found(format!("There is no such {what}")),
        error if error.is_transient() => {
            ApiError::unavailable("The database does not answer now", error)
        }
        error => ApiError::internal(error),
    }
}

/// What is wrong with the login, the account or the session that is meant.
fn of_account(error: CustodyError) -> ApiError {
    match error {
        CustodyError::UnknownAccount => ApiError::not_found("There is no such account"),
        CustodyError::LoginNeeded => ApiError::unauthorized(
            "Hytale no longer accepts this account's tokens: somebody must log in again",
        )
        .with_code("AUTH_FAILED"),
        CustodyError::UnknownCode => ApiError::bad_request("There is no login with this code")
            .with_code("INVALID_DEVICE_CODE")
            .with_oauth_error("invalid_grant"),
        CustodyError::LoginExpired => ApiError::unauthorized("The login has expired; begin anew")
            .with_code("EXPIRED_TOKEN")
            .with_oauth_error("expired_token"),
        CustodyError::LoginDeclined => ApiError::forbidden("The login was declined")
            .with_code("AUTH_FAILED")
            .with_oauth_error("access_denied"),
        CustodyError::NotTheirs => ApiError::forbidden("The account belongs to somebody else"),
        CustodyError::NameTaken => {
            ApiError::forbidden("This `account_id` already names another of your accounts")
                .with_code("AUTH_FAILED")
        }
        CustodyError::NotAllowed => {
            ApiError::forbidden("Hytale does not allow this to the account: has it the game?")
        }
        CustodyError::UnknownProfile => ApiError::not_found("The account has no such profile"),
        CustodyError::ProfileNeeded => ApiError::bad_request(
            "The account has several profiles or none: `profile_id` is required",
        ),
        CustodyError::UnknownServer => ApiError::not_found("There is no such server"),
        CustodyError::UnknownSession => {
            ApiError::not_found("There is no such active session").with_code("SESSION_NOT_FOUND")
        }
        CustodyError::SeveralSessions(ids) => {
            ApiError::conflict("Several sessions fit: `session_id` is required")
                .with_details(json!({ "session_ids": ids }))
        }
        CustodyError::KeyReused => {
            ApiError::conflict("This Idempotency-Key came with another request before")
        }
        CustodyError::SessionLimit => {
            ApiError::forbidden("The account has as many game sessions as Hytale allows it")
                .with_code("SESSION_LIMIT_EXCEEDED")
                .requiring(UNLIMITED_SERVERS)
        }
        error => ApiError::new(
            StatusCode::BAD_GATEWAY,
            "INTEGRATION_ERROR",
            "Hytale's answer cannot be used",
        )
        .because(error),
    }
}

fn of_vendor(error: VendorError) -> ApiError {
    match error {
        VendorError::Busy { retry_after } => busy(retry_after),
        VendorError::NotSent(_) | VendorError::Down { .. } => {
            ApiError::unavailable("Hytale cannot be reached now", error)
        }
        VendorError::Lost(_) | VendorError::Refused(..) => ApiError::new(
            StatusCode::BAD_GATEWAY,
            "INTEGRATION_ERROR",
            "Hytale's answer cannot be used",
        )
        .because(error),
    }
}

fn busy(retry_after: Option<Duration>) -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "SERVICE_ERROR",
        "Hytale takes no request for this account now",
    )
    .after(retry_after.unwrap_or(A_MOMENT))
}

impl fmt::Display for HytaleFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for HytaleFailure {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        self.0.error_response()
    }
}

/// What any Hytale operation may answer beside success.
const STATUSES: [u16; 5] = [400, 404, 409, 413, 502];

impl Apiv2Errors for HytaleFailure {
    fn update_error_definitions(operation: &mut DefaultOperationRaw) {
        describe(operation, &STATUSES);
    }

    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        describe_body(map);
    }
}

/// That a login has not ended (202, with the body of an error as existing clients
/// expect it), or an error of a Hytale operation.
#[derive(Debug)]
pub struct Unfinished(HytaleFailure);

impl From<ApiError> for Unfinished {
    fn from(error: ApiError) -> Self {
        Self(error.into())
    }
}

impl From<CustodyError> for Unfinished {
    fn from(error: CustodyError) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Unfinished {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        self.0.error_response()
    }
}

impl Apiv2Errors for Unfinished {
    fn update_error_definitions(operation: &mut DefaultOperationRaw) {
        describe(operation, &STATUSES);
        describe(operation, &[202]);
    }

    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        describe_body(map);
    }
}
