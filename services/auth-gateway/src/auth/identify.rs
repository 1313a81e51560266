//! Whose credentials a request carries.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use common::crypto::api_key;
use common::types::caller::Principal;
use common::types::scope::{Scope, Scopes};
use runtime::http::client_key;

use super::key_verdicts::NoVerdict;
use crate::state::State;

/// The header that carries a key. A query parameter is not read: it would end up in the
/// logs of every proxy.
pub(super) const HEADER: &str = "x-api-key";

/// What is known of the sender.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// No credentials came along.
    Nobody,
    /// Credentials came along that are unknown, expired or revoked.
    Refused,
    /// Credentials came along that nobody can check now.
    Unchecked(NoVerdict),
    /// Whom they stand for, and what they may be used for.
    Known(Principal, Scopes),
}

/// Finds out who sent the request and keeps it with it.
pub async fn identify(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let state = request.app_data::<Data<State>>().cloned();
    let key = request.headers().get(HEADER).cloned();
    let identity = match (state, key) {
        (Some(state), Some(key)) => of_key(&state, &key).await,
        (None, Some(_)) => Identity::Refused,
        // No bearer is known here; whoever sends one is not nobody.
        (_, None) if request.headers().contains_key(AUTHORIZATION) => Identity::Refused,
        (_, None) => Identity::Nobody,
    };
    request.extensions_mut().insert(identity);
    next.call(request).await
}

async fn of_key(state: &State, given: &HeaderValue) -> Identity {
    let Ok(given) = given.to_str() else {
        return Identity::Refused;
    };
    let installation = state.config.security.backend_api_key.as_ref();
    if installation.is_some_and(|expected| client_key::matches(expected, given)) {
        return Identity::Known(Principal::Service, Scopes::all().without(Scope::Admin));
    }
    let Some(hash) = api_key::hash(given) else {
        return Identity::Refused;
    };
    match state.keys.of(hash).await {
        Ok(Some(key)) => Identity::Known(Principal::Client(key.client), key.scopes),
        Ok(None) => Identity::Refused,
        Err(error) => Identity::Unchecked(error),
    }
}
