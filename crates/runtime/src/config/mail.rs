//! The section `mail`.

use std::time::Duration;

use common::crypto::webhook_signature::{SecretError, SigningSecret};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::form::{optional, optional_secret, periods};

/// Section `mail`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MailConfig {
    /// Resend's API key.
    #[serde(with = "optional_secret")]
    pub resend_api_key: Option<SecretString>,
    /// Sender of all mail.
    pub from: String,
    /// How mail leaves.
    pub transport: MailTransport,
    /// Where it is written, if it does not leave.
    #[serde(with = "optional")]
    pub directory: Option<String>,
    /// Resend's API.
    pub resend_url: String,
    /// Requests to it in a second, of all notifiers, until its answers say otherwise.
    pub requests_per_second: u32,
    /// Pauses before further attempts; the last one is repeated.
    #[serde(rename = "retry_seconds", with = "periods")]
    pub retries: Vec<Duration>,
    /// What Resend signs its webhooks with. [`MailConfig::webhook_secrets`] reads it.
    #[serde(with = "optional_secret")]
    pub resend_webhook_secret: Option<SecretString>,
    /// Days that mails are kept when they are over.
    pub retention_days: u32,
}

/// How mail leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTransport {
    /// Through Resend.
    Resend,
    /// Not at all: each is written to a file, for a developer.
    File,
}

impl MailConfig {
    /// The secrets that Resend signs with, any of which will do; none where they are not set.
    ///
    /// # Errors
    /// One of them is none. A loaded configuration has been checked for that already.
    pub fn webhook_secrets(&self) -> Result<Vec<SigningSecret>, SecretError> {
        let given = self.resend_webhook_secret.iter();
        given
            .flat_map(|secrets| secrets.expose_secret().split(','))
            .map(|secret| SigningSecret::parse(secret.trim()))
            .collect()
    }
}
