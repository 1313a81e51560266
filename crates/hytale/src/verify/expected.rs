//! What a token's claims must say, by the kind of token.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::Invalid;
use crate::hosts::Hosts;
use crate::vendor::{CLIENT_ID, Issuer};

/// What clocks may differ by, in seconds.
const TOLERANCE: i64 = 60;
/// The scope of game servers.
const SERVER_SCOPE: &str = "hytale:server";

/// Whether and how `aud` is compared. It is "exact": one value, and this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Whatever it says.
    Any,
    /// This, or none at all.
    IfPresent(String),
    /// This.
    Required(String),
}

/// What is expected of a token.
#[derive(Debug, Clone)]
pub struct Expected {
    issuer: Issuer,
    /// Any of these, to the letter.
    iss: Vec<String>,
    audience: Audience,
    scope: Option<String>,
    subject: Option<Uuid>,
}

impl Expected {
    /// An identity token of a game server.
    #[must_use]
    pub fn identity(hosts: &Hosts) -> Self {
        Self {
            issuer: Issuer::Sessions,
            iss: vec![hosts.session_issuer.clone()],
            audience: Audience::Any,
            scope: Some(SERVER_SCOPE.into()),
            subject: None,
        }
    }

    /// A session token of a game server: the same claims.
    #[must_use]
    pub fn session(hosts: &Hosts) -> Self {
        Self::identity(hosts)
    }

    /// A player's token for joining a server, which is its audience.
    #[must_use]
    pub fn join(hosts: &Hosts, server: impl Into<String>) -> Self {
        Self {
            audience: Audience::Required(server.into()),
            scope: None,
            ..Self::identity(hosts)
        }
    }

    /// The `id_token` of a login, made for our client. Its subject need not be a UUID:
    /// what the vendor puts there is unknown.
    #[must_use]
    pub fn id_token(hosts: &Hosts) -> Self {
        let iss = hosts.oauth_issuer.trim_end_matches('/');
        Self {
            issuer: Issuer::OAuth,
            iss: vec![iss.to_owned(), format!("{iss}/")],
            audience: Audience::Required(CLIENT_ID.into()),
            scope: None,
            subject: None,
        }
    }

    /// Another rule for `aud`.
    #[must_use]
    pub fn with_audience(self, audience: Audience) -> Self {
        Self { audience, ..self }
    }

    /// Another scope that must be among the token's; `None` for any or none.
    #[must_use]
    pub fn with_scope(self, scope: Option<String>) -> Self {
        Self { scope, ..self }
    }

    /// The profile that it must be about.
    #[must_use]
    pub fn with_subject(self, profile: Uuid) -> Self {
        Self {
            subject: Some(profile),
            ..self
        }
    }

    /// Whose keys must have signed it.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        self.issuer
    }

    pub(super) fn check(&self, raw: RawClaims, now: DateTime<Utc>) -> Result<Claims, Invalid> {
        if !raw.iss.is_some_and(|iss| self.iss.contains(&iss)) {
            return Err(Invalid::Issuer);
        }
        let subject = raw
            .sub
            .filter(|sub| !sub.is_empty())
            .ok_or(Invalid::Subject)?;
        let profile = uuid(&subject);
        if profile.is_none() && self.issuer == Issuer::Sessions
            || self.subject.is_some() && profile != self.subject
        {
            return Err(Invalid::Subject);
        }
        let audience_fits = match (&self.audience, &raw.aud) {
            (Audience::Any, _) | (Audience::IfPresent(_), None) => true,
            (Audience::Required(_), None) => false,
            (Audience::IfPresent(one) | Audience::Required(one), Some(aud)) => {
                aud.0 == [one.as_str()]
            }
        };
        if !audience_fits {
            return Err(Invalid::Audience);
        }
        let scope = raw.scope.unwrap_or_default();
        if let Some(needed) = &self.scope
            && !scope.split(' ').any(|one| one == needed)
        {
            return Err(Invalid::Scope);
        }
        let now = now.timestamp();
        let Seconds(expires) = raw.exp.ok_or(Invalid::Expired)?;
        if now >= expires.saturating_add(TOLERANCE) {
            return Err(Invalid::Expired);
        }
        let ahead = |time: &Option<Seconds>| {
            time.as_ref()
                .is_some_and(|Seconds(time)| *time > now.saturating_add(TOLERANCE))
        };
        if ahead(&raw.nbf) || ahead(&raw.iat) {
            return Err(Invalid::NotYet);
        }
        let time = |Seconds(time)| DateTime::from_timestamp(time, 0).ok_or(Invalid::Malformed);
        Ok(Claims {
            profile,
            subject,
            expires_at: time(Seconds(expires))?,
            issued_at: raw.iat.map(time).transpose()?,
            token_id: raw.jti,
            scope,
            audience: raw.aud.unwrap_or_default().0,
            username: raw
                .profile
                .and_then(|profile| profile.username)
                .or(raw.username),
        })
    }
}

/// The hyphenated form only: others would make two spellings of one subject.
fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `sub`, to the letter.
    pub subject: String,
    /// `sub` as a UUID: the profile. Always there but for an `id_token`.
    pub profile: Option<Uuid>,
    /// `exp`.
    pub expires_at: DateTime<Utc>,
    /// `iat`.
    pub issued_at: Option<DateTime<Utc>>,
    /// `jti`.
    pub token_id: Option<String>,
    /// `scope`, separated by spaces; empty if absent.
    pub scope: String,
    /// `aud`; empty if absent.
    pub audience: Vec<String>,
    /// `profile.username`, or `username` in older tokens.
    pub username: Option<String>,
}

/// Claims whose signature holds, and nothing more.
#[derive(Debug, Deserialize)]
pub(super) struct RawClaims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Values>,
    scope: Option<String>,
    exp: Option<Seconds>,
    nbf: Option<Seconds>,
    iat: Option<Seconds>,
    jti: Option<String>,
    username: Option<String>,
    profile: Option<RawProfile>,
}

#[derive(Debug, Deserialize)]
struct RawProfile {
    username: Option<String>,
}

/// One value or a list of them (RFC 7519, section 4.1.3).
#[derive(Debug, Default)]
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            One(String),
            Many(Vec<String>),
        }
        Ok(Self(match Either::deserialize(from)? {
            Either::One(value) => vec![value],
            Either::Many(values) => values,
        }))
    }
}

/// A NumericDate (RFC 7519, section 2), cut to whole seconds.
#[derive(Debug, Clone, Copy)]
struct Seconds(i64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(from)?;
        if let Some(whole) = number.as_i64() {
            return Ok(Self(whole));
        }
        // Beyond four digits of years nothing is a date.
        #[expect(clippy::cast_possible_truncation, reason = "within bounds")]
        number
            .as_f64()
            .filter(|value| value.abs() < 1e12)
            .map(|value| Self(value.floor() as i64))
            .ok_or_else(|| serde::de::Error::custom("no date"))
    }
}
