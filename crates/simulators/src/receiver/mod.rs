//! Somebody's webhook endpoint as a real HTTP server: it takes `POST` at any path, writes down what comes, and answers
//! as it is told to.
//!
//! A request passes through `serve` (the wire) and `world` (which answer, journal); which answer it gets is told by
//! [`Rule`]s. Signatures are looked at by the Standard Webhooks scheme, with the names of headers of that scheme or
//! of Svix. For load tests it keeps counters only ([`Keep::Counters`]).
//!
//! Other processes steer it under `/__simulator`; see [`control`].

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, atomic::Ordering},
};

use actix_web::dev::ServerHandle;

mod answers;
pub mod control;
mod journal;
mod rules;
mod serve;
mod world;

pub use answers::Answer;
pub use journal::{Counters, Entry, Keep};
pub use rules::Rule;

/// How the endpoint is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What is kept of requests.
    pub keep: Keep,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keep: Keep::Everything,
        }
    }
}

/// A running endpoint; dropping it stops it.
pub struct Receiver {
    address: SocketAddr,
    site: Arc<serve::Site>,
    server: ServerHandle,
}

impl Receiver {
    /// Starts it on a thread of its own, from any runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let site = Arc::new(serve::Site::new(options.keep));
        let server = serve::start(listener, Arc::clone(&site)).await?;
        Ok(Self {
            address,
            site,
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

    /// Answers requests to a path with this from now on.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.rule(Rule::new([answer]).on(path));
    }

    /// Adds a rule, which counts more than those before it.
    pub fn rule(&self, rule: Rule) {
        self.site.world.lock().rules.add(rule);
    }

    /// Forgets all rules, so that everything is answered 200.
    pub fn clear_rules(&self) {
        self.site.world.lock().rules.clear();
    }

    /// Changes what is kept of requests.
    pub fn keep(&self, keep: Keep) {
        self.site.world.lock().keep = keep;
    }

    /// The requests since the start or the last [`Receiver::clear_journal`], in order.
    pub fn journal(&self) -> Vec<Entry> {
        self.site.world.lock().journal.clone()
    }

    /// The requests to a path, in order.
    pub fn journal_of(&self, path: &str) -> Vec<Entry> {
        let world = self.site.world.lock();
        let wanted = world.journal.iter().filter(|entry| entry.path == path);
        wanted.cloned().collect()
    }

    /// Forgets the requests and the counters.
    pub fn clear_journal(&self) {
        self.site.world.lock().forget();
        self.site.open.forget();
    }

    /// The first request of each `webhook-id`, in order of arrival.
    pub fn first_arrivals(&self) -> Vec<Entry> {
        journal::first_arrivals(&self.site.world.lock().journal)
    }

    /// How often each `webhook-id` came that came more than once.
    pub fn duplicates(&self) -> BTreeMap<String, usize> {
        journal::duplicates(&self.site.world.lock().journal)
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.site.counters()
    }

    /// Bytes of huge and dripping bodies that were handed to the network.
    pub fn bytes_sent(&self) -> u64 {
        self.site.bytes_sent.load(Ordering::Relaxed)
    }

    /// Stops it at once, open requests with it, and frees its address.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // The order to stop is given by the call itself; the future only waits for its end.
        drop(self.server.stop(false));
    }
}
