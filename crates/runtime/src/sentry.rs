//! Error reports to Sentry, where a DSN is set. Nothing leaves the process that
//! could let its reader in: see [`scrub`].

use std::borrow::Cow;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{Condition, Next};
use futures_util::future::LocalBoxFuture;
use secrecy::ExposeSecret;
use sentry::protocol::{Event, SpanStatus, Value};
use sentry::{ClientInitGuard, ClientOptions, Hub, TransactionContext};

use crate::config::Config;

/// How long the end of a process may wait for reports under way.
pub const FLUSH: Duration = Duration::from_secs(5);

const REDACTED: &str = "[redacted]";

/// Keeps reporting alive; dropped, it sends what waits, for at most [`FLUSH`].
#[must_use = "reporting ends when this is dropped"]
pub struct Reporting(Option<ClientInitGuard>);

impl Reporting {
    /// Whether reports are sent.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.as_ref().is_some_and(|guard| guard.is_enabled())
    }
}

/// Starts reporting, or does nothing where no DSN is set. The TLS provider must be
/// installed before.
pub fn start(config: &Config, service: &'static str) -> Reporting {
    let Some(dsn) = &config.sentry.dsn else {
        return Reporting(None);
    };
    let options = ClientOptions::new()
        .dsn(dsn.expose_secret())
        .release(concat!("nodebyte@", env!("CARGO_PKG_VERSION")))
        .environment(config.environment.as_str())
        .server_name(service)
        .traces_sample_rate(config.sentry.traces_sample_rate)
        .send_default_pii(false)
        .shutdown_timeout(FLUSH)
        .before_send(|event| Some(scrub(event)));
    Reporting(Some(sentry::init(options)))
}

/// Whether anything is reported from this process.
#[must_use]
pub fn is_on() -> bool {
    Hub::main()
        .client()
        .is_some_and(|client| client.is_enabled())
}

/// The middleware that gives each request its own reports, where any are sent: what they
/// would say is put together for each request, whether it is needed or not. Errors are not captured
/// here: the access log says them, and with them their cause. Nor are requests traced here:
/// that trace would hold the whole request, and unlike a report it leaves without being
/// scrubbed; [`trace`] puts nothing into it that could let its reader in.
pub fn middleware() -> Condition<sentry_actix::Sentry> {
    let middleware = sentry_actix::Sentry::builder()
        .start_transaction(false)
        .capture_server_errors(false)
        .finish();
    Condition::new(is_on(), middleware)
}

/// Traces a request, by its method and the pattern of its route: neither query nor header,
/// nor what stands in the path. A trace that the caller has begun is not gone on with, since
/// whoever asks would decide then what is sampled. Wrap it within [`middleware`].
///
/// A box, so that requests are no larger where none is traced.
///
/// # Errors
/// Those of the service within.
pub fn trace<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> LocalBoxFuture<'static, Result<ServiceResponse<B>, actix_web::Error>> {
    Box::pin(traced(request, next))
}

async fn traced<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let pattern = request.match_pattern();
    let name = format!("{} {}", request.method(), pattern.as_deref().unwrap_or("*"));
    let context = TransactionContext::new(&name, "http.server");
    let transaction = sentry::start_transaction(context);
    // What is reported meanwhile belongs to it.
    sentry::configure_scope(|scope| scope.set_span(Some(transaction.clone().into())));
    let answer = next.call(request).await;
    let status = match &answer {
        Ok(answer) => answer.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    transaction.set_data("http.response.status_code", status.as_u16().into());
    transaction.set_status(outcome(status));
    transaction.finish();
    answer
}

fn outcome(status: StatusCode) -> SpanStatus {
    match status {
        StatusCode::UNAUTHORIZED => SpanStatus::Unauthenticated,
        StatusCode::FORBIDDEN => SpanStatus::PermissionDenied,
        StatusCode::NOT_FOUND => SpanStatus::NotFound,
        StatusCode::TOO_MANY_REQUESTS => SpanStatus::ResourceExhausted,
        StatusCode::CONFLICT => SpanStatus::AlreadyExists,
        StatusCode::SERVICE_UNAVAILABLE => SpanStatus::Unavailable,
        status if status.is_client_error() => SpanStatus::InvalidArgument,
        status if status.is_server_error() => SpanStatus::InternalError,
        _ => SpanStatus::Ok,
    }
}

/// Takes out of a report what nobody but its owner may read: credentials in
/// headers, cookies, bodies, secret query parameters, and extras named like
/// secrets.
#[must_use]
pub fn scrub(mut event: Event<'static>) -> Event<'static> {
    if let Some(request) = &mut event.request {
        for (name, value) in &mut request.headers {
            if is_secret_name(name) {
                REDACTED.clone_into(value);
            }
        }
        request.cookies = None;
        request.data = None;
        if let Some(query) = &mut request.query_string {
            *query = scrub_query(query);
        }
        if let Some(url) = &mut request.url
            && let Some(query) = url.query().map(scrub_query)
        {
            url.set_query(Some(&query));
        }
    }
    scrub_values(event.extra.iter_mut());
    for crumb in &mut event.breadcrumbs.values {
        scrub_values(crumb.data.iter_mut());
    }
    event
}

fn scrub_values<'a>(values: impl Iterator<Item = (&'a String, &'a mut Value)>) {
    for (name, value) in values {
        if is_secret_name(name) {
            *value = Value::from(REDACTED);
        }
    }
}

/// A query with the values of its secret parameters replaced.
fn scrub_query(query: &str) -> String {
    query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret_name(name) => Cow::from(format!("{name}={REDACTED}")),
            _ => Cow::from(pair),
        })
        .collect::<Vec<_>>()
        .join("&")
}

/// Whether a header, parameter or field of this name holds a credential.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    [
        "authorization",
        "cookie",
        "token",
        "secret",
        "password",
        "api_key",
        "apikey",
        "credential",
        "device_code",
        "user_code",
    ]
    .iter()
    .any(|word| name.contains(word))
}
