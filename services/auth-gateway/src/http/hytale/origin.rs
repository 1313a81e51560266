//! Where a request comes from, for the audit trail.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::USER_AGENT;
use actix_web::{FromRequest, HttpRequest};
use common::types::caller::Origin;
use paperclip::actix::OperationModifier;
use paperclip::v2::schema::Apiv2Schema;
use runtime::http::ApiError;
use runtime::http::request_id::RequestId;

/// Characters of a user agent that are kept.
const LONGEST: usize = 512;

/// Where the request comes from; who sends it is not known from this.
#[derive(Debug)]
pub struct RequestOrigin(pub Origin);

impl FromRequest for RequestOrigin {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let user_agent = request
            .headers()
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(|text| text.chars().take(LONGEST).collect());
        ready(Ok(Self(Origin {
            principal: None,
            ip: request.peer_addr().map(|peer| peer.ip()),
            user_agent,
            request_id: RequestId::current().map(|id| id.to_string()),
        })))
    }
}

impl Apiv2Schema for RequestOrigin {}
impl OperationModifier for RequestOrigin {}
