//! Headers that mean the same everywhere.

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// A secret holds characters that no header can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds characters that no header can carry")]
pub struct InvalidHeader;

/// `Bearer` and the secret, as a value that never shows in a log. The scheme's case
/// matters to some: `bearer` is a 401.
///
/// # Errors
///
/// [`InvalidHeader`] for line breaks and the like.
pub fn bearer(secret: &SecretString) -> Result<HeaderValue, InvalidHeader> {
    secret_header(&format!("Bearer {}", secret.expose_secret()))
}

/// A value that never shows in a log.
///
/// # Errors
///
/// [`InvalidHeader`] for line breaks and the like.
pub fn secret_header(value: &str) -> Result<HeaderValue, InvalidHeader> {
    let mut value = HeaderValue::from_str(value).map_err(|_shows_it| InvalidHeader)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What `Retry-After` asks for: seconds, or a date after `now` (RFC 9110, section
/// 10.2.3). `None` if it is absent, past or neither. Not bounded: that is for the
/// caller, who knows how long is believable.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now)
            .to_std()
            .ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(text: &'static str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
        let now = DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
        retry_after(&headers, now).map(|pause| pause.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(pause("18"), Some(18));
        assert_eq!(pause("Tue, 14 Nov 2023 22:13:50 GMT"), Some(30));
        assert_eq!(pause("Tue, 14 Nov 2023 22:13:10 GMT"), None);
        assert_eq!(pause("soon"), None);
    }

    #[test]
    fn a_bearer_header_does_not_show_its_secret() {
        let value = bearer(&SecretString::from("s3cret")).expect("a header");
        assert_eq!(value, "Bearer s3cret");
        assert!(!format!("{value:?}").contains("s3cret"));
        assert!(bearer(&SecretString::from("a\r\nb")).is_err());
    }
}
