//! One line and one figure for each request. The line holds the path and never
//! the query; credentials only as a fingerprint.

use std::error::Error;
use std::net::IpAddr;
use std::time::Instant;

use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use slog::{Logger, debug, error, info, o};

use super::client_key;
use crate::error_chain::ErrorChain;

/// What is known of a request before it is answered.
pub(super) struct Access {
    started: Instant,
    method: String,
    path: String,
    client: String,
    credential: Option<String>,
}

impl Access {
    pub(super) fn begin(request: &ServiceRequest, caller: Option<IpAddr>) -> Self {
        let headers = request.headers();
        let credential = headers
            .get("x-api-key")
            .or_else(|| headers.get(AUTHORIZATION))
            .map(|value| client_key::fingerprint(value.as_bytes()));
        Self {
            started: Instant::now(),
            method: request.method().to_string(),
            path: request.path().to_owned(),
            client: caller.map_or_else(String::new, |caller| caller.to_string()),
            credential,
        }
    }

    /// Says how it ended. `route` is the pattern that matched, so that figures do
    /// not grow with every id in a path.
    pub(super) fn end(
        self,
        log: &Logger,
        route: Option<String>,
        status: StatusCode,
        cause: Option<&(dyn Error + 'static)>,
    ) {
        let elapsed = self.started.elapsed();
        let route = route.unwrap_or_else(|| "unmatched".to_owned());
        let labels = [
            ("method", known_method(&self.method).to_owned()),
            ("route", route),
            ("status", status.as_u16().to_string()),
        ];
        ::metrics::counter!("nodebyte_http_requests_total", &labels).increment(1);
        ::metrics::histogram!("nodebyte_http_request_duration_seconds", &labels)
            .record(elapsed.as_secs_f64());

        let log = log.new(o!(
            "client" => self.client,
            "milliseconds" => elapsed.as_secs_f64() * 1000.0,
            "status" => status.as_u16(),
            "path" => self.path.clone(),
            "method" => self.method,
        ));
        let log = match self.credential {
            Some(credential) => log.new(o!("credential" => credential)),
            None => log,
        };
        let log = match cause {
            Some(cause) => log.new(o!("cause" => ErrorChain(cause).to_string())),
            None => log,
        };
        if is_probe(&self.path) {
            debug!(log, "request");
        } else if status.is_server_error() {
            error!(log, "request");
        } else {
            info!(log, "request");
        }
    }
}

/// Probes come every few seconds and say nothing while all is well; a 503 already
/// has its own line from whoever found something away.
fn is_probe(path: &str) -> bool {
    path.starts_with("/health") || path == "/metrics"
}

/// Callers can invent methods; figures take only those that exist (RFC 9110).
fn known_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}
