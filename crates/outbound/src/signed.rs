//! Signed requests to any endpoint (Standard Webhooks).

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::crypto::webhook_signature::{SigningSecret, sign};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use secrecy::ExposeSecret;
use std::cmp::Reverse;
use std::time::Duration;
use upstream::{Guard, HttpSettings};
use url::Url;

use crate::answer::{Answer, LimitScope, Verdict};
use crate::endpoint::{self, UrlRefused};
use crate::error::ClientError;
use crate::exchange::{IDLE, Reply, exchange};

/// More of an answer is not read, in bytes.
const LARGEST_BODY: usize = 64 << 10;
/// After a 429 that does not say how long.
const USUAL_WAIT: Duration = Duration::from_secs(60);
/// A part of a URL of this length is taken for a secret, in characters.
const SHORTEST_SECRET: usize = 8;
/// Of a path so many ends are hidden at most: each answer is searched for each of them.
const MOST_ENDS: usize = 16;

/// Sends signed requests. Clones share their connections.
#[derive(Debug, Clone)]
pub struct SignedHttp {
    http: reqwest::Client,
    guard: Guard,
}

impl SignedHttp {
    /// A client that goes where `guard` lets it. `timeout` is for a request with its
    /// answer, name and connection included; 10 s are usual. With 5 s or less, a connection
    /// that does not come in time counts as an answer that does not.
    ///
    /// # Errors
    /// The system's TLS certificates cannot be used.
    pub fn new(guard: Guard, timeout: Duration) -> Result<Self, ClientError> {
        let http = upstream::client(HttpSettings {
            user_agent: concat!("NodeByte-Webhooks/", env!("CARGO_PKG_VERSION")),
            headers: HeaderMap::new(),
            request_timeout: timeout,
            idle: Some(IDLE),
            resolver: Some(guard.resolver()),
        })
        .map_err(ClientError::Client)?;
        Ok(Self { http, guard })
    }

    /// Whether a URL can be an endpoint: `https` or `http`, a host, no user, password and
    /// fragment. An address in place of a name is judged by the guard; a name only when it
    /// is dialled.
    ///
    /// # Errors
    /// Why not: a sentence for people, and a code.
    pub fn check(&self, url: &Url) -> Result<(), UrlRefused> {
        endpoint::check(&self.guard, url)
    }

    /// Sends a CloudEvent in structured JSON, once.
    ///
    /// `secrets` are at least one; while one is being replaced two, the newer first. `id`
    /// is the event's, the same in every attempt; `now` the time of this attempt.
    pub async fn post(
        &self,
        url: &Url,
        secrets: &[SigningSecret],
        id: &str,
        body: Bytes,
        now: DateTime<Utc>,
    ) -> Answer {
        if let Err(refused) = self.check(url) {
            let verdict = Verdict::Misconfigured(refused.code());
            return Answer::unasked(verdict, refused.to_string(), Duration::ZERO);
        }
        if secrets.is_empty() {
            let verdict = Verdict::Misconfigured("SIGNING_SECRET_MISSING");
            let why = "there is no secret to sign with".to_owned();
            return Answer::unasked(verdict, why, Duration::ZERO);
        }
        let signature = sign(id, now.timestamp(), &body, secrets);
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/cloudevents+json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.timestamp())
            .header("webhook-signature", signature)
            .body(body);
        let (result, took) = exchange(request, LARGEST_BODY).await;
        match result {
            Ok(reply) => {
                let hidden = hidden(url, secrets);
                let hidden: Vec<&str> = hidden.iter().map(String::as_str).collect();
                Answer::said(&reply, judge(&reply, now), took, &hidden)
            }
            Err(silence) => Answer::silent(&silence, took),
        }
    }
}

/// What an endpoint may say back to us and nobody should read: the secrets, and what of a
/// URL usually is one.
fn hidden(url: &Url, secrets: &[SigningSecret]) -> Vec<String> {
    let signing = secrets.iter().flat_map(|secret| {
        let text = secret.text().expose_secret();
        let bare = text.split_once('_').map_or(text, |(_, bare)| bare);
        [text.to_owned(), bare.to_owned()]
    });
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    let pairs = url.query().into_iter().flat_map(|query| query.split('&'));
    let raw = pairs.filter_map(|pair| pair.split_once('=').map(|(_, value)| value.to_owned()));
    let path = url.path_segments().into_iter().flatten();
    let long = path
        .filter(|part| part.len() >= SHORTEST_SECRET)
        .map(str::to_owned);
    // A value of a letter or two is no secret, and masking it would leave no word whole.
    let query = values.chain(raw).filter(|part| part.chars().count() > 3);
    // Many repeat it to those who ask for what is not there.
    let path = url.path().trim_end_matches('/');
    let mut ends: Vec<&str> = path
        .rmatch_indices('/')
        .take(MOST_ENDS)
        .map(|(at, _)| &path[at..])
        .chain([path])
        .filter(|end| end.len() > 4)
        .collect();
    ends.sort_by_key(|end| Reverse(end.len()));
    let ends = ends.into_iter().map(str::to_owned);
    let mut all: Vec<String> = signing
        .chain(query)
        .chain(url.query().map(str::to_owned))
        .chain(ends.chain(long).flat_map(|part| [decoded(&part), part]))
        .collect();
    // Some write slashes into JSON as `\/`.
    let slashed = all.iter().filter(|it| it.contains('/'));
    let slashed: Vec<String> = slashed.map(|it| it.replace('/', "\\/")).collect();
    all.extend(slashed);
    all
}

/// A part of a path without its percent signs.
fn decoded(part: &str) -> String {
    let literal = part
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(literal.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

/// What a status means. `410` is the way to say "never again" (Standard Webhooks, "Endpoint
/// has been removed").
fn judge(reply: &Reply, now: DateTime<Utc>) -> Verdict {
    let retry_after = reply.retry_after(now);
    match reply.status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone("GONE"),
        413 => Verdict::Refused {
            permanent: true,
            retry_after: None,
        },
        429 => Verdict::Limited {
            wait: retry_after.unwrap_or(USUAL_WAIT),
            scope: LimitScope::Endpoint,
        },
        300..=499 => Verdict::Refused {
            permanent: false,
            retry_after,
        },
        _ => Verdict::Failed { retry_after },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::excerpt::excerpt;

    #[test]
    fn secrets_of_an_address_are_masked_however_they_are_written() {
        let url: Url = "https://a.example/hooks/long%2Fpart+of=the%20path?key=ab%2Fcdef"
            .parse()
            .unwrap();
        let hidden = hidden(&url, &[]);
        let hidden: Vec<&str> = hidden.iter().map(String::as_str).collect();
        for said in [
            "ab/cdef",
            r"ab\/cdef",
            "ab%2Fcdef",
            "long%2Fpart+of=the%20path",
            "long/part+of=the path",
            r"long\/part+of=the path",
        ] {
            assert_eq!(excerpt(said.as_bytes(), &hidden), "****", "{said}");
        }
    }
}
