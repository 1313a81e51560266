//! Hytale, the vendor, as a real HTTP server: its OAuth service, its account data and its session service, as far
//! as a host of game servers meets them.
//!
//! One address, three base URLs: `/oauth`, `/account-data` and `/sessions`. A request passes through `serve` (the
//! wire), `world` (endpoint, fault, answer, journal) and one of `oauth`, `account_data`, `session_api`, `join` and
//! `page`; what they know is in `device`, `grants` and `sessions`. Where sources disagree, and where nothing is known,
//! [`Behaviour`] has a switch; its defaults are what was seen live. Every expiry is by a virtual clock.
//!
//! The journal and the listings hold tokens in plain text. They are worth nothing outside of the simulator.
//!
//! Other processes steer it under `/__simulator`; see [`control`].

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::dev::ServerHandle;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

mod account_data;
mod accounts;
pub mod control;
mod device;
mod faults;
mod form;
mod grants;
mod join;
mod journal;
mod keys;
mod oauth;
mod options;
pub mod orders;
mod page;
mod reply;
mod routes;
mod serve;
mod session_api;
mod sessions;
mod source;
mod world;

pub use accounts::{Account, Profile};
pub use device::{Device, DeviceState};
pub use faults::{Effect, Fault, Faults, TokenFlaw};
pub use grants::{Family, FamilyState};
pub use journal::{Entry, fingerprint};
pub use keys::SignatureFlaw;
pub use options::{AutoApprove, Behaviour, BodyStyle, ConcurrentUse, Options, Shapes};
pub use orders::Order;
pub use routes::Endpoint;
pub use sessions::{Ended, Session};

use orders::{SERVER_CLIENT, SERVER_SCOPE};

/// Tokens of a login that took no device code.
#[derive(Clone, Debug)]
pub struct Login {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// The family of tokens.
    pub family: usize,
}

/// A running vendor; dropping it stops it.
pub struct Hytale {
    address: SocketAddr,
    public_url: String,
    shared: Arc<serve::Shared>,
    server: ServerHandle,
}

impl Hytale {
    /// Starts the vendor on a thread of its own, from any runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let public_url = options
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}"));
        let world = world::World::new(public_url.clone(), options);
        let shared = Arc::new(serve::Shared::new(world));
        let server = serve::start(listener, Arc::clone(&shared)).await?;
        Ok(Self {
            address,
            public_url,
            shared,
            server,
        })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        self.public_url.clone()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Base URL of the OAuth service.
    pub fn oauth_url(&self) -> String {
        format!("{}{}", self.public_url, routes::OAUTH)
    }

    /// Base URL of the account data.
    pub fn account_data_url(&self) -> String {
        format!("{}{}", self.public_url, routes::ACCOUNT_DATA)
    }

    /// Base URL of the session service.
    pub fn sessions_url(&self) -> String {
        format!("{}{}", self.public_url, routes::SESSIONS)
    }

    /// The vendor's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.world().clock.now()
    }

    /// Moves the vendor's clock on.
    pub fn advance(&self, by: Duration) {
        let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        self.shared.world().clock.advance(by);
    }

    /// Reads or changes how it behaves.
    pub fn behaviour<T>(&self, work: impl FnOnce(&mut Behaviour) -> T) -> T {
        work(&mut self.shared.world().behaviour)
    }

    /// Reads or changes the accounts.
    pub fn accounts<T>(&self, work: impl FnOnce(&mut Vec<Account>) -> T) -> T {
        work(&mut self.shared.world().accounts)
    }

    /// The account of this name.
    pub fn account(&self, name: &str) -> Option<Account> {
        self.shared.world().account(Some(name)).cloned()
    }

    /// Reads or changes the faults.
    pub fn faults<T>(&self, work: impl FnOnce(&mut Faults) -> T) -> T {
        work(&mut self.shared.world().faults)
    }

    /// Carries out an order.
    ///
    /// # Errors
    /// What it is about is not there.
    pub fn order(&self, order: Order) -> orders::Obeyed {
        order.obey(&mut self.shared.world())
    }

    /// The human says yes to a code as this account. Says whether it could still be decided over.
    pub fn approve(&self, user_code: &str, account: &str) -> bool {
        let order = Order::Approve {
            user_code: Some(user_code.to_owned()),
            account: Some(account.to_owned()),
        };
        self.order(order).is_ok()
    }

    /// The human says no to a code. Says whether it could still be decided over.
    pub fn deny(&self, user_code: &str) -> bool {
        let user_code = Some(user_code.to_owned());
        self.order(Order::Deny { user_code }).is_ok()
    }

    /// Ends a code's time at once; polls say `expired_token` then. Says whether there is one.
    pub fn expire(&self, user_code: &str) -> bool {
        let user_code = Some(user_code.to_owned());
        self.order(Order::Expire { user_code }).is_ok()
    }

    /// Begins a family of tokens for a game server without a device code. The account is named, not looked up.
    pub fn login(&self, account: &str) -> Login {
        let mut world = self.shared.world();
        let issued = world.login(account, SERVER_CLIENT, SERVER_SCOPE);
        Login {
            access_token: issued.access_token,
            refresh_token: issued.refresh_token.unwrap_or_default(),
            family: issued.family,
        }
    }

    /// The user revokes all that this account's tokens are good for; returns how many families ended.
    pub fn revoke_account(&self, account: &str) -> usize {
        self.shared.world().grants.revoke_account(account)
    }

    /// Ends all sessions of an account; returns how many there were.
    pub fn end_sessions(&self, account: &str) -> usize {
        let mut world = self.shared.world();
        let now = world.clock.now();
        world.sessions.revoke(account, now)
    }

    /// Lets the session service sign with a new key; returns its id.
    pub fn rotate_keys(&self, keep_old: bool) -> String {
        let mut world = self.shared.world();
        let world = &mut *world;
        world.keys.rotate(&mut world.source, keep_old);
        world.keys.current_id().to_owned()
    }

    /// Lets the OAuth service sign with a new key; returns its id.
    pub fn rotate_oauth_keys(&self, keep_old: bool) -> String {
        let mut world = self.shared.world();
        let world = &mut *world;
        world.oauth_keys.rotate(&mut world.source, keep_old);
        world.oauth_keys.current_id().to_owned()
    }

    /// Signs these claims, as they are, with the session service's key.
    pub fn sign(&self, claims: &Value, flaw: Option<SignatureFlaw>) -> String {
        self.shared.world().keys.sign(claims, flaw)
    }

    /// The requests since the start or the last [`Hytale::clear_journal`], in order of processing.
    pub fn journal(&self) -> Vec<Entry> {
        self.shared.world().journal.clone()
    }

    /// Forgets the requests.
    pub fn clear_journal(&self) {
        self.shared.world().journal.clear();
    }

    /// Counts over all there is, as `GET /__simulator/summary` answers.
    pub fn summary(&self) -> Value {
        control::summary(&mut self.shared.world())
    }

    /// How often a refresh token was presented and looked at, whatever came of it.
    pub fn spent(&self, refresh_token: &str) -> u32 {
        self.shared.world().grants.spent(refresh_token)
    }

    /// How many refresh tokens were presented and looked at more than once.
    pub fn spent_more_than_once(&self) -> usize {
        self.shared.world().grants.spent_more_than_once()
    }

    /// How many families were lost by spending a refresh token twice.
    pub fn families_lost(&self) -> usize {
        self.shared.world().grants.lost()
    }

    /// All families of tokens, in order of their logins.
    pub fn families(&self) -> Vec<Family> {
        self.shared.world().grants.families().to_vec()
    }

    /// All device codes, oldest first.
    pub fn devices(&self) -> Vec<Device> {
        self.shared.world().devices.all().to_vec()
    }

    /// All sessions, oldest first; those that lapsed say so.
    pub fn sessions(&self) -> Vec<Session> {
        let mut world = self.shared.world();
        let now = world.clock.now();
        world.sessions.lapse(now);
        world.sessions.all()
    }

    /// How many live sessions an account has.
    pub fn live_sessions(&self, account: &str) -> usize {
        let mut world = self.shared.world();
        let now = world.clock.now();
        world.sessions.live(now).get(account).copied().unwrap_or(0)
    }

    /// Stops the vendor at once, open requests with it, and frees its address.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Hytale {
    fn drop(&mut self) {
        // The order to stop is given by the call itself; the future only waits for its end.
        drop(self.server.stop(false));
    }
}
