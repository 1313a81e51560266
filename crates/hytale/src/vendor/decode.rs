//! The vendor's JSON in our words. Unknown fields are ignored.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use std::time::Duration;
use url::Url;

use super::model::{DeviceCode, Jwk, SessionTokens, TokenSet, without_nul};

/// Life of a device code that does not say, in seconds: as the vendor was seen to say. Its
/// guide has 900.
const DEFAULT_CODE_LIFE: u64 = 600;
/// In seconds (RFC 8628, section 3.2).
const DEFAULT_INTERVAL: u64 = 5;
/// Life of an access token that does not say, in seconds: as in the vendor's guide.
const DEFAULT_TOKEN_LIFE: u64 = 3_600;
/// Nothing of the vendor's lives longer; keeps arithmetic with times safe.
const LONGEST_LIFE: u64 = 366 * 24 * 3_600;
/// More keys than anybody publishes.
const MOST_KEYS: usize = 64;

#[derive(Deserialize)]
struct DeviceCodeDto {
    device_code: SecretString,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Option<u64>,
    interval: Option<u64>,
}

pub(super) fn device_code(body: &[u8]) -> Option<DeviceCode> {
    let dto: DeviceCodeDto = serde_json::from_slice(body).ok()?;
    Some(DeviceCode {
        device_code: present(dto.device_code)?,
        user_code: Some(dto.user_code).filter(|code| !code.is_empty())?,
        verification_uri: Some(dto.verification_uri).filter(|uri| is_web(uri))?,
        verification_uri_complete: dto.verification_uri_complete.filter(|uri| is_web(uri)),
        expires_in: seconds(dto.expires_in, DEFAULT_CODE_LIFE),
        interval: seconds(dto.interval, DEFAULT_INTERVAL).max(Duration::from_secs(1)),
    })
}

#[derive(Deserialize)]
struct TokenSetDto {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: Option<u64>,
    #[serde(default)]
    scope: Option<String>,
    token_type: Option<String>,
    id_token: Option<SecretString>,
}

pub(super) fn token_set(body: &[u8]) -> Option<TokenSet> {
    let dto: TokenSetDto = serde_json::from_slice(body).ok()?;
    Some(TokenSet {
        access_token: present(dto.access_token)?,
        refresh_token: dto.refresh_token.and_then(present),
        expires_in: seconds(dto.expires_in, DEFAULT_TOKEN_LIFE),
        scope: dto.scope.map(without_nul).unwrap_or_default(),
        token_type: dto.token_type.unwrap_or_else(|| "bearer".into()),
        id_token: dto.id_token.and_then(present),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionTokensDto {
    session_token: SecretString,
    identity_token: SecretString,
    expires_at: DateTime<Utc>,
}

pub(super) fn session_tokens(body: &[u8]) -> Option<SessionTokens> {
    let dto: SessionTokensDto = serde_json::from_slice(body).ok()?;
    Some(SessionTokens {
        session_token: present(dto.session_token)?,
        identity_token: present(dto.identity_token)?,
        expires_at: dto.expires_at,
    })
}

#[derive(Deserialize)]
struct KeysDto {
    keys: Vec<serde_json::Value>,
}

/// Keys of a kind that we do not know do not spoil the others.
pub(super) fn keys(body: &[u8]) -> Option<Vec<Jwk>> {
    let dto: KeysDto = serde_json::from_slice(body).ok()?;
    let keys = dto.keys.into_iter().take(MOST_KEYS);
    Some(
        keys.filter_map(|key| serde_json::from_value(key).ok())
            .collect(),
    )
}

fn seconds(said: Option<u64>, default: u64) -> Duration {
    Duration::from_secs(said.unwrap_or(default).min(LONGEST_LIFE))
}

fn present(secret: SecretString) -> Option<SecretString> {
    use secrecy::ExposeSecret;
    (!secret.expose_secret().is_empty()).then_some(secret)
}

/// It is shown as a link.
fn is_web(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
