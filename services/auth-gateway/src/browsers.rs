//! Which websites' pages may read answers (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use std::rc::Rc;

use actix_cors::{Cors, CorsMiddleware};
use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::Method;
use actix_web::http::header::{HeaderValue, ORIGIN, RETRY_AFTER, VARY};
use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, Map};
use runtime::http::request_id;

use crate::limits;

/// How long a browser may remember the answer to a preflight request, in seconds.
const PREFLIGHT_SECONDS: usize = 3600;

const ORIGIN_MATTERS: HeaderValue = HeaderValue::from_static("Origin");

/// Answers what browsers ask on behalf of pages of other origins. Only they name an origin:
/// all others, servers above all, are spared what is said to browsers alone.
pub(crate) struct ForBrowsers(Cors);

impl ForBrowsers {
    /// Pages of these origins may read answers.
    pub(crate) fn of(origins: &[String]) -> Self {
        let allowed = Cors::default()
            .allowed_methods([
                Method::GET,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
                Method::OPTIONS,
            ])
            .allowed_headers([
                "origin",
                "content-type",
                "accept",
                "authorization",
                "x-api-key",
                "x-request-id",
                "last-event-id",
                "idempotency-key",
            ])
            .expose_headers(
                [request_id::HEADER, RETRY_AFTER]
                    .into_iter()
                    .chain(limits::EXPOSED),
            )
            .supports_credentials()
            .block_on_origin_mismatch(false)
            .max_age(PREFLIGHT_SECONDS);
        Self(
            origins
                .iter()
                .fold(allowed, |cors, origin| cors.allowed_origin(origin)),
        )
    }
}

impl<S, B> Transform<S, ServiceRequest> for ForBrowsers
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Told<S>;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let service = Rc::new(service);
        let browsers = self.0.new_transform(Rc::clone(&service));
        Box::pin(async move {
            Ok(Told {
                browsers: browsers.await?,
                others: service,
            })
        })
    }
}

/// An app within [`ForBrowsers`].
pub(crate) struct Told<S> {
    browsers: CorsMiddleware<Rc<S>>,
    others: Rc<S>,
}

type Answered<B> = Result<ServiceResponse<B>, Error>;

impl<S, B> Service<ServiceRequest> for Told<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Either<
        LocalBoxFuture<'static, Answered<EitherBody<B>>>,
        Map<S::Future, fn(Answered<B>) -> Answered<EitherBody<B>>>,
    >;

    forward_ready!(others);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if request.headers().contains_key(ORIGIN) {
            Either::Left(self.browsers.call(request))
        } else {
            Either::Right(self.others.call(request).map(to_others))
        }
    }
}

/// What is kept of it must not be shown to pages: theirs says more.
fn to_others<B: MessageBody>(answered: Answered<B>) -> Answered<EitherBody<B>> {
    match answered {
        Ok(mut response) => {
            response.headers_mut().append(VARY, ORIGIN_MATTERS);
            Ok(response.map_into_left_body())
        }
        Err(mut error) => {
            error.add_response_mapper(|mut response| {
                response.headers_mut().append(VARY, ORIGIN_MATTERS);
                response
            });
            Err(error)
        }
    }
}
