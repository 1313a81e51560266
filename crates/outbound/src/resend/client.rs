//! Asks Resend.

use bytes::Bytes;
use chrono::Utc;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use upstream::HttpSettings;
use url::Url;

use super::judge::judge;
use crate::answer::{Answer, Verdict};
use crate::error::ClientError;
use crate::exchange::{IDLE, exchange};

/// More of an answer is not read, in bytes.
const LARGEST_BODY: usize = 64 << 10;

/// An e-mail. Its JSON is rendered once and kept: a repetition under the same key must be
/// the same to the byte, or it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Email {
    /// `Name <address>`, of a domain that Resend has verified.
    pub from: String,
    /// 1 to 50 addresses.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The body as HTML.
    pub html: String,
    /// The body as plain text.
    pub text: String,
}

/// Sends e-mails. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Resend {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
}

impl Email {
    /// What Resend gets.
    #[must_use]
    pub fn json(&self) -> String {
        #[expect(clippy::expect_used, reason = "it consists of texts")]
        serde_json::to_string(self).expect("an e-mail is JSON")
    }
}

#[derive(Deserialize)]
struct Sent {
    id: String,
}

impl Resend {
    /// A client. `base` is `https://api.resend.com`, or a simulator; `key` is the API key
    /// (`re_…`); `timeout` is for a request with its answer, connection included.
    ///
    /// # Errors
    /// Paths cannot be appended to `base`, the key holds what no header can carry, or the
    /// system's TLS certificates cannot be used.
    pub fn new(base: Url, key: SecretString, timeout: Duration) -> Result<Self, ClientError> {
        upstream::check_base(&base).map_err(ClientError::Address)?;
        let bearer = upstream::bearer(&key).map_err(ClientError::Key)?;
        let http = upstream::client(HttpSettings {
            // Requests without one are blocked.
            user_agent: concat!("nodebyte/", env!("CARGO_PKG_VERSION")),
            headers: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
            request_timeout: timeout,
            idle: Some(IDLE),
            resolver: None,
        })
        .map_err(ClientError::Client)?;
        Ok(Self { http, base, key })
    }

    /// Sends an e-mail, once. `body` is the JSON of an [`Email`].
    ///
    /// `key` has 1 to 256 characters and belongs to the e-mail, not to the attempt: within
    /// 24 h, Resend sends but one e-mail for it. So even after [`Verdict::Unknown`] it is
    /// safe to send the same again for that long.
    pub async fn send(&self, key: &str, body: Bytes) -> Answer {
        let request = self
            .http
            .post(self.url())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(body);
        let (result, took) = exchange(request, LARGEST_BODY).await;
        let reply = match result {
            Ok(reply) => reply,
            Err(silence) => return Answer::silent(&silence, took),
        };
        let verdict = judge(&reply, Utc::now());
        let sent = serde_json::from_slice::<Sent>(&reply.body).ok();
        Answer {
            message_id: sent
                .filter(|_| verdict == Verdict::Delivered)
                .map(|sent| sent.id),
            ..Answer::said(&reply, verdict, took, &[self.key.expose_secret()])
        }
    }

    fn url(&self) -> Url {
        let mut url = self.base.clone();
        // `new` has made sure that there is a path to append to.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("emails");
        }
        url
    }
}
