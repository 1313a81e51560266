//! A service that panics answers all the same.

use std::any::Any;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};

use actix_web::dev::{Service, ServiceRequest};
use futures_util::FutureExt;
use futures_util::future::{CatchUnwind, Either};

/// What a service answers, or what it panicked with.
pub type Caught<F> = Either<
    CatchUnwind<AssertUnwindSafe<F>>,
    Ready<Result<<F as Future>::Output, Box<dyn Any + Send>>>,
>;

/// Calls a service. A panic, be it at once or on the way to the answer, ends neither the
/// connection nor the worker.
pub fn caught<S: Service<ServiceRequest>>(
    service: &S,
    request: ServiceRequest,
) -> Caught<S::Future> {
    match catch_unwind(AssertUnwindSafe(|| service.call(request))) {
        Ok(answer) => Either::Left(AssertUnwindSafe(answer).catch_unwind()),
        Err(panic) => Either::Right(ready(Err(panic))),
    }
}
