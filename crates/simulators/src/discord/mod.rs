//! Discord's webhooks as a real HTTP server: validate, execute, and read, edit and delete what was sent.
//!
//! A request passes through `serve` (the wire), `world` (fault, answer, journal), `routes` (whose it is), `limits`
//! and, if it writes a message, `form` (what a body may hold). Only JSON bodies are read, neither files nor components
//! nor polls. Characters are counted as UTF-16 units, the strictest of what is told.
//!
//! Limits run on real time and are those of [`Limits::real`] unless told otherwise.
//!
//! Other processes steer it under `/__simulator`; see [`control`].

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use actix_web::dev::ServerHandle;

pub mod control;
mod faults;
mod form;
mod journal;
mod limits;
mod messages;
mod refusal;
mod routes;
mod serve;
mod webhooks;
mod world;

pub use faults::{Effect, Scope};
pub use journal::Entry;
pub use limits::{Limits, Rate};
pub use messages::{Edit, Message};
pub use webhooks::{NewWebhook, Webhook};

use crate::shared::Shared;

/// A fault; its target is a webhook's id.
pub type Fault = crate::faults::Fault<Effect>;
/// The faults in force.
pub type Faults = crate::faults::Faults<Effect>;

/// How Discord is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How much may be asked.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            limits: Limits::real(),
        }
    }
}

/// A running Discord; dropping it stops it.
pub struct Discord {
    address: SocketAddr,
    world: Shared<world::World>,
    server: ServerHandle,
}

impl Discord {
    /// Starts it on a thread of its own, from any runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let world = Shared::new(world::World::new(
            format!("http://{address}"),
            options.limits,
        ));
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

    /// Adds a webhook to a channel of texts, which there is from then on.
    pub fn add_webhook(&self, channel_id: &str) -> Webhook {
        self.add(NewWebhook::new(channel_id))
    }

    /// Adds a webhook to a forum, whose messages need `thread_name` or `thread_id`.
    pub fn add_forum_webhook(&self, channel_id: &str) -> Webhook {
        self.add(NewWebhook {
            forum: true,
            ..NewWebhook::new(channel_id)
        })
    }

    /// Adds any webhook.
    pub fn add(&self, webhook: NewWebhook) -> Webhook {
        let mut world = self.world.lock();
        let world = &mut *world;
        world.webhooks.add(&world.base, webhook)
    }

    /// Adds a thread to a channel; returns its id.
    pub fn add_thread(&self, channel_id: &str) -> String {
        self.world.lock().webhooks.add_thread(channel_id)
    }

    /// Removes a webhook. Says whether there was one.
    pub fn revoke(&self, id: &str) -> bool {
        self.world.lock().webhooks.remove(id)
    }

    /// Sets the limits and forgets what was counted.
    pub fn set_limits(&self, limits: Limits) {
        self.world.lock().limiter.set(limits);
    }

    /// Reads or changes the faults.
    pub fn faults<T>(&self, work: impl FnOnce(&mut Faults) -> T) -> T {
        work(&mut self.world.lock().faults)
    }

    /// The requests since the start or the last [`Discord::clear_journal`], in order.
    pub fn journal(&self) -> Vec<Entry> {
        self.world.lock().journal.clone()
    }

    /// Forgets the requests, not the messages.
    pub fn clear_journal(&self) {
        self.world.lock().journal.clear();
    }

    /// The messages of a channel and its threads in order, with their edits, deleted ones too.
    pub fn messages(&self, channel_id: &str) -> Vec<Message> {
        self.world.lock().messages.of_channel(channel_id)
    }

    /// The ids of the messages by the text of the footers that they were sent with.
    pub fn by_footer(&self) -> BTreeMap<String, Vec<String>> {
        self.world.lock().messages.by_footer()
    }

    /// The same, only of footers that were sent more than once.
    pub fn duplicates(&self) -> BTreeMap<String, Vec<String>> {
        let mut footers = self.by_footer();
        footers.retain(|_, messages| messages.len() > 1);
        footers
    }

    /// Answers of the last ten minutes that count towards a ban, of all addresses together.
    pub fn invalid_requests(&self) -> usize {
        self.world.lock().limiter.invalid()
    }

    /// Stops it at once, open requests with it, and frees its address.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Discord {
    fn drop(&mut self) {
        // The order to stop is given by the call itself; the future only waits for its end.
        drop(self.server.stop(false));
    }
}
