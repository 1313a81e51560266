//! Who may call.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use common::types::caller::{Origin, Principal};
use hytale::custody::Caller;
use paperclip::actix::Apiv2Security;
use runtime::http::{ApiError, client_key};

use crate::state::State;

/// The header that carries the service key. A query parameter is not read: it
/// would end up in the logs of every proxy.
const HEADER: &str = "x-api-key";

/// Proof that the caller sent the service key. A handler that takes this value is
/// closed to everybody else.
#[derive(Apiv2Security)]
#[openapi(
    apiKey,
    alias = "ApiKey",
    in = "header",
    name = "X-API-Key",
    description = "The service key, `BACKEND_API_KEY` of the installation."
)]
pub struct ApiKey;

impl ApiKey {
    /// Whom the key stands for: the installation itself, which may use every
    /// account.
    pub fn caller(&self, mut origin: Origin) -> Caller {
        origin.principal = Some(Principal::Service);
        Caller {
            principal: Principal::Service,
            all_accounts: true,
            origin,
        }
    }
}

impl FromRequest for ApiKey {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let expected = request
            .app_data::<Data<State>>()
            .and_then(|state| state.config.security.backend_api_key.as_ref());
        let given = request
            .headers()
            .get(HEADER)
            .and_then(|value| value.to_str().ok());
        let known = match (expected, given) {
            (Some(expected), Some(given)) => client_key::matches(expected, given),
            _ => false,
        };
        ready(if known {
            Ok(Self)
        } else {
            Err(ApiError::unauthorized("Invalid or missing API key"))
        })
    }
}
