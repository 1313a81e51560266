//! Section `security`, and the keys that it holds.

use common::crypto::bearer::Realm;
use common::crypto::master::{MasterKey, MasterKeyError};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::form::optional_secret;

/// Section `security`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SecurityConfig {
    /// What callers of the service API send; without it nobody gets in.
    #[serde(with = "optional_secret")]
    pub backend_api_key: Option<SecretString>,
    /// Wraps the data keys. [`SecurityConfig::master_key`] reads it.
    #[serde(with = "optional_secret")]
    pub encryption_key: Option<SecretString>,
    /// What `encryption_key` was before, while it is changed.
    #[serde(with = "optional_secret")]
    pub encryption_key_old: Option<SecretString>,
    /// Shared with the website, which signs its tokens with it.
    #[serde(with = "optional_secret")]
    pub jwt_secret: Option<SecretString>,
    /// Who makes our own tokens.
    pub token_issuer: String,
    /// For whom our own tokens are.
    pub token_audience: String,
    /// Days that the trail of administration is kept; 0: for ever.
    pub admin_audit_retention_days: u32,
}

impl SecurityConfig {
    /// The master key; `None` in development without one, where secrets cannot
    /// be stored. It opens what the one before it wrapped, where that is configured too.
    ///
    /// # Errors
    /// A key is neither 64 hex digits nor base64 of 32 bytes. A loaded
    /// configuration has been checked for that already.
    pub fn master_key(&self) -> Result<Option<MasterKey>, MasterKeyError> {
        let read = |text: &Option<SecretString>| text.as_ref().map(MasterKey::parse).transpose();
        let (now, before) = (read(&self.encryption_key)?, read(&self.encryption_key_old)?);
        Ok(now.map(|now| match before {
            Some(before) => now.with_previous(before),
            None => now,
        }))
    }

    /// For whom and by whom our own tokens are.
    #[must_use]
    pub fn realm(&self) -> Realm {
        Realm {
            issuer: self.token_issuer.clone(),
            audience: self.token_audience.clone(),
        }
    }
}
