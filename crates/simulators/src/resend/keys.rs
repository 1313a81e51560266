//! Keys, and what they are good for.

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// What a key may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everything.
    #[default]
    Full,
    /// Send, from any domain or from one.
    Sending {
        /// The only domain.
        #[serde(default)]
        domain: Option<String>,
    },
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The key itself.
    pub key: String,
    /// What it may do.
    #[serde(default)]
    pub access: Access,
    /// Whether it was suspended.
    #[serde(default)]
    pub suspended: bool,
}

impl ApiKey {
    /// A key that may do everything.
    pub fn full(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            access: Access::Full,
            suspended: false,
        }
    }

    /// A key that may only send.
    pub fn sending(key: &str) -> Self {
        Self {
            access: Access::Sending { domain: None },
            ..Self::full(key)
        }
    }

    /// The key that an `Authorization` header names.
    pub(super) fn find(keys: &[Self], authorization: Option<&str>) -> Result<Self, Refusal> {
        let (scheme, told) = authorization
            .and_then(|header| header.split_once(' '))
            .unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") || told.trim().is_empty() {
            return Err(Refusal::new(401, "missing_api_key", "There is no API key."));
        }
        let key = keys.iter().find(|key| key.key == told.trim());
        let key = key.ok_or(Refusal::new(
            403,
            "invalid_api_key",
            "The API key is not valid.",
        ))?;
        if key.suspended {
            let message = "The API key is suspended.";
            return Err(Refusal::new(403, "suspended_api_key", message));
        }
        Ok(key.clone())
    }

    /// Whether it may send from a domain.
    pub(super) fn sends_from(&self, domain: &str) -> bool {
        match &self.access {
            Access::Full | Access::Sending { domain: None } => true,
            Access::Sending { domain: Some(only) } => only == domain,
        }
    }
}
