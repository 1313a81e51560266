//! Resend's refusals.

use serde_json::json;

use crate::reply::Reply;

/// A refusal with Resend's own name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The name that clients go by.
    pub name: String,
    /// A sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: u16, name: &str, message: &str) -> Self {
        Self {
            status,
            name: name.to_owned(),
            message: message.to_owned(),
        }
    }

    /// The most likely name of a status.
    pub fn of_status(status: u16) -> Self {
        let name = match status {
            400 => "validation_error",
            401 => "missing_api_key",
            403 => "invalid_api_key",
            404 => "not_found",
            405 => "method_not_allowed",
            409 => "concurrent_idempotent_requests",
            422 => "invalid_parameter",
            429 => "rate_limit_exceeded",
            451 => "security_error",
            503 => "service_unavailable",
            500..=599 => "internal_server_error",
            _ => "application_error",
        };
        Self::new(status, name, "This did not work.")
    }

    /// The answer.
    pub fn reply(&self) -> Reply {
        let body = json!({
            "statusCode": self.status,
            "name": self.name,
            "message": self.message,
        });
        Reply::json(self.status, &body)
    }
}

/// Too many requests; with the seconds to wait.
pub fn too_many_requests(retry_after: u64) -> Reply {
    let refusal = Refusal::new(429, "rate_limit_exceeded", "Too many requests.");
    refusal.reply().with("retry-after", retry_after)
}

/// No more mails in this time.
pub fn quota_exceeded(name: &str) -> Refusal {
    Refusal::new(429, name, "The quota of mails is used up.")
}
