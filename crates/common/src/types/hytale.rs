//! Words about Hytale that several crates share.

use super::sync::UnknownName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Which of Hytale's two worlds is spoken to. Nothing of one is ever used in the
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HytaleEnvironment {
    /// `hytale.com`.
    Production,
    /// `arcanitegames.ca`.
    Staging,
}

impl HytaleEnvironment {
    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
        }
    }
}

impl fmt::Display for HytaleEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for HytaleEnvironment {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        [Self::Production, Self::Staging]
            .into_iter()
            .find(|environment| environment.as_str() == text)
            .ok_or_else(|| UnknownName {
                what: "Hytale environment",
                given: text.to_owned(),
                known: "production, staging".to_owned(),
            })
    }
}

/// A Hytale account in custody: Hytale's id of it, in one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HytaleAccount {
    /// Where it exists.
    pub environment: HytaleEnvironment,
    /// Hytale's id, the `owner` of get-profiles.
    pub id: Uuid,
}

impl fmt::Display for HytaleAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.environment, self.id)
    }
}

/// A game profile of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HytaleProfile {
    /// Hytale's id; another one than the account's.
    pub uuid: Uuid,
    /// The name that players see.
    pub username: String,
}

/// What an audit line tells of. These eight are the specification's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HytaleAuditEvent {
    /// A login brought tokens.
    TokenCreated,
    /// A refresh token was spent for a new one.
    TokenRefreshed,
    /// Tokens were erased.
    TokenDeleted,
    /// A login or refresh was refused.
    AuthFailed,
    /// A game session began.
    SessionCreated,
    /// A game session got new tokens.
    SessionRefreshed,
    /// A game session ended.
    SessionDeleted,
    /// A profile was chosen for later sessions.
    ProfileSelected,
}

impl HytaleAuditEvent {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::TokenCreated,
        Self::TokenRefreshed,
        Self::TokenDeleted,
        Self::AuthFailed,
        Self::SessionCreated,
        Self::SessionRefreshed,
        Self::SessionDeleted,
        Self::ProfileSelected,
    ];

    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokenCreated => "TOKEN_CREATED",
            Self::TokenRefreshed => "TOKEN_REFRESHED",
            Self::TokenDeleted => "TOKEN_DELETED",
            Self::AuthFailed => "AUTH_FAILED",
            Self::SessionCreated => "SESSION_CREATED",
            Self::SessionRefreshed => "SESSION_REFRESHED",
            Self::SessionDeleted => "SESSION_DELETED",
            Self::ProfileSelected => "PROFILE_SELECTED",
        }
    }
}

impl FromStr for HytaleAuditEvent {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|event| event.as_str() == text)
            .ok_or_else(|| UnknownName {
                what: "audit event",
                given: text.to_owned(),
                known: Self::ALL.map(Self::as_str).join(", "),
            })
    }
}
