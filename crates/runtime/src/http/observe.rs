//! The middleware around every app.

use std::error::Error;
use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use pin_project_lite::pin_project;
use slog::Logger;

use super::ApiError;
use super::access::Access;
use super::caught::{Caught, caught};
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
        let to = Rc::new(To {
            figures: Figures::new(),
            log: self.log.clone(),
        });
        ready(Ok(Observed {
            service,
            to,
            trusted: Arc::clone(&self.trusted),
        }))
    }
}

/// An app within [`Observe`].
pub struct Observed<S> {
    service: S,
    to: Rc<To>,
    trusted: Arc<TrustedProxies>,
}

/// Where the end of a request is told.
struct To {
    figures: Figures,
    log: Logger,
}

pin_project! {
    /// An answer on its way, and what is known of its request meanwhile. Every request has
    /// one, so it is no task and no box of its own.
    pub struct Observing<F: Future> {
        #[pin]
        handled: Caught<F>,
        id: RequestId,
        access: Option<Access>,
        is_head: bool,
        to: Rc<To>,
    }
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
    type Future = Observing<S::Future>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let id = RequestId::accept_or_mint(request.headers());
        let caller = real_ip::note(&request, &self.trusted);
        let access = Access::begin(&request, caller);
        let is_head = head::take_as_get(&mut request);
        Observing {
            handled: CURRENT.sync_scope(id, || caught(&self.service, request)),
            id,
            access: Some(access),
            is_head,
            to: Rc::clone(&self.to),
        }
    }
}

impl<F, B> Future for Observing<F>
where
    F: Future<Output = Result<ServiceResponse<B>, actix_web::Error>>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<BoxBody>, actix_web::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        CURRENT.sync_scope(*this.id, || {
            let handled = ready!(this.handled.poll(context));
            let answer = handled.unwrap_or_else(|_panic| Err(ApiError::internal(Panicked).into()));
            // Taken once: there is one answer.
            let access = this.access.take();
            Poll::Ready(finished(answer, access, *this.is_head, this.to))
        })
    }
}

fn finished<B: MessageBody + 'static>(
    answer: Result<ServiceResponse<B>, actix_web::Error>,
    access: Option<Access>,
    is_head: bool,
    to: &To,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match answer {
        Ok(response) => {
            let response = finish(response, access, to);
            Ok(if is_head {
                head::without_stream(response)
            } else {
                response
            })
        }
        // Raised by a middleware: actix renders it above this one, and an `ApiError` has
        // taken the request's id along.
        Err(error) => {
            let response = error.error_response();
            let cause = response.extensions().get::<Cause>().cloned();
            let cause = cause.as_ref().map(|cause| cause.0.as_ref() as _);
            if let Some(access) = access {
                access.end(&to.log, &to.figures, None, response.status(), cause);
            }
            Err(error)
        }
    }
}

fn finish<B>(
    response: ServiceResponse<B>,
    access: Option<Access>,
    to: &To,
) -> ServiceResponse<BoxBody>
where
    B: MessageBody + 'static,
{
    let mut response = errors_as_json(response);
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        head::allow(response.headers_mut());
    }
    if let Ok(Some(id)) = CURRENT.try_with(RequestId::header_value) {
        response.headers_mut().insert(request_id::HEADER, id);
    }
    let route = response.request().match_pattern();
    let cause = response.response().extensions().get::<Cause>().cloned();
    let cause = cause.as_ref().map(|cause| cause.0.as_ref() as _);
    if let Some(access) = access {
        access.end(&to.log, &to.figures, route, response.status(), cause);
    }
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
    let is_json = || {
        response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/") && value.contains("json"))
    };
    if !failed || is_json() {
        return response.map_into_boxed_body();
    }
    response.map_body(|head, _| {
        head.headers.remove(CONTENT_LENGTH);
        head.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        BoxBody::new(ApiError::of_status(status).body().to_string())
    })
}
