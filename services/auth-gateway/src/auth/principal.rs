//! Whose good credentials a request carries, for what comes before its handler.

use actix_web::{HttpMessage, HttpRequest};
use common::types::caller::Principal;

use super::identify::Identity;

/// Everybody whose credentials came along: the client whose key did, the user whose token
/// did. Empty: nobody that we know.
pub fn principals(request: &HttpRequest) -> impl Iterator<Item = Principal> + use<> {
    let known = match request.extensions().get::<Identity>() {
        Some(Identity::Known(known)) => Some(known.clone()),
        _ => None,
    };
    let both = known.map(|known| [known.client, Some(known.principal)]);
    both.into_iter().flatten().flatten()
}
