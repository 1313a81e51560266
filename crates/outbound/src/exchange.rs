//! One request and what came back, whoever was asked.

use chrono::{DateTime, Utc};
use common::dial::Undialable;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use std::error::Error;
use std::io;
use std::time::{Duration, Instant};
use upstream::Transport;

use crate::answer::RateState;

/// Nobody who asks for a longer pause is believed.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3_600);
/// Unused connections are closed by us before most servers do: what is sent on one that is
/// just closing is lost.
pub(crate) const IDLE: Duration = Duration::from_secs(15);

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// As much of it as came in time and below the cap.
    pub(crate) body: Vec<u8>,
}

/// Why nothing came back. Shown, it is a sentence that holds nothing of the address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silence {
    /// The guard refused all addresses of the name.
    #[error("the address is not allowed: {0}")]
    Barred(Undialable),
    /// The request surely did not arrive.
    #[error("{0}")]
    NotSent(String),
    /// The request may have arrived.
    #[error("{0}")]
    Lost(String),
}

/// Sends the request and reads up to `cap` bytes of the answer; and how long that took.
///
/// The status line is the answer: a body that breaks off afterwards changes nothing.
pub(crate) async fn exchange(
    request: RequestBuilder,
    cap: usize,
) -> (Result<Reply, Silence>, Duration) {
    let begun = Instant::now();
    let result = match request.send().await {
        Ok(response) => Ok(Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: beginning(response, cap).await,
        }),
        Err(error) => Err(error.into()),
    };
    (result, begun.elapsed())
}

async fn beginning(mut response: Response, cap: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < cap {
        let Ok(Some(chunk)) = response.chunk().await else {
            break;
        };
        let room = cap - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    body
}

impl From<reqwest::Error> for Silence {
    fn from(error: reqwest::Error) -> Self {
        if let Some(kind) = cause::<Undialable>(&error) {
            return Self::Barred(*kind);
        }
        let unresolved = error.is_dns();
        let transport = Transport::from(error);
        let sentence = transport.to_string();
        match transport {
            Transport::NotSent(_) if unresolved => {
                Self::NotSent(format!("{sentence}: the name has no address"))
            }
            Transport::NotSent(error) => Self::NotSent(match cause::<io::Error>(&error) {
                // The kind's own words: what it wraps may be anything.
                Some(io) if io.raw_os_error().is_some() => format!("{sentence}: {}", io.kind()),
                _ => sentence,
            }),
            _ => Self::Lost(sentence),
        }
    }
}

fn cause<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

impl Reply {
    /// `Retry-After`, at most a day.
    pub(crate) fn retry_after(&self, now: DateTime<Utc>) -> Option<Duration> {
        upstream::retry_after(&self.headers, now).map(|pause| pause.min(LONGEST_PAUSE))
    }

    /// The header's text, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset-After` as Discord has them, or
    /// `RateLimit-Limit`, `-Remaining` and `-Reset` of the IETF's draft 6; resets in seconds,
    /// with decimals. Where all three are there.
    pub(crate) fn rate(&self) -> Option<RateState> {
        let read = |limit, remaining, reset| {
            Some(RateState {
                limit: self.header(limit)?.parse().ok()?,
                remaining: self.header(remaining)?.parse().ok()?,
                reset_after: seconds(self.header(reset)?.parse().ok()?)?,
            })
        };
        read(
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset-after",
        )
        .or_else(|| read("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"))
    }
}

/// A number of seconds as a pause of at most a day; `None` if it is none.
pub(crate) fn seconds(number: f64) -> Option<Duration> {
    (number >= 0.0).then(|| Duration::from_secs_f64(number.min(LONGEST_PAUSE.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(headers: &[(&'static str, &'static str)]) -> Reply {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Reply {
            status: 200,
            headers: headers.collect(),
            body: Vec::new(),
        }
    }

    #[test]
    fn the_rate_is_known_where_all_three_headers_are() {
        let rate = reply(&[
            ("X-RateLimit-Limit", "5"),
            ("X-RateLimit-Remaining", "0"),
            ("X-RateLimit-Reset-After", "1.25"),
        ])
        .rate()
        .unwrap();
        assert_eq!((rate.limit, rate.remaining), (5, 0));
        assert_eq!(rate.reset_after, Duration::from_millis(1_250));
        assert_eq!(reply(&[("X-RateLimit-Limit", "5")]).rate(), None);
    }

    #[test]
    fn no_pause_is_believed_beyond_a_day() {
        let day = Some(LONGEST_PAUSE);
        assert_eq!(
            reply(&[("Retry-After", "864000")]).retry_after(Utc::now()),
            day
        );
        assert_eq!(seconds(f64::INFINITY), day);
        assert_eq!(seconds(0.5), Some(Duration::from_millis(500)));
        assert_eq!(seconds(-1.0), None);
        assert_eq!(seconds(f64::NAN), None);
    }
}
