//! What callers learn when a panel cannot be asked.

use actix_web::http::StatusCode;
use panels::PanelError;
use reach::ReachError;
use reach::settings::SettingsError;
use runtime::http::ApiError;

use super::failure::Failure;
use crate::live_panels::LiveError;

impl<const A: u16, const B: u16, const C: u16, const D: u16> From<LiveError>
    for Failure<A, B, C, D>
{
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Reach(ReachError::Panel(error)) => error.into(),
            LiveError::Reach(ReachError::Settings(SettingsError::NoApplicationKey(_))) => {
                key_missing("No key is configured for this panel")
                    .because(error)
                    .into()
            }
            LiveError::Reach(ReachError::Settings(error)) => error.into(),
            LiveError::Reach(ReachError::Client(error)) | LiveError::Panel(error) => {
                answer(error).into()
            }
            LiveError::Reach(ReachError::Address) => ApiError::internal(error).into(),
        }
    }
}

/// Waiting does not help: an operator has to give one.
fn key_missing(message: &str) -> ApiError {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    ApiError::new(status, "PANEL_KEY_MISSING", message)
}

/// Whose trouble it is shows in the status: 404 and 409 are the panel's word on
/// the server, 502 and 504 say that the panel is in trouble, 503 that we are to
/// wait or lack a key.
fn answer(error: PanelError) -> ApiError {
    let bad_gateway = |code, message: &str| ApiError::new(StatusCode::BAD_GATEWAY, code, message);
    match error {
        PanelError::NotFound => ApiError::not_found("The panel has no such server"),
        PanelError::StateConflict => {
            ApiError::conflict("The server's state does not allow this now")
                .with_code("SERVER_STATE_CONFLICT")
        }
        PanelError::RateLimited { retry_after } => {
            ApiError::unavailable("The panel takes no more requests now", error)
                .with_code("PANEL_BUSY")
                .after(retry_after)
        }
        PanelError::NoClientKey => {
            key_missing("No Client API key is configured for this panel").because(error)
        }
        PanelError::Timeout { .. } => ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "PANEL_TIMEOUT",
            "The panel did not answer in time",
        )
        .because(error),
        PanelError::Offline { .. } => {
            bad_gateway("PANEL_OFFLINE", "The panel cannot be reached").because(error)
        }
        PanelError::DaemonUnreachable => {
            bad_gateway("NODE_OFFLINE", "The panel cannot reach the server's node").because(error)
        }
        PanelError::Unauthorized { .. } | PanelError::Forbidden { .. } => bad_gateway(
            "PANEL_REFUSED",
            "The panel does not accept the configured key",
        )
        .because(error),
        PanelError::NoSuchAddress(_)
        | PanelError::ServerError { .. }
        | PanelError::TooMuchPoison { .. }
        | PanelError::Unexpected { .. }
        | PanelError::Malformed(_) => {
            bad_gateway("PANEL_ERROR", "The panel's answer cannot be used").because(error)
        }
        PanelError::InvalidSettings(_) | PanelError::Client(_) | PanelError::InvalidRequest(_) => {
            ApiError::internal(error)
        }
    }
}
