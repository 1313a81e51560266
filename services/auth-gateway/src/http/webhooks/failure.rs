//! What callers learn when a webhook is not made or changed.

use actix_web::http::StatusCode;
use outbound::{Answer, Verdict};
use reach::vault::VaultError;
use reach::webhooks::{AddressRefused, TargetError};
use runtime::http::ApiError;
use serde_json::json;

use crate::http::failure::Failure;

/// 400 that names the field.
pub(super) fn field(name: &str, why: impl Into<String>) -> ApiError {
    ApiError::bad_request(why).with_details(json!({ "field": name }))
}

/// The address cannot be a webhook's.
pub(super) fn address(refused: &AddressRefused) -> ApiError {
    field("webhookUrl", refused.to_string()).with_code("INVALID_WEBHOOK_URL")
}

/// What a webhook answered that should have said yes, in a sentence.
pub(super) fn said(answer: &Answer) -> String {
    match (&answer.verdict, answer.status) {
        (Verdict::Gone("UNKNOWN_WEBHOOK"), _) => "Discord knows no such webhook".to_owned(),
        (Verdict::Gone("INVALID_WEBHOOK_TOKEN"), _) => {
            "Discord does not accept the webhook's token".to_owned()
        }
        (Verdict::Misconfigured("WRONG_WEBHOOK_TYPE"), _) => {
            "it follows a channel or belongs to an application; an incoming webhook is needed"
                .to_owned()
        }
        (Verdict::Misconfigured("THREAD_REQUIRED"), _) => {
            "its channel is a forum: add ?thread_id= and a thread's id to the address".to_owned()
        }
        (Verdict::Barred | Verdict::Misconfigured("ADDRESS_NOT_ALLOWED"), _) => {
            "the address leads to a network that may not be asked from here".to_owned()
        }
        (Verdict::Unknown, _) => "it took the request and gave no answer".to_owned(),
        (_, Some(status)) => format!("the answer had the status {status}"),
        (_, None) => "it cannot be reached".to_owned(),
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16> From<VaultError>
    for Failure<A, B, C, D>
{
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Store(error) => error.into(),
            // Waiting does not help: an operator has to give the key.
            VaultError::NoMasterKey => ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ENCRYPTION_KEY_MISSING",
                "Secrets cannot be stored: the installation has no ENCRYPTION_KEY",
            )
            .into(),
            error => ApiError::internal(error).into(),
        }
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16> From<TargetError>
    for Failure<A, B, C, D>
{
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Store(error) => error.into(),
            error => ApiError::internal(error).into(),
        }
    }
}
