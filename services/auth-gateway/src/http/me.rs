//! What callers may learn of themselves.

use actix_web::web::Json;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use serde::Serialize;

use super::answer::Answer;
use super::failure::Failure;
use crate::auth::{BeKnown, Needs};

/// Who asks.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Me {
    /// `user:<id>`, `client:<id>` or, with the installation's own key, `service`: owner of
    /// accounts, holder of limits.
    principal: String,
    /// The client whose key came along with the user's token: the call is about what
    /// belongs to both.
    also: Option<String>,
    /// What the call may do: `sync`, `hytale`, `hytale:all`, `notify`, `logs`, `read`,
    /// `admin`.
    scopes: Vec<&'static str>,
}

/// Tells who asks and what that may do
///
/// What a front end shows or hides follows from it. Whether the credentials are good can
/// be asked here as well.
#[api_v2_operation(tags(Callers))]
pub async fn me(caller: Needs<BeKnown>) -> Result<Json<Answer<Me>>, Failure> {
    Ok(Json(Answer::of(Me {
        principal: caller.name().into_owned(),
        also: caller.and.as_ref().map(ToString::to_string),
        scopes: caller.scopes.words(),
    })))
}
