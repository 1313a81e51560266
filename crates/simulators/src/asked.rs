//! A request as Discord, Resend and somebody's endpoint look at it.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use actix_web::{HttpRequest, web::Bytes};

/// A request with its body.
#[derive(Clone, Debug)]
pub struct Asked {
    /// HTTP method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Query, empty where there is none.
    pub query: String,
    /// Headers, names in lower case; of several with one name the last. Those that are no text are left out.
    pub headers: BTreeMap<String, String>,
    /// Body, byte by byte.
    pub body: Bytes,
    /// Who asks.
    pub from: IpAddr,
}

impl Asked {
    /// Reads a request whose body has been read already.
    pub fn of(request: &HttpRequest, body: Bytes) -> Self {
        let headers = request.headers().iter().filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        Self {
            method: request.method().as_str().to_owned(),
            path: request.uri().path().to_owned(),
            query: request.query_string().to_owned(),
            headers: headers.collect(),
            body,
            from: request
                .peer_addr()
                .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip()),
        }
    }

    /// A header that is not empty, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The media type of its body, without parameters and in lower case.
    pub fn media_type(&self) -> Option<String> {
        let media_type = self.header("content-type")?.split(';').next()?;
        Some(media_type.trim().to_ascii_lowercase())
    }

    /// A field of the query.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut fields = url::form_urlencoded::parse(self.query.as_bytes());
        fields.find_map(|(field, value)| (field == name).then(|| value.into_owned()))
    }
}
