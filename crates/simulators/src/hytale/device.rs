//! Device codes, from the request to the token.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{options::Behaviour, reply::OAuthError};

/// What has become of a device code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Nobody has decided.
    Pending,
    /// Somebody said yes.
    Approved,
    /// Somebody said no.
    Denied,
    /// Tokens were given for it.
    Used,
}

/// A device code.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// What the human types.
    pub user_code: String,
    /// What the device polls with.
    pub device_code: String,
    /// Who asked.
    pub client_id: String,
    /// What for.
    pub scope: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Seconds between polls, by now.
    pub interval: u64,
    /// What has become of it.
    pub state: DeviceState,
    /// As which account it was approved.
    pub account: Option<String>,
    /// How often it was polled.
    pub polls: u32,
    /// When it was polled last.
    pub last_poll: Option<DateTime<Utc>>,
    /// Whether it was made to expire by a test: then it says so even though no user touched it.
    pub forced: bool,
}

/// All device codes, in order of their making.
#[derive(Debug, Default)]
pub struct Devices(Vec<Device>);

impl Devices {
    /// Adds one.
    pub fn add(&mut self, device: Device) {
        self.0.push(device);
    }

    /// All there are.
    pub fn all(&self) -> &[Device] {
        &self.0
    }

    /// The one with this user code, or the youngest one that is pending.
    pub fn named(&mut self, user_code: Option<&str>) -> Option<&mut Device> {
        match user_code {
            // Case matters, as it does live.
            Some(code) => self.0.iter_mut().find(|device| device.user_code == code),
            None => self
                .0
                .iter_mut()
                .rev()
                .find(|device| device.state == DeviceState::Pending),
        }
    }

    /// A human decides: as which account, or no. Says whether the code could still be decided over.
    pub fn decide(
        &mut self,
        user_code: Option<&str>,
        account: Option<&str>,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(device) = self.named(user_code) else {
            return false;
        };
        if device.state != DeviceState::Pending || device.expires_at <= now {
            return false;
        }
        device.state = match account {
            Some(_) => DeviceState::Approved,
            None => DeviceState::Denied,
        };
        device.account = account.map(str::to_owned);
        true
    }

    /// Ends a code's time at once. Says whether there is one.
    pub fn expire(&mut self, user_code: Option<&str>, now: DateTime<Utc>) -> bool {
        self.named(user_code).is_some_and(|device| {
            device.expires_at = device.expires_at.min(now);
            device.forced = true;
            true
        })
    }

    /// A poll: the device that gets tokens now.
    pub fn poll(
        &mut self,
        device_code: &str,
        client_id: &str,
        first_account: Option<&str>,
        behaviour: &Behaviour,
        now: DateTime<Utc>,
    ) -> Result<&Device, OAuthError> {
        let device = self
            .0
            .iter_mut()
            .find(|device| device.device_code == device_code)
            .ok_or(OAuthError::InvalidGrant(None))?;
        let hasty = device
            .last_poll
            .is_some_and(|last| now < last + seconds(device.interval));
        device.polls += 1;
        device.last_poll = Some(now);
        if hasty && behaviour.slow_down {
            device.interval += 5;
            return Err(OAuthError::SlowDown);
        }
        if let Some(auto) = &behaviour.auto_approve
            && device.state == DeviceState::Pending
            && device.polls > auto.after_polls
            && device.expires_at > now
        {
            device.state = DeviceState::Approved;
            device.account = auto
                .account
                .clone()
                .or_else(|| first_account.map(str::to_owned));
        }
        let expired = device.expires_at <= now;
        match device.state {
            DeviceState::Pending
                if expired && (device.forced || behaviour.untouched_codes_expire) =>
            {
                return Err(OAuthError::ExpiredToken);
            }
            DeviceState::Pending => return Err(OAuthError::AuthorizationPending),
            DeviceState::Denied => {
                return Err(OAuthError::AccessDenied(behaviour.access_denied_status));
            }
            DeviceState::Used => {
                return Err(OAuthError::InvalidGrant(Some(
                    "The authorization code has already been used.",
                )));
            }
            DeviceState::Approved if expired => return Err(OAuthError::ExpiredToken),
            DeviceState::Approved => {}
        }
        if device.client_id != client_id {
            return Err(OAuthError::InvalidGrant(Some(
                "The OAuth 2.0 Client ID from this request does not match the one from the authorize request.",
            )));
        }
        device.state = DeviceState::Used;
        Ok(device)
    }
}

/// A length of time in seconds.
pub fn seconds(count: u64) -> TimeDelta {
    // The longest that a delta holds is longer than anybody waits.
    i64::try_from(count)
        .ok()
        .and_then(TimeDelta::try_seconds)
        .unwrap_or(TimeDelta::MAX)
}
