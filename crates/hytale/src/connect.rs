//! Custody, made from the configuration.

use crate::custody::{Custody, CustodySettings};
use crate::hosts::Hosts;
use crate::vendor::{SettingsError, Vendor, VendorSettings};
use common::crypto::master::MasterKeyError;
use common::seams::SystemClock;
use common::types::hytale::HytaleEnvironment;
use runtime::config::{Config, HytaleConfig};
use slog::Logger;
use std::sync::Arc;
use store::Store;
use upstream::RetryPolicy;
use url::Url;

/// Why there is no custody.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// An address of the configuration is none.
    #[error("`{0}` is no URL")]
    Address(&'static str),
    /// The vendor's client refuses the settings.
    #[error("Hytale's client cannot be made")]
    Vendor(#[source] SettingsError),
    /// The master key is none.
    #[error("the encryption key cannot be used")]
    MasterKey(#[source] MasterKeyError),
}

/// Custody in the environment that the configuration names. Nothing is asked yet.
///
/// # Errors
/// The configuration cannot work.
pub fn connect(config: &Config, store: Store, log: &Logger) -> Result<Custody, ConnectError> {
    let environment = config.hytale.world();
    let hosts = hosts(environment, &config.hytale)?;
    let vendor = Vendor::new(VendorSettings {
        hosts: hosts.clone(),
        request_timeout: config.hytale.request_timeout,
        retry: RetryPolicy {
            attempts: 3,
            ..RetryPolicy::default()
        },
    })
    .map_err(ConnectError::Vendor)?;
    let master = config
        .security
        .master_key()
        .map_err(ConnectError::MasterKey)?;
    let settings = CustodySettings {
        environment,
        hosts,
        master: master.map(Arc::new),
        match_subject: config.hytale.match_subject,
        request_timeout: config.hytale.request_timeout,
        strangers_logins: config.limits.open_logins_of_strangers,
        clock: Arc::new(SystemClock),
    };
    Ok(Custody::new(settings, vendor, store, log))
}

fn hosts(environment: HytaleEnvironment, config: &HytaleConfig) -> Result<Hosts, ConnectError> {
    let known = Hosts::of(environment);
    let url = |name, given: &Option<String>, known: Url| match given {
        Some(text) => text.parse().map_err(|_invalid| ConnectError::Address(name)),
        None => Ok(known),
    };
    Ok(Hosts {
        oauth: url("hytale.oauth_url", &config.oauth_url, known.oauth)?,
        account_data: url(
            "hytale.account_data_url",
            &config.account_data_url,
            known.account_data,
        )?,
        sessions: url("hytale.sessions_url", &config.sessions_url, known.sessions)?,
        session_issuer: config
            .session_issuer
            .clone()
            .unwrap_or(known.session_issuer),
        oauth_issuer: known.oauth_issuer,
    })
}
