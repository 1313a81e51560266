//! What an answer says of the limits that its request was counted against:
//! `X-RateLimit-*` as existing clients know them, and `RateLimit` with
//! `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10). The former tell of one
//! limit, the strict one where there is one; the latter are lists and tell of both.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use cache::RateDecision;
use common::types::limit::Limit;
use futures_util::FutureExt;
use runtime::http::ApiError;
use tokio::time::timeout;

use super::policy::Quota;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The fields that browsers may read.
pub const EXPOSED: [HeaderName; 5] = [LIMIT, REMAINING, RESET, STATE, POLICY];

tokio::task_local! {
    static COUNTED: Cell<Counts>;
}

/// What a request was counted against.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    strict: Option<Counted>,
    general: Option<Counted>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    limit: Limit,
    quota: Quota,
    decision: RateDecision,
}

/// Keeps a decision for the answer; of strict limits, the last one counts.
pub(super) fn keep(limit: Limit, quota: Quota, decision: RateDecision) {
    let counted = Some(Counted {
        limit,
        quota,
        decision,
    });
    // Outside of a request there is no answer to write on.
    let _ = COUNTED.try_with(|cell| {
        let mut counts = cell.get();
        if limit.is_general() {
            counts.general = counted;
        } else {
            counts.strict = counted;
        }
        cell.set(counts);
    });
}

/// How long a request has until its answer begins, body included: longer than what handlers
/// wait for with limits of their own, each request to Hytale or a panel repeated. A database
/// that takes connections and says nothing would otherwise hold every request for ever.
const LONGEST: Duration = Duration::from_secs(300);

/// Answers a request and writes what was kept for it, whatever becomes of it.
pub async fn write_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    COUNTED
        .scope(Cell::default(), async move {
            let handled = AssertUnwindSafe(async { next.call(request).await });
            let answer = match timeout(LONGEST, handled.catch_unwind()).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_panic)) => Err(ApiError::internal("the handler panicked").into()),
                Err(late) => {
                    let message = "The answer takes too long; what was asked for may be done yet";
                    Err(ApiError::unavailable(message, late).into())
                }
            };
            let counts = COUNTED.try_with(Cell::get).unwrap_or_default();
            match answer {
                Ok(mut response) => {
                    counts.write(response.headers_mut());
                    Ok(response)
                }
                Err(error) => Err(CountedError { error, counts }.into()),
            }
        })
        .await
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

impl Counts {
    fn write(self, headers: &mut HeaderMap) {
        let Some(told) = self.strict.or(self.general) else {
            return;
        };
        let decision = told.decision;
        headers.insert(LIMIT, told.quota.requests.into());
        headers.insert(REMAINING, decision.remaining.into());
        headers.insert(RESET, whole_seconds(told.reset_at()).into());
        for (field, write) in [
            (STATE, Counted::state as fn(&Counted, &mut String)),
            (POLICY, Counted::policy),
        ] {
            // Numbers and names of ours: they always fit.
            if let Ok(value) = HeaderValue::try_from(self.list(write)) {
                headers.insert(field, value);
            }
        }
    }

    fn list(self, write: fn(&Counted, &mut String)) -> String {
        let mut list = String::with_capacity(64);
        for counted in [self.strict, self.general].iter().flatten() {
            if !list.is_empty() {
                list.push_str(", ");
            }
            write(counted, &mut list);
        }
        list
    }
}

impl Counted {
    /// Since the epoch.
    fn reset_at(self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .saturating_add(self.decision.reset_after)
    }

    fn state(&self, to: &mut String) {
        let (name, decision) = (self.limit.name(), self.decision);
        let reset = whole_seconds(decision.reset_after);
        // Writing to a String cannot fail.
        let _ = write!(to, r#""{name}";r={};t={reset}"#, decision.remaining);
    }

    fn policy(&self, to: &mut String) {
        let (name, quota) = (self.limit.name(), self.quota);
        let window = quota.window.as_secs();
        let _ = write!(to, r#""{name}";q={};w={window}"#, quota.requests);
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::dev::Service;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App, web};

    fn counted(limit: Limit, requests: u32, remaining: u32) -> Option<Counted> {
        Some(Counted {
            limit,
            quota: Quota {
                requests,
                window: Duration::from_secs(60),
            },
            decision: RateDecision {
                allowed: true,
                remaining,
                retry_after: Duration::ZERO,
                reset_after: Duration::from_millis(1_500),
            },
        })
    }

    /// In the order in which they are listed for browsers.
    fn written(counts: Counts) -> Vec<(&'static str, String)> {
        let mut headers = HeaderMap::new();
        counts.write(&mut headers);
        let names = [
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "ratelimit",
            "ratelimit-policy",
        ];
        let text = |name| Some((name, headers.get(name)?.to_str().unwrap().to_owned()));
        names.into_iter().filter_map(text).collect()
    }

    #[test]
    fn the_strict_limit_is_told_first_and_the_general_one_beside_it() {
        let counts = Counts {
            strict: counted(Limit::GameSession, 20, 19),
            general: counted(Limit::Key, 6_000, 5_000),
        };
        let expected = [
            ("x-ratelimit-limit", "20"),
            ("x-ratelimit-remaining", "19"),
            ("ratelimit", r#""game-session";r=19;t=2, "key";r=5000;t=2"#),
            (
                "ratelimit-policy",
                r#""game-session";q=20;w=60, "key";q=6000;w=60"#,
            ),
        ];
        assert_eq!(
            written(counts),
            expected.map(|(field, value)| (field, value.to_owned()))
        );
    }

    #[test]
    fn without_a_strict_limit_the_general_one_is_told_and_without_any_nothing() {
        let counts = Counts {
            strict: None,
            general: counted(Limit::Bearer, 600, 6),
        };
        let fields = written(counts);
        assert_eq!(fields[0].1, "600");
        assert_eq!(fields[3].1, r#""bearer";q=600;w=60"#);
        assert!(written(Counts::default()).is_empty());
    }

    #[actix_web::test]
    async fn a_handler_that_panics_is_told_of_as_well() {
        let handler = || async {
            let kept = counted(Limit::Key, 6_000, 5_999).unwrap();
            keep(kept.limit, kept.quota, kept.decision);
            assert!(kept.quota.requests == 0, "planted");
            "nothing"
        };
        let app = App::new()
            .wrap(from_fn(write_headers))
            .route("/", web::get().to(handler));
        let app = init_service(app).await;
        let request = TestRequest::get().uri("/").to_request();
        let error = app.call(request).await.map(|_| ()).unwrap_err();
        let answer = error.error_response();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers().get("x-ratelimit-limit").unwrap(), "6000");
    }
    #[tokio::test(start_paused = true)]
    async fn an_answer_that_never_comes_is_a_503() {
        let app = App::new()
            .wrap(from_fn(write_headers))
            .route("/", web::get().to(std::future::pending::<String>));
        let app = init_service(app).await;
        let request = TestRequest::get().uri("/").to_request();
        let error = app.call(request).await.map(|_| ()).unwrap_err();
        let answer = error.error_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers().get("retry-after").unwrap(), "5");
    }
}
