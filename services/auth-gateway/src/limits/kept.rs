//! What a request is counted against, kept until its answer is there to be written on.

use std::cell::Cell;
use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, ResponseError};
use pin_project_lite::pin_project;
use runtime::http::{ApiError, Caught, caught};
use tokio::time::{Sleep, sleep};

use super::headers::{Counted, Counts};

tokio::task_local! {
    static COUNTED: Cell<Counts>;
}

/// Keeps a decision for the answer; of strict limits, the last one counts.
pub(super) fn keep(counted: Counted) {
    // Outside of a request there is no answer to write on.
    let _ = COUNTED.try_with(|cell| {
        let mut counts = cell.get();
        if counted.limit.is_general() {
            counts.general = Some(counted);
        } else {
            counts.strict = Some(counted);
        }
        cell.set(counts);
    });
}

/// How long a request has until its answer begins, body included: longer than what handlers
/// wait for with limits of their own, each request to Hytale or a panel repeated. A database
/// that takes connections and says nothing would otherwise hold every request for ever.
const LONGEST: Duration = Duration::from_secs(300);

/// Writes on each answer what was kept for it, whatever becomes of its request.
pub struct WriteHeaders;

impl<S, B> Transform<S, ServiceRequest> for WriteHeaders
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Written<S>;
    type InitError = ();
    type Future = Ready<Result<Written<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Written { service }))
    }
}

/// An app within [`WriteHeaders`].
pub struct Written<S> {
    service: S,
}

pin_project! {
    /// An answer on its way, and what its request was counted against meanwhile.
    pub struct Writing<F: Future> {
        #[pin]
        handled: Caught<F>,
        counts: Counts,
        // Most are answered at once, and need no timer.
        end: Option<Pin<Box<Sleep>>>,
    }
}

impl<S, B> Service<ServiceRequest> for Written<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Writing<S::Future>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (handled, counts) = keeping(Counts::default(), || caught(&self.service, request));
        Writing {
            handled,
            counts,
            end: None,
        }
    }
}

impl<F, B> Future for Writing<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<ServiceResponse<B>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (handled, counts) = keeping(*this.counts, || this.handled.poll(context));
        *this.counts = counts;
        let answer = match handled {
            Poll::Ready(Ok(answer)) => answer,
            Poll::Ready(Err(_panic)) => Err(ApiError::internal("the handler panicked").into()),
            Poll::Pending => {
                let end = this.end.get_or_insert_with(|| Box::pin(sleep(LONGEST)));
                ready!(end.as_mut().poll(context));
                let message = "The answer takes too long; what was asked for may be done yet";
                Err(ApiError::unavailable(message, "the time is over").into())
            }
        };
        Poll::Ready(match answer {
            Ok(mut response) => {
                counts.write(response.headers_mut());
                Ok(response)
            }
            Err(error) => Err(CountedError { error, counts }.into()),
        })
    }
}

/// Does something; comes back with what has been counted by then.
fn keeping<T>(counts: Counts, to_do: impl FnOnce() -> T) -> (T, Counts) {
    COUNTED.sync_scope(Cell::new(counts), || {
        let done = to_do();
        (done, COUNTED.with(Cell::get))
    })
}

/// An error that no handler made an answer of, with what its answer is to say.
#[derive(Debug)]
struct CountedError {
    error: Error,
    counts: Counts,
}

impl fmt::Display for CountedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for CountedError {
    fn status_code(&self) -> StatusCode {
        self.error.as_response_error().status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.error.error_response();
        self.counts.write(response.headers_mut());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App, web};
    use cache::RateDecision;
    use common::types::limit::Limit;

    use super::super::policy::Quota;

    const COUNTED: Counted = Counted {
        limit: Limit::Key,
        quota: Quota {
            requests: 6_000,
            window: Duration::from_secs(60),
        },
        decision: RateDecision {
            allowed: true,
            remaining: 5_999,
            retry_after: Duration::ZERO,
            reset_after: Duration::ZERO,
        },
    };

    fn count_and_panic(does: bool) {
        keep(COUNTED);
        assert!(!does, "planted");
    }

    #[actix_web::test]
    async fn whoever_panics_is_told_of_as_well() {
        let app = App::new()
            .wrap_fn(|request, service| {
                count_and_panic(request.path() == "/middleware");
                service.call(request)
            })
            .wrap(WriteHeaders)
            .default_service(web::to(async || {
                count_and_panic(true);
                "nothing"
            }));
        let app = init_service(app).await;
        for path in ["/middleware", "/handler"] {
            let request = TestRequest::get().uri(path).to_request();
            let error = app.call(request).await.map(|_| ()).unwrap_err();
            let answer = error.error_response();
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.headers().get("x-ratelimit-limit").unwrap(), "6000");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_never_comes_is_a_503() {
        let app = App::new()
            .wrap(WriteHeaders)
            .route("/", web::get().to(std::future::pending::<String>));
        let app = init_service(app).await;
        let request = TestRequest::get().uri("/").to_request();
        let error = app.call(request).await.map(|_| ()).unwrap_err();
        let answer = error.error_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers().get("retry-after").unwrap(), "5");
    }
}
