//! HEAD wherever GET is (RFC 9110, section 9.3.2), so that no route has to say so.

use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderMap, HeaderValue};

/// Lets a HEAD find the route of its GET; answers whether it was one.
pub(super) fn take_as_get(request: &mut ServiceRequest) -> bool {
    let is_head = request.method() == Method::HEAD;
    if is_head {
        request.head_mut().method = Method::GET;
    }
    is_head
}

/// Adds HEAD to an `Allow` that names GET.
pub(super) fn allow(headers: &mut HeaderMap) {
    let takes_get = headers
        .get(ALLOW)
        .and_then(|methods| methods.to_str().ok())
        .is_some_and(|methods| methods.split(", ").any(|method| method == "GET"));
    if takes_get {
        headers.append(ALLOW, HeaderValue::from_static("HEAD"));
    }
}

/// Ends the body of an answer to a HEAD. actix sends none, but would go on asking
/// a stream for more; of any other it takes the length that GET would announce.
pub(super) fn without_stream(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if response.response().body().size() == BodySize::Stream {
        response.map_body(|_, _| BoxBody::new(body::None::new()))
    } else {
        response
    }
}
