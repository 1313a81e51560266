//! Where a request comes from, for audit trails.

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use common::types::caller::{Origin, Principal};
use runtime::http::{RequestId, real_ip};

/// Characters of a user agent that are kept.
const LONGEST: usize = 512;

/// Where the request comes from.
pub(super) fn origin(request: &HttpRequest, principal: Option<Principal>) -> Origin {
    let user_agent = request
        .headers()
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .map(|text| text.chars().take(LONGEST).collect());
    Origin {
        principal,
        ip: real_ip(request),
        user_agent,
        request_id: RequestId::current().map(String::from),
    }
}
