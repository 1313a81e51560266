//! The limit that every request is counted against.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, ResponseError};
use common::types::caller::Principal;
use common::types::limit::Limit;
use runtime::http::{ApiError, counted_as, real_ip};

use crate::auth;
use crate::state::State;

/// Counts a request and passes it on, or refuses it. Whose it is, was found out before.
pub async fn count_all(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    if let Some(state) = request.app_data::<Data<State>>().cloned()
        && let Err(refusal) = count(&state, &request).await
    {
        // An answer, not an error: it passes all that answers pass.
        let refusal = request.into_response(refusal.error_response());
        return Ok(refusal.map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// A client's key beside a user's token counts for both: neither widens the other's limit.
async fn count(state: &State, request: &ServiceRequest) -> Result<(), ApiError> {
    let mut is_known = false;
    for principal in auth::principals(request.request()) {
        is_known = true;
        let subject = principal.to_string();
        state.limits.take(of(&principal), &subject, None).await?;
    }
    if is_known {
        return Ok(());
    }
    let address = address(request);
    state.limits.take(Limit::Address, &address, None).await
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
