//! Discord's refusals.

use std::time::Duration;

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::faults::Scope;
use crate::reply::Reply;

/// A refusal with Discord's own number for it.
pub fn coded(status: u16, code: u32, message: &str) -> Reply {
    Reply::json(status, &json!({ "message": message, "code": code }))
}

/// A status that says no more than itself.
pub fn of_status(status: u16) -> Reply {
    let reason = StatusCode::from_u16(status).ok();
    let reason = reason.and_then(|status| status.canonical_reason());
    coded(
        status,
        0,
        &format!("{status}: {}", reason.unwrap_or("Error")),
    )
}

/// The webhook is gone, or never was.
pub fn unknown_webhook() -> Reply {
    coded(404, 10015, "Unknown Webhook")
}

/// The token is another one's.
pub fn invalid_token() -> Reply {
    coded(401, 50027, "Invalid Webhook Token")
}

/// There is no such thread in the webhook's channel.
pub fn unknown_channel() -> Reply {
    coded(404, 10003, "Unknown Channel")
}

/// There is no such message of this webhook.
pub fn unknown_message() -> Reply {
    coded(404, 10008, "Unknown Message")
}

/// Nothing that could be shown.
pub fn empty_message() -> Reply {
    coded(400, 50006, "Cannot send an empty message")
}

/// A body that breaks rules; `errors` says by path which ones.
pub fn invalid_form(errors: Value) -> Reply {
    let body = json!({ "message": "Invalid Form Body", "code": 50035, "errors": errors });
    Reply::json(400, &body)
}

/// Too much was asked; with the time after which it fits.
pub fn too_many_requests(scope: Scope, wait: Duration) -> Reply {
    let global = scope == Scope::Global;
    let retry_after = (wait.as_secs_f64() * 1000.0).ceil() / 1000.0;
    let reply = Reply::json(
        429,
        &json!({
            "message": "You are being rate limited.",
            "retry_after": retry_after,
            "global": global,
        }),
    );
    let reply = reply
        .with("Retry-After", retry_after.ceil())
        .with("X-RateLimit-Scope", scope.name());
    if global {
        reply.with("X-RateLimit-Global", true)
    } else {
        reply
    }
}
