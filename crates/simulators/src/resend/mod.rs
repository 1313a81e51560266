//! Resend as a real HTTP server: mails one by one and in batches, and its signed webhooks.
//!
//! A request passes through `serve` (the wire) and `world` (fault, admission, answer, journal). Admission is the
//! client's name, its key, the rate and the route; then come the idempotency key (`idempotency`), the mails
//! (`email`) and the quotas. Expiry of idempotency keys, the rate and the quotas go by a virtual clock; webhooks are
//! signed by the real one, since another's patience with old signatures is measured by it.
//!
//! What is open in the facts is decided so: refusals and failures are not kept under an idempotency key, and payloads
//! are compared as JSON. Templates, attachments and times of sending are only looked at, and nothing is ever
//! delivered.
//!
//! Other processes steer it under `/__simulator`; see [`control`].

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use actix_web::dev::ServerHandle;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

pub mod control;
mod email;
mod events;
mod faults;
mod idempotency;
mod journal;
mod keys;
mod limits;
mod post;
mod refusal;
mod routes;
mod serve;
mod world;

pub use events::{Emitted, Flaw};
pub use faults::Effect;
pub use journal::{Entry, Sent};
pub use keys::{Access, ApiKey};
pub use limits::Limits;

use crate::{shared::Shared, signature::Secret};

/// A fault; its target is a path: `/emails`, `/emails/batch` or `/emails/{id}`.
pub type Fault = crate::faults::Fault<Effect>;
/// The faults in force.
pub type Faults = crate::faults::Faults<Effect>;

/// How Resend is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The keys there are.
    pub keys: Vec<ApiKey>,
    /// The domains that may be sent from.
    pub domains: BTreeSet<String>,
    /// How much may be asked and sent.
    pub limits: Limits,
    /// What webhooks are signed with; a new one unless told.
    pub signing_secret: Option<Secret>,
    /// The instant at which its clock stands still until it is advanced; without, it runs with the real one.
    pub standing_clock: Option<DateTime<Utc>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keys: vec![ApiKey::full("re_simulated")],
            domains: BTreeSet::from(["example.com".to_owned()]),
            limits: Limits::real(),
            signing_secret: None,
            standing_clock: None,
        }
    }
}

/// A running Resend; dropping it stops it.
pub struct Resend {
    address: SocketAddr,
    world: Shared<world::World>,
    server: ServerHandle,
}

impl Resend {
    /// Starts it on a thread of its own, from any runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let world = Shared::new(world::World::new(options));
        let server = serve::start(listener, world.clone()).await?;
        Ok(Self {
            address,
            world,
            server,
        })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resend's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.world.lock().clock.now()
    }

    /// Moves Resend's clock on.
    pub fn advance(&self, by: Duration) {
        let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        self.world.lock().clock.advance(by);
    }

    /// The first of the keys.
    pub fn api_key(&self) -> Option<String> {
        let first = self.keys(|keys| keys.first().cloned());
        first.map(|key| key.key)
    }

    /// Reads or changes the keys.
    pub fn keys<T>(&self, work: impl FnOnce(&mut Vec<ApiKey>) -> T) -> T {
        work(&mut self.world.lock().keys)
    }

    /// Reads or changes the domains that may be sent from.
    pub fn domains<T>(&self, work: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        work(&mut self.world.lock().domains)
    }

    /// Sets the limits; what was sent still counts towards quotas.
    pub fn set_limits(&self, limits: Limits) {
        self.world.lock().meter.set(limits);
    }

    /// Reads or changes the faults.
    pub fn faults<T>(&self, work: impl FnOnce(&mut Faults) -> T) -> T {
        work(&mut self.world.lock().faults)
    }

    /// The mails that were accepted, in order; each stands there once for each time that it would have been sent.
    pub fn sent(&self) -> Vec<Sent> {
        self.world.lock().sent.clone()
    }

    /// The requests since the start or the last [`Resend::clear_journal`], in order of processing.
    pub fn journal(&self) -> Vec<Entry> {
        self.world.lock().journal.clone()
    }

    /// Forgets the requests, not the mails.
    pub fn clear_journal(&self) {
        self.world.lock().journal.clear();
    }

    /// What webhooks are signed with, the newest first; the newest alone is right once others are retired.
    pub fn signing_secrets(&self) -> Vec<Secret> {
        self.world.lock().events.secrets()
    }

    /// Signs webhooks with a new secret, too; returns it.
    pub fn rotate_signing_secret(&self) -> Secret {
        self.world.lock().events.rotate()
    }

    /// Signs webhooks with the newest secret alone from now on.
    pub fn retire_signing_secrets(&self) {
        self.world.lock().events.retire();
    }

    /// Sends a webhook of this type to an address (`http://` only) and waits for the answer.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn emit(&self, url: &str, kind: &str, data: Value) -> io::Result<Emitted> {
        events::emit(&self.world, url, kind, data, None).await
    }

    /// The same with something wrong about it.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn emit_flawed(
        &self,
        url: &str,
        kind: &str,
        data: Value,
        flaw: Flaw,
    ) -> io::Result<Emitted> {
        events::emit(&self.world, url, kind, data, Some(flaw)).await
    }

    /// Sends a webhook once more: with the id and body it had, signed anew.
    ///
    /// # Errors
    /// There was none with this id, or no answer.
    pub async fn replay(&self, url: &str, id: &str) -> io::Result<Emitted> {
        events::replay(&self.world, url, id).await
    }

    /// Stops it at once, open requests with it, and frees its address.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Resend {
    fn drop(&mut self) {
        // The order to stop is given by the call itself; the future only waits for its end.
        drop(self.server.stop(false));
    }
}
