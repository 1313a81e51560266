//! What an HTTP answer means, by its status and the panel's error body.

use chrono::{DateTime, Utc};
use common::seams::RateHeaders;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use std::time::Duration;

use crate::error::PanelError;

/// How long a 429 without `Retry-After` counts: a whole window.
const DEFAULT_BLOCK: Duration = Duration::from_secs(60);
/// "At once" is what was refused a moment ago.
const SHORTEST_BLOCK: Duration = Duration::from_secs(1);
/// No panel's window is longer; whatever asks for more is not believed.
const LONGEST_BLOCK: Duration = Duration::from_secs(3_600);

/// The panel's `{"errors":[{"code","status","detail"}]}`.
#[derive(Debug, Deserialize)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
}

#[derive(Debug, Default, Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

/// The error that an answer other than 2xx and 429 stands for.
pub(super) fn refusal(status: StatusCode, body: &[u8], permission: &'static str) -> PanelError {
    let entry = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => body.errors.into_iter().next(),
        // Half a refusal could be any: a 404 counts only when it came whole.
        Err(error) if error.is_eof() && !body.is_empty() && status.is_client_error() => {
            return PanelError::Malformed(format!("a refusal that is cut off (status {status})"));
        }
        Err(_) => None,
    };
    let code = entry.as_ref().map_or("", |entry| entry.code.as_str());
    let unauthorized = |why| PanelError::Unauthorized {
        status: status.as_u16(),
        why,
    };
    match status.as_u16() {
        300..=399 => unauthorized("it sends us to another page"),
        400 if code == "TwoFactorAuthRequiredException" => {
            unauthorized("its owner has to turn two-factor authentication on")
        }
        401 => unauthorized("missing, wrong or expired"),
        403 => match &entry {
            Some(entry) if entry.detail.starts_with("This action is unauthorized") => {
                PanelError::Forbidden { permission }
            }
            Some(entry) if entry.detail.starts_with("This IP address") => {
                unauthorized("it may not be used from this IP address")
            }
            Some(_) => unauthorized("it or its owner may not use this API"),
            None => unauthorized("something before the panel refuses us"),
        },
        404 => not_found(entry.as_ref()),
        409 => PanelError::StateConflict,
        // Asked while its database is away, the panel cannot even check the key.
        500 if matches!(code, "QueryException" | "PDOException") => {
            PanelError::offline("its database does not answer")
        }
        502 | 504 if code == "DaemonConnectionException" => PanelError::DaemonUnreachable,
        500 => PanelError::ServerError {
            code: shown(entry.as_ref()),
        },
        503 => PanelError::offline("maintenance or overload (status 503)"),
        // 520 to 530 are Cloudflare's words for an origin that is not there.
        502 | 504 | 520..=530 => {
            PanelError::offline(format!("a gateway cannot reach it (status {status})"))
        }
        other => PanelError::Unexpected {
            status: other,
            code: shown(entry.as_ref()),
        },
    }
}

/// Only the panel's own word on a row counts: a missing route or another
/// program's 404 says nothing about it.
fn not_found(entry: Option<&ErrorEntry>) -> PanelError {
    match entry {
        Some(ErrorEntry { code, detail })
            if matches!(
                code.as_str(),
                "NotFoundHttpException" | "ModelNotFoundException"
            ) && !detail.starts_with("The route ") =>
        {
            PanelError::NotFound
        }
        Some(_) => PanelError::NoSuchAddress("the panel has no such route"),
        None => PanelError::NoSuchAddress("a 404 that is not the panel's own"),
    }
}

/// An exception class fit for a log: short, and nothing but a name.
fn shown(entry: Option<&ErrorEntry>) -> String {
    let Some(entry) = entry else {
        return "no error body".into();
    };
    entry
        .code
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '\\'))
        .take(80)
        .collect()
}

/// `X-RateLimit-Limit` and `X-RateLimit-Remaining`, which every answer to a known
/// key carries.
pub(super) fn rate_headers(headers: &HeaderMap) -> Option<RateHeaders> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    Some(RateHeaders {
        limit: number("x-ratelimit-limit")?,
        remaining: number("x-ratelimit-remaining")?,
    })
}

/// Until when a 429 forbids everything: `Retry-After`, within reason.
pub(super) fn blocked_until(headers: &HeaderMap, now: DateTime<Utc>) -> DateTime<Utc> {
    now + upstream::retry_after(headers, now)
        .unwrap_or(DEFAULT_BLOCK)
        .clamp(SHORTEST_BLOCK, LONGEST_BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderValue, RETRY_AFTER};

    fn block_of(retry_after: &'static str) -> i64 {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after));
        let now = DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
        (blocked_until(&headers, now) - now).num_seconds()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        assert_eq!(block_of("18"), 18);
        assert_eq!(block_of("Tue, 14 Nov 2023 22:13:50 GMT"), 30);
        assert_eq!(block_of("soon"), 60);
        assert_eq!(block_of("99999999999"), 3_600);
        assert_eq!(block_of("0"), 1);
    }

    #[test]
    fn an_exception_class_is_cut_to_a_name() {
        let entry = ErrorEntry {
            code: format!("Bad<script>{}", "x".repeat(200)),
            detail: String::new(),
        };
        let shown = shown(Some(&entry));
        assert_eq!(shown.len(), 80);
        assert!(shown.starts_with("Badscript"));
    }
}
