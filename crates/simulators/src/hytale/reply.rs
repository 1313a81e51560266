//! An answer before it is sent, and the refusals of the three services.

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::options::{BodyStyle, Shapes};

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body; none where there is no body.
    pub content_type: Option<&'static str>,
    /// Headers beside it.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A JSON answer.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self {
                status,
                content_type: Some("application/json"),
                headers: Vec::new(),
                body,
            },
            Err(error) => Self::text(500, &error.to_string()),
        }
    }

    /// A JSON answer of the OAuth service, with the headers Hydra gives it.
    pub fn hydra(status: u16, body: &impl Serialize) -> Self {
        let mut reply = Self::json(status, body);
        reply.content_type = Some("application/json;charset=UTF-8");
        reply.headers = vec![
            ("Cache-Control", "no-store".to_owned()),
            ("Pragma", "no-cache".to_owned()),
        ];
        reply
    }

    /// Plain text.
    pub fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            content_type: Some("text/plain; charset=utf-8"),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// An HTML page.
    pub fn html(status: u16, body: &str) -> Self {
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Hytale</title></head><body>{body}</body></html>\n"
        );
        Self {
            content_type: Some("text/html; charset=utf-8"),
            ..Self::text(status, &page)
        }
    }

    /// Nothing but a status.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The page that a proxy shows for a status.
    pub fn proxy_page(status: u16) -> Self {
        let reason = StatusCode::from_u16(status).ok();
        let reason = reason.and_then(|status| status.canonical_reason());
        Self::html(
            status,
            &format!("<h1>{status} {}</h1>", reason.unwrap_or("Error")),
        )
    }

    /// A refusal by the session service.
    pub fn refusal(status: u16, style: BodyStyle, code: &str, text: &str) -> Self {
        match style {
            BodyStyle::Json => Self::json(status, &json!({ "error": code })),
            BodyStyle::Text => Self::text(status, text),
            BodyStyle::Empty => Self::empty(status),
        }
    }
}

/// An error of the OAuth service, in Hydra's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OAuthError {
    /// The user has not decided.
    AuthorizationPending,
    /// Polled inside the interval.
    SlowDown,
    /// The device code is over.
    ExpiredToken,
    /// The user said no; with the status.
    AccessDenied(u16),
    /// A device code or refresh token is no good; with a hint.
    InvalidGrant(Option<&'static str>),
    /// No such client.
    InvalidClient,
    /// The client may not do this; with a hint.
    UnauthorizedClient(&'static str),
    /// The client may not ask for this scope.
    InvalidScope(String),
    /// Something is missing or malformed; with a hint.
    InvalidRequest(&'static str),
}

/// Hint for a refresh token that is not known, or was deleted after a re-use.
pub const MALFORMED: &str = "The refresh token is malformed or not valid.";
/// Hint for a refresh token whose time is over.
pub const EXPIRED: &str = "The refresh token expired.";
/// Hint for a refresh token that was spent or revoked.
pub const ALREADY_USED: &str = "The refresh token was already used.";
/// Hint for two requests with one refresh token at a time.
pub const CONCURRENT: &str = "Failed to refresh token because of multiple concurrent requests using the same token. Please retry the request.";

impl OAuthError {
    /// The `error` field.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::AccessDenied(_) => "access_denied",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient(_) => "unauthorized_client",
            Self::InvalidScope(_) => "invalid_scope",
            Self::InvalidRequest(_) => "invalid_request",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::AccessDenied(status) => *status,
            Self::InvalidClient => 401,
            _ => 400,
        }
    }

    fn description(&self) -> &'static str {
        match self {
            Self::AuthorizationPending => {
                "The authorization request is still pending as the end user hasn't yet completed the user-interaction steps."
            }
            Self::SlowDown => {
                "The authorization request was rate-limited to prevent system overload."
            }
            Self::ExpiredToken => {
                "The device_code has expired, and the device authorization session has concluded."
            }
            Self::AccessDenied(_) => {
                "The resource owner or authorization server denied the request."
            }
            Self::InvalidGrant(_) => {
                "The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client."
            }
            Self::InvalidClient => {
                "Client authentication failed (e.g., unknown client, no client authentication included, or unsupported authentication method)."
            }
            Self::UnauthorizedClient(_) => {
                "The client is not authorized to request a token using this method."
            }
            Self::InvalidScope(_) => "The requested scope is invalid, unknown, or malformed.",
            Self::InvalidRequest(_) => {
                "The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed."
            }
        }
    }

    fn hint(&self) -> Option<&str> {
        match self {
            Self::AuthorizationPending | Self::ExpiredToken => None,
            Self::SlowDown => Some(
                "Ensure that you don't call the token endpoint sooner than the polling interval",
            ),
            Self::AccessDenied(_) => Some(
                "Make sure that the request you are making is valid. Maybe the credential or request parameters you are using are limited in scope or otherwise restricted.",
            ),
            Self::InvalidGrant(hint) => *hint,
            Self::InvalidClient => Some("The requested OAuth 2.0 Client does not exist."),
            Self::UnauthorizedClient(hint) | Self::InvalidRequest(hint) => Some(hint),
            Self::InvalidScope(hint) => Some(hint),
        }
    }

    /// What the journal says of it.
    pub fn outcome(&self) -> String {
        match self {
            Self::InvalidGrant(Some(hint)) => format!("invalid_grant: {hint}"),
            _ => self.code().to_owned(),
        }
    }

    /// The answer.
    pub fn reply(&self, shapes: Shapes) -> Reply {
        let code = self.code();
        if shapes == Shapes::Guide {
            return Reply::hydra(self.status(), &json!({ "error": code }));
        }
        let mut description = self.description().to_owned();
        if let Some(hint) = self.hint() {
            description.push(' ');
            description.push_str(hint);
        }
        // Hydra replaces quotation marks, so that the sentence needs no escapes.
        let description = description.replace('"', "'");
        Reply::hydra(
            self.status(),
            &json!({ "error": code, "error_description": description }),
        )
    }
}
