//! An answer before it is sent, and what becomes of it on the wire.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use serde::Serialize;

use crate::serve;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body; none where there is no body.
    pub content_type: Option<&'static str>,
    /// Headers beside it.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A JSON answer.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self {
                content_type: Some("application/json"),
                body,
                ..Self::empty(status)
            },
            Err(error) => Self {
                content_type: Some("text/plain"),
                body: error.to_string().into_bytes(),
                ..Self::empty(500)
            },
        }
    }

    /// JSON that ends in the middle.
    pub fn garbage(status: u16) -> Self {
        Self {
            content_type: Some("application/json"),
            body: br#"{"id": "12"#.to_vec(),
            ..Self::empty(status)
        }
    }

    /// The page of the proxy that stands before Discord and Resend, with its own number of the error.
    pub fn cloudflare(status: u16, code: u16) -> Self {
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en-US\"><head><title>Access denied</title></head>\
             <body><h1>Error {code}</h1><p>error code: {code}</p></body></html>\n"
        );
        Self {
            content_type: Some("text/html; charset=UTF-8"),
            headers: vec![("Server", "cloudflare".to_owned())],
            body: page.into_bytes(),
            ..Self::empty(status)
        }
    }

    /// A status for which the answer is somewhere else.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::empty(status).with("Location", location)
    }

    /// Nothing but a status.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is sent after this time.
    After(Duration),
    /// The connection is reset instead.
    Reset,
    /// Nothing is ever sent.
    Never,
}

impl Delivery {
    /// It is sent at once.
    pub const AT_ONCE: Self = Self::After(Duration::ZERO);
}

/// Does with an answer what is to become of it.
pub async fn deliver(request: &HttpRequest, reply: Reply, delivery: Delivery) -> HttpResponse {
    match delivery {
        Delivery::After(silence) if silence.is_zero() => {}
        Delivery::After(silence) => tokio::time::sleep(silence).await,
        Delivery::Reset => return serve::reset(request),
        Delivery::Never => std::future::pending().await,
    }
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if let Some(content_type) = reply.content_type {
        response.content_type(content_type);
    }
    for (name, value) in reply.headers {
        response.insert_header((name, value));
    }
    response.body(reply.body)
}
