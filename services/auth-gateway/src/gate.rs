//! Steps on a request's way to its handler: each lets it pass, or answers in its place.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::web::Data;
use actix_web::{Error, ResponseError};
use futures_util::future::{Either, LocalBoxFuture};
use runtime::http::ApiError;

use crate::state::State;

/// A step of the way.
pub(crate) trait Gate: 'static {
    /// Whether the request passes, where that can be told without asking anybody. So it is
    /// for most requests, and they are to pay for nothing else.
    fn at_hand(state: &State, request: &ServiceRequest) -> Option<Result<(), ApiError>>;

    /// Whether it passes, where that could not be told at hand.
    async fn ask(state: &Data<State>, request: &ServiceRequest) -> Result<(), ApiError>;
}

/// The middleware of a step.
pub(crate) struct Through<G>(pub(crate) G);

/// What lies behind a step.
pub(crate) struct Behind<S, G> {
    service: Rc<S>,
    gate: std::marker::PhantomData<G>,
}

impl<S, G> Transform<S, ServiceRequest> for Through<G>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
    G: Gate,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = Behind<S, G>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Behind {
            service: Rc::new(service),
            gate: std::marker::PhantomData,
        }))
    }
}

type Answered = Result<ServiceResponse, Error>;

impl<S, G> Service<ServiceRequest> for Behind<S, G>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
    G: Gate,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Either<S::Future, LocalBoxFuture<'static, Answered>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let Some(state) = request.app_data::<Data<State>>() else {
            let error = ApiError::internal("the app has no state");
            return Either::Right(Box::pin(ready(Ok(answer(request, &error)))));
        };
        match G::at_hand(state, &request) {
            Some(Ok(())) => Either::Left(self.service.call(request)),
            Some(Err(refusal)) => Either::Right(Box::pin(ready(Ok(answer(request, &refusal))))),
            None => {
                let (state, service) = (state.clone(), Rc::clone(&self.service));
                Either::Right(Box::pin(async move {
                    match G::ask(&state, &request).await {
                        Ok(()) => service.call(request).await,
                        Err(refusal) => Ok(answer(request, &refusal)),
                    }
                }))
            }
        }
    }
}

/// An answer, not an error: it passes all that answers pass.
fn answer(request: ServiceRequest, refusal: &ApiError) -> ServiceResponse {
    request.into_response(refusal.error_response())
}
