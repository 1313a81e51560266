//! The middleware around every app.

use std::error::Error;
use std::fmt;
use std::future::{Ready, ready};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use slog::Logger;

use super::ApiError;
use super::access::Access;
use super::error::Cause;
use super::figures::Figures;
use super::head;
use super::real_ip::{self, TrustedProxies};
use super::request_id::{self, CURRENT, RequestId};

/// Gives each request an id, finds who is at the other end, answers HEAD wherever GET is,
/// turns a panic into a 500 and every error into JSON, and says in the log and in the
/// figures how it ended.
/// Wrap it outermost, but for Sentry's.
#[derive(Clone)]
pub struct Observe {
    log: Logger,
    trusted: Arc<TrustedProxies>,
}

impl Observe {
    /// Logs to `log`.
    #[must_use]
    pub fn new(log: &Logger) -> Self {
        Self {
            log: log.clone(),
            trusted: Arc::default(),
        }
    }

    /// Believes these proxies about who asked them; without this, nobody.
    #[must_use]
    pub fn behind(mut self, trusted: TrustedProxies) -> Self {
        self.trusted = Arc::new(trusted);
        self
    }
}

impl<S, B> Transform<S, ServiceRequest> for Observe
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Transform = Observed<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Observed {
            service: Rc::new(service),
            figures: Rc::new(Figures::new()),
            log: self.log.clone(),
            trusted: Arc::clone(&self.trusted),
        }))
    }
}

/// An app within [`Observe`].
pub struct Observed<S> {
    service: Rc<S>,
    figures: Rc<Figures>,
    log: Logger,
    trusted: Arc<TrustedProxies>,
}

/// A handler panicked. Its words are in the panic's own line, and may hold
/// anything.
#[derive(Debug)]
struct Panicked;

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the handler panicked")
    }
}

impl Error for Panicked {}

impl<S, B> Service<ServiceRequest> for Observed<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let id = RequestId::accept_or_mint(request.headers());
        let log = self.log.clone();
        let caller = real_ip::note(&request, &self.trusted);
        let access = Access::begin(&request, caller);
        let is_head = head::take_as_get(&mut request);
        let service = Rc::clone(&self.service);
        let figures = Rc::clone(&self.figures);
        let answer = async move {
            let handled = AssertUnwindSafe(async { service.call(request).await }).catch_unwind();
            let answer = match handled.await {
                Ok(answer) => answer,
                Err(_panic) => Err(ApiError::internal(Panicked).into()),
            };
            match answer {
                Ok(response) => {
                    let response = finish(response, access, &log, &figures);
                    Ok(if is_head {
                        head::without_stream(response)
                    } else {
                        response
                    })
                }
                // Raised by a middleware: actix renders it above this one, and an
                // `ApiError` has taken the request's id along.
                Err(error) => {
                    let response = error.error_response();
                    let cause = response.extensions().get::<Cause>().cloned();
                    let cause = cause.as_ref().map(|cause| cause.0.as_ref() as _);
                    access.end(&log, &figures, None, response.status(), cause);
                    Err(error)
                }
            }
        };
        CURRENT.scope(id, answer).boxed_local()
    }
}

fn finish<B>(
    response: ServiceResponse<B>,
    access: Access,
    log: &Logger,
    figures: &Figures,
) -> ServiceResponse<BoxBody>
where
    B: MessageBody + 'static,
{
    let mut response = errors_as_json(response);
    head::allow(response.headers_mut());
    if let Ok(Some(id)) = CURRENT.try_with(RequestId::header_value) {
        response.headers_mut().insert(request_id::HEADER, id);
    }
    let route = response.request().match_pattern();
    let cause = response.response().extensions().get::<Cause>().cloned();
    let cause = cause.as_ref().map(|cause| cause.0.as_ref() as _);
    access.end(log, figures, route, response.status(), cause);
    response
}

/// Puts our words in place of an error answer that is not JSON: the framework's
/// own, such as 405, have none. Headers stay.
fn errors_as_json<B>(response: ServiceResponse<B>) -> ServiceResponse<BoxBody>
where
    B: MessageBody + 'static,
{
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/") && value.contains("json"));
    if !failed || is_json {
        return response.map_into_boxed_body();
    }
    response.map_body(|head, _| {
        head.headers.remove(CONTENT_LENGTH);
        head.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        BoxBody::new(ApiError::of_status(status).body().to_string())
    })
}
