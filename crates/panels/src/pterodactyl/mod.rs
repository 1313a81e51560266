//! The Pterodactyl panel (measured on 1.11.7, Laravel 11).
//!
//! From the outside in: [`list`], [`lookup`] and [`live`] are what callers ask;
//! [`span`] cuts a page that the panel cannot send whole; [`client`] makes one
//! request polite and patient; [`answer`] tells what an HTTP answer is; [`decode`]
//! and [`dto`] read its JSON record by record.

mod answer;
mod client;
mod decode;
mod dto;
#[cfg(test)]
mod fuzz;
mod list;
mod live;
mod lookup;
mod question;
mod span;

use common::seams::RequestBudget;
use common::types::id::PanelId;
use secrecy::SecretString;
use slog::Logger;
use std::sync::Arc;
use std::time::Duration;
use upstream::{Guard, RetryPolicy};
use url::Url;

use crate::error::PanelError;
use client::Client;

pub use dto::live::{LiveAllocation, LiveSubuser, LiveVariable, ServerDetail};

/// Where a panel is and how it is asked.
#[derive(Debug, Clone)]
pub struct PanelSettings {
    /// Whose budget the requests are taken from.
    pub panel: PanelId,
    /// Address of the panel, with its path if it has one; `http` or `https`.
    pub url: Url,
    /// What keeps it off our own network, if somebody else than the operator gave it.
    pub guard: Option<Guard>,
    /// Key for the Application API (`ptla_…`, or a root admin's `ptlc_…`).
    pub application_key: SecretString,
    /// Key for the Client API, for live use.
    pub client_key: Option<SecretString>,
    /// Service token for a panel behind Cloudflare Access.
    pub cf_access: Option<CfAccess>,
    /// Time for one answer, body included; 30 s is usual.
    pub request_timeout: Duration,
    /// How failed requests are repeated.
    pub retry: RetryPolicy,
}

/// A Cloudflare Access service token.
#[derive(Debug, Clone)]
pub struct CfAccess {
    /// `CF-Access-Client-Id`.
    pub id: SecretString,
    /// `CF-Access-Client-Secret`.
    pub secret: SecretString,
}

/// A panel that can be asked. Clones share connections, breaker and counters.
#[derive(Clone)]
pub struct Pterodactyl {
    client: Arc<Client>,
}

impl Pterodactyl {
    /// Prepares a client; nothing is sent.
    ///
    /// # Errors
    ///
    /// [`PanelError::InvalidSettings`] for an address or key that cannot work,
    /// [`PanelError::Client`] when the HTTP client cannot be made.
    pub fn new(
        settings: PanelSettings,
        budget: Arc<dyn RequestBudget>,
        log: Logger,
    ) -> Result<Self, PanelError> {
        Ok(Self {
            client: Arc::new(Client::new(settings, budget, log)?),
        })
    }

    /// The same panel by the same connections and breaker, with counters of its own.
    #[must_use]
    pub fn counting_anew(&self) -> Self {
        Self {
            client: Arc::new(self.client.counting_anew()),
        }
    }

    /// HTTP requests sent so far, by all clones.
    #[must_use]
    pub fn requests_made(&self) -> u64 {
        self.client.requests_made()
    }

    /// How long requests of all clones have waited, added up, because the panel's rate limit
    /// had them wait.
    #[must_use]
    pub fn time_waited(&self) -> Duration {
        self.client.time_waited()
    }
}
