//! The beginning of a device login.

use super::progress::{LONGEST_LOGIN, hash, whole_seconds};
use super::{Custody, CustodyError};
use common::types::caller::Principal;
use common::types::id::FlowId;
use secrecy::SecretString;
use slog::info;
use std::time::Duration;
use store::{NewFlow, Room};

/// A login that has begun: what a person needs to go on with it.
#[derive(Debug, Clone)]
pub struct BegunLogin {
    /// What is polled with; only its hash is kept here.
    pub device_code: SecretString,
    /// What the person types, shown to the letter.
    pub user_code: String,
    /// Where the person goes.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: Option<String>,
    /// How long the code lives.
    pub expires_in: Duration,
    /// Shortest pause between two polls.
    pub interval: Duration,
}

impl Custody {
    /// Whether somebody without credentials may begin a login now: asked before anything is
    /// counted against them, and before Hytale is asked for a code that could not be kept.
    /// What holds is said by [`begin_login`](Self::begin_login).
    ///
    /// # Errors
    /// [`CustodyError::TooManyLogins`], or when PostgreSQL cannot be asked.
    pub async fn room_for_strangers(&self) -> Result<(), CustodyError> {
        let most = self.0.settings.strangers_logins;
        let room = self
            .store()
            .hytale_flow_room(self.environment(), self.now(), most);
        self.has_room(room.await?)
    }

    /// Begins a login. `name` is what the caller calls the account; it counts only
    /// with a principal, who alone may poll the login then.
    ///
    /// # Errors
    /// [`CustodyError::TooManyLogins`] without a principal; the vendor or PostgreSQL cannot
    /// be asked, or nothing can be sealed here.
    pub async fn begin_login(
        &self,
        principal: Option<Principal>,
        name: Option<String>,
    ) -> Result<BegunLogin, CustodyError> {
        // Whoever cannot keep tokens does not ask for them.
        self.vault().await?;
        let vendor = self.vendor().clone();
        let code = self
            .detach(async move { vendor.device_code().await.map_err(CustodyError::Vendor) })
            .await?;
        let now = self.now();
        let expires_in = code.expires_in.min(LONGEST_LOGIN);
        let flow = NewFlow {
            id: FlowId::new(),
            environment: self.environment(),
            code_hash: hash(&code.device_code),
            account_name: name.filter(|_| principal.is_some()),
            principal,
            interval_seconds: whole_seconds(code.interval),
            begun_at: now,
            expires_at: now + expires_in,
        };
        let most = self.0.settings.strangers_logins;
        self.has_room(self.store().hytale_flow_begin(&flow, most).await?)?;
        info!(self.log(), "a device login has begun"; "login" => flow.id.to_string());
        Ok(BegunLogin {
            device_code: code.device_code,
            user_code: code.user_code,
            verification_uri: code.verification_uri,
            verification_uri_complete: code.verification_uri_complete,
            expires_in,
            interval: code.interval,
        })
    }

    fn has_room(&self, room: Room) -> Result<(), CustodyError> {
        match room {
            Room::Left => Ok(()),
            Room::Full { until } => Err(CustodyError::TooManyLogins {
                retry_after: (until - self.now()).to_std().unwrap_or_default(),
            }),
        }
    }
}
