//! Whose good credentials a request carries, for what comes before its handler.

use actix_web::{HttpMessage, HttpRequest};
use common::types::caller::Principal;

use super::identify::Identity;

/// The principal; `None`: nobody that we know.
pub fn principal(request: &HttpRequest) -> Option<Principal> {
    match request.extensions().get::<Identity>() {
        Some(Identity::Known(known)) => Some(known.principal.clone()),
        _ => None,
    }
}
