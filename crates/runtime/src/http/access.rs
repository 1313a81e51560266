//! One line and one figure for each request. The line holds the path and never
//! the query; credentials only as a fingerprint.

use std::error::Error;
use std::net::IpAddr;
use std::time::Instant;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use slog::{Drain, KV, Key, Level, Logger, Record, Serializer, debug, error, info};

use super::client_key;
use super::figures::Figures;
use super::request_id;
use crate::error_chain::ErrorChain;

/// What is known of a request before it is answered.
pub(super) struct Access {
    started: Instant,
    method: Method,
    uri: Uri,
    client: Option<IpAddr>,
    credential: Option<HeaderValue>,
}

/// How it ended, as the log says it.
struct Line<'a> {
    access: &'a Access,
    milliseconds: f64,
    status: StatusCode,
    cause: Option<&'a (dyn Error + 'static)>,
}

impl Access {
    pub(super) fn begin(request: &ServiceRequest, caller: Option<IpAddr>) -> Self {
        let headers = request.headers();
        let credential = headers
            .get("x-api-key")
            .or_else(|| headers.get(AUTHORIZATION));
        Self {
            started: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            client: caller,
            credential: credential.cloned(),
        }
    }

    /// Says how it ended. `route` is the pattern that matched, so that figures do
    /// not grow with every id in a path.
    pub(super) fn end(
        self,
        log: &Logger,
        figures: &Figures,
        route: Option<String>,
        status: StatusCode,
        cause: Option<&(dyn Error + 'static)>,
    ) {
        let elapsed = self.started.elapsed();
        figures.count(known_method(&self.method), route, status, elapsed);
        let level = if is_probe(self.uri.path()) {
            Level::Debug
        } else if status.is_server_error() {
            Level::Error
        } else {
            Level::Info
        };
        // A line that nobody wants costs nothing.
        if !Drain::is_enabled(log, level) {
            return;
        }
        let line = Line {
            access: &self,
            milliseconds: elapsed.as_secs_f64() * 1000.0,
            status,
            cause,
        };
        let log = request_id::logger(log);
        match level {
            Level::Debug => debug!(log, "request"; line),
            Level::Error => error!(log, "request"; line),
            _ => info!(log, "request"; line),
        }
    }
}

impl KV for Line<'_> {
    fn serialize(&self, _: &Record<'_>, to: &mut dyn Serializer) -> slog::Result {
        let access = self.access;
        if let Some(cause) = self.cause {
            to.emit_str(Key::from("cause"), &ErrorChain(cause).to_string())?;
        }
        if let Some(credential) = &access.credential {
            let fingerprint = client_key::fingerprint(credential.as_bytes());
            to.emit_str(Key::from("credential"), &fingerprint)?;
        }
        to.emit_str(Key::from("method"), access.method.as_str())?;
        to.emit_str(Key::from("path"), access.uri.path())?;
        to.emit_u16(Key::from("status"), self.status.as_u16())?;
        to.emit_f64(Key::from("milliseconds"), self.milliseconds)?;
        match access.client {
            Some(client) => to.emit_arguments(Key::from("client"), &format_args!("{client}")),
            None => to.emit_str(Key::from("client"), ""),
        }
    }
}

/// Probes come every few seconds and say nothing while all is well; a 503 already
/// has its own line from whoever found something away.
fn is_probe(path: &str) -> bool {
    path.starts_with("/health") || path == "/metrics"
}

/// Callers can invent methods; figures take only those that exist (RFC 9110).
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
