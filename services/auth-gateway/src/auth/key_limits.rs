//! Which servers the key that a request carries is limited to.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use common::crypto::api_key;
use common::types::server_limits::ServerLimits;
use futures_util::future::LocalBoxFuture;
use paperclip::actix::OperationModifier;
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::{ApiError, client_key};

use super::identify::KEY;
use crate::state::State;

/// The servers that the request's key is limited to: all for the installation's own
/// key, none for a request without a key. For handlers whose first extractor has let the
/// caller in; what was found out then is still known, so that this asks nobody anew.
#[derive(Debug)]
pub struct KeyLimits(pub Arc<ServerLimits>);

impl FromRequest for KeyLimits {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<Data<State>>().cloned();
        let key = request.headers().get(KEY).cloned();
        Box::pin(async move {
            match (state, key) {
                (Some(state), Some(key)) => of_key(&state, &key).await.map(Self),
                _ => Ok(Self(Arc::default())),
            }
        })
    }
}

async fn of_key(state: &State, given: &HeaderValue) -> Result<Arc<ServerLimits>, ApiError> {
    let Ok(given) = given.to_str() else {
        return Ok(Arc::default());
    };
    let installation = state.config.security.backend_api_key.as_ref();
    if installation.is_some_and(|expected| client_key::matches(expected, given)) {
        return Ok(Arc::new(ServerLimits::All));
    }
    let Some(hash) = api_key::hash(given) else {
        return Ok(Arc::default());
    };
    match state.keys.of(hash).await {
        Ok(key) => Ok(key.map(|key| key.value.servers).unwrap_or_default()),
        Err(error) => Err(ApiError::unavailable(
            "The key cannot be checked now",
            error,
        )),
    }
}

impl Apiv2Schema for KeyLimits {}
impl OperationModifier for KeyLimits {}
