//! Tokens that somebody shows to a game server or service.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use chrono::SecondsFormat;
use hytale::custody::TokenKind;
use hytale::verify::{Claims, Invalid, VerifyError};
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use runtime::http::ApiError;
use serde::{Deserialize, Serialize};

use super::failure::HytaleFailure;
use crate::auth::{Needs, UseHytale};
use crate::http::given::{Given, required};
use crate::state::State;

/// A token to look at.
#[derive(Deserialize, Apiv2Schema)]
pub struct ValidateRequest {
    /// The token. Required; better in the body than in the query, which proxies log.
    pub token: Option<String>,
    /// `identity` (without it), `session` or `join`.
    pub r#type: Option<String>,
    /// For `join`: the server that it must be meant for. Otherwise: what its `aud` must
    /// be, if it has one.
    pub audience: Option<String>,
}

/// What a valid token says.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct ValidToken {
    /// Always true.
    success: bool,
    /// Always true; a token that is not valid is an error.
    valid: bool,
    /// Whom it is about.
    subject: String,
    /// The same as a profile's id.
    profile_id: Option<String>,
    /// The name that players see.
    username: Option<String>,
    /// What it is good for.
    scope: String,
    /// Whom it is meant for.
    audience: Vec<String>,
    /// Its own id.
    token_id: Option<String>,
    /// When it was made.
    issued_at: Option<String>,
    /// When it ends.
    expires_at: String,
}

/// Validates a token of Hytale's
///
/// Signature, issuer, subject, scope, audience and times, with 60 seconds of tolerance.
#[api_v2_operation(tags(Hytale))]
pub async fn validate(
    _caller: Needs<UseHytale>,
    Given(request): Given<ValidateRequest>,
    state: Data<State>,
) -> Result<Json<ValidToken>, HytaleFailure> {
    let token = required("token", request.token)?;
    let (kind, audience) = match request.r#type.as_deref().unwrap_or("identity") {
        "identity" => (TokenKind::Identity, request.audience),
        "session" => (TokenKind::Session, request.audience),
        "join" => {
            let server = required("audience", request.audience)?;
            (TokenKind::Join(server), None)
        }
        _ => {
            return Err(
                ApiError::bad_request("`type` must be `identity`, `session` or `join`").into(),
            );
        }
    };
    let claims = state
        .custody
        .validate(&token, kind, audience)
        .await
        .map_err(refusal)?;
    Ok(Json(claims.into()))
}

fn refusal(error: VerifyError) -> ApiError {
    match error {
        VerifyError::Invalid(Invalid::Expired) => {
            ApiError::unauthorized("The token has expired").with_code("EXPIRED_TOKEN")
        }
        VerifyError::Invalid(why) => {
            ApiError::unauthorized(format!("The token is not valid: {why}"))
                .with_code("INVALID_TOKEN")
        }
        error @ (VerifyError::KeysUnavailable | VerifyError::KeysNotPublished) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "SERVICE_ERROR",
            "Hytale's keys cannot be had now",
        )
        .because(error),
    }
}

impl From<Claims> for ValidToken {
    fn from(claims: Claims) -> Self {
        let time =
            |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        Self {
            success: true,
            valid: true,
            subject: claims.subject,
            profile_id: claims.profile.map(|id| id.to_string()),
            username: claims.username,
            scope: claims.scope,
            audience: claims.audience,
            token_id: claims.token_id,
            issued_at: claims.issued_at.map(time),
            expires_at: time(claims.expires_at),
        }
    }
}
