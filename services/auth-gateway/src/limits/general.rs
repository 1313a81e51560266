//! The limit that every request is counted against.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, ResponseError};
use common::types::caller::Principal;
use common::types::limit::Limit;
use runtime::http::{counted_as, real_ip};

use crate::auth;
use crate::state::State;

/// Counts a request and passes it on, or refuses it. Whose it is, was found out before.
pub async fn count_all(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    if let Some(state) = request.app_data::<Data<State>>().cloned() {
        let (limit, subject) = match auth::principal(request.request()) {
            Some(principal) => (of(&principal), principal.to_string()),
            None => (Limit::Address, address(&request)),
        };
        if let Err(refusal) = state.limits.take(limit, &subject, None).await {
            // An answer, not an error: it passes all that answers pass.
            let refusal = request.into_response(refusal.error_response());
            return Ok(refusal.map_into_right_body());
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// By which limit a principal is counted.
fn of(principal: &Principal) -> Limit {
    match principal {
        Principal::Service | Principal::Client(_) => Limit::Key,
        Principal::User(_) => Limit::Bearer,
    }
}

/// The address that a request is counted by. Without one all share one bucket.
pub fn address(request: &ServiceRequest) -> String {
    real_ip(request.request()).map_or_else(
        || "unknown".to_owned(),
        |address| counted_as(address).to_string(),
    )
}
