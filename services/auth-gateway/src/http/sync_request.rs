//! What a caller says when asking for a sync.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use common::types::sync::Target;
use paperclip::actix::{Apiv2Schema, OperationModifier};
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::ApiError;
use serde::Deserialize;

/// Characters that a name in a request may have.
const LONGEST_NAME: usize = 200;

/// How a sync is asked for. The body may be left out; fields that are not known
/// are ignored.
#[derive(Debug, Default, Deserialize, Apiv2Schema)]
#[serde(default)]
pub struct TriggerRequest {
    /// Leaves the users out of a full sync.
    pub skip_users: Option<bool>,
    /// Who asks, for the logs.
    pub requested_by: Option<String>,
    /// Name of the panel; without it the default one.
    pub panel: Option<String>,
}

/// Who confirms. The body may be left out.
#[derive(Debug, Default, Deserialize, Apiv2Schema)]
#[serde(default)]
pub struct ConfirmRequest {
    /// Who confirms, for the logs.
    pub requested_by: Option<String>,
}

/// Which panel is meant.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct PanelChoice {
    /// Name of the panel; stands above the body's.
    pub panel: Option<String>,
}

/// Which sync logs are wanted.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct LogChoice {
    /// How many, 1 to 100; without it 20.
    pub limit: Option<i64>,
    /// How many of the newest are skipped.
    pub offset: Option<i64>,
    /// Only this type: `full` or a kind.
    pub r#type: Option<String>,
}

/// What the address asks for: the last part of its path.
#[derive(Debug, Clone, Copy)]
pub struct AskedTarget(pub Target);

/// A name that is too long, or holds what no name holds (PostgreSQL's text cannot
/// hold U+0000).
#[derive(Debug, thiserror::Error)]
#[error("`{0}` must be at most {LONGEST_NAME} characters, none of them a control character")]
pub struct InvalidName(&'static str);

/// A name for the logs: `api` where none is given.
///
/// # Errors
/// The name cannot be used.
pub fn requester(given: Option<String>) -> Result<String, InvalidName> {
    match given {
        Some(name) => name_of("requested_by", name),
        None => Ok("api".to_owned()),
    }
}

/// Checks a name that is looked up or stored.
///
/// # Errors
/// The name cannot be used.
pub fn name_of(field: &'static str, name: String) -> Result<String, InvalidName> {
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(InvalidName(field));
    }
    Ok(name)
}

impl FromRequest for AskedTarget {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let asked = request.path().rsplit('/').next().unwrap_or_default();
        ready(
            asked
                .parse()
                .map(Self)
                .map_err(|_unknown| ApiError::not_found("There is no such kind of sync")),
        )
    }
}

impl Apiv2Schema for AskedTarget {}
impl OperationModifier for AskedTarget {}
