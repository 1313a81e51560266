//! A vendor to ask, and a client that does.

use chrono::{DateTime, Utc};
use common::types::hytale::HytaleEnvironment;
use hytale::Hosts;
use hytale::vendor::{Vendor, VendorError, VendorSettings};
use secrecy::SecretString;
use simulators::hytale::{Behaviour, Effect, Endpoint, Entry, Fault, Hytale, Options};
use std::time::Duration;
use upstream::RetryPolicy;

pub const PATIENT: Duration = Duration::from_secs(20);
/// Long enough for an answer that comes.
pub const HASTY: Duration = Duration::from_secs(1);

pub struct Stage {
    pub hytale: Hytale,
    pub vendor: Vendor,
    pub hosts: Hosts,
}

pub async fn stage() -> Stage {
    with(|_| {}).await
}

pub async fn with(change: impl FnOnce(&mut Behaviour)) -> Stage {
    build(change, PATIENT).await
}

pub async fn build(change: impl FnOnce(&mut Behaviour), timeout: Duration) -> Stage {
    let mut behaviour = Behaviour::default();
    change(&mut behaviour);
    let hytale = Hytale::start(Options {
        standing_clock: Some("2026-06-01T12:00:00.123456789Z".parse().unwrap()),
        behaviour,
        ..Options::default()
    })
    .await
    .unwrap();
    let hosts = Hosts {
        oauth: hytale.oauth_url().parse().unwrap(),
        account_data: hytale.account_data_url().parse().unwrap(),
        sessions: hytale.sessions_url().parse().unwrap(),
        ..Hosts::of(HytaleEnvironment::Production)
    };
    let vendor = Vendor::new(VendorSettings {
        hosts: hosts.clone(),
        request_timeout: timeout,
        retry: RetryPolicy {
            attempts: 3,
            first: Duration::from_millis(1),
            cap: Duration::from_secs(2),
        },
    })
    .unwrap();
    Stage {
        hytale,
        vendor,
        hosts,
    }
}

impl Stage {
    pub fn strike(&self, endpoint: Endpoint, effect: Effect) {
        let fault = Fault::new(effect).on(endpoint);
        self.hytale.faults(|faults| faults.add(fault));
    }

    pub fn strike_times(&self, times: usize, endpoint: Endpoint, effect: Effect) {
        let fault = Fault::new(effect).on(endpoint).times(times);
        self.hytale.faults(|faults| faults.add(fault));
    }

    pub fn heal(&self) {
        self.hytale.faults(|faults| faults.clear());
    }

    pub fn requests(&self, endpoint: Endpoint) -> Vec<Entry> {
        let journal = self.hytale.journal();
        journal
            .into_iter()
            .filter(|entry| entry.endpoint == Some(endpoint))
            .collect()
    }

    pub fn access_token(&self, account: &str) -> SecretString {
        self.hytale.login(account).access_token.into()
    }

    pub fn refresh_token(&self, account: &str) -> SecretString {
        self.hytale.login(account).refresh_token.into()
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.hytale.now()
    }
}

pub fn status(status: u16) -> Effect {
    Effect::Status {
        status,
        retry_after: None,
    }
}

/// All that anybody could print of an error.
pub fn shown(error: &VendorError) -> String {
    let mut text = format!("{error} {error:?} {:?}", error.said());
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}
