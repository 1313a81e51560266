//! A Pterodactyl panel as a real HTTP server: the reading half of its Application API and what live use needs of
//! its Client API.
//!
//! A request passes through `serve` (the wire), `world` (fault, route, key, limit, answer, record) and, once it is
//! known who asks, `application` or `client`. `list` filters, sorts and pages rows; `render` joins them with the
//! relations that were asked for; `view` and `envelope` are their JSON. The rows themselves are plain data in [`State`], filled by
//! `data` (invented), by `recordings` (a real panel's answers) or by a test, which may change them at any time.
//!
//! Other processes steer it under `/__simulator`; see [`control`].

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
};

use actix_web::dev::ServerHandle;

mod access;
mod application;
mod client;
mod client_view;
pub mod control;
mod data;
mod envelope;
mod faults;
mod index;
mod latency;
mod limits;
mod list;
mod oddities;
pub mod orders;
mod query;
mod recordings;
mod render;
mod render_server;
mod reply;
mod routes;
pub mod rows;
mod serve;
mod state;
mod stock;
mod time;
mod view;
mod world;

pub use access::{Access, Key, Resource, Scope};
pub use faults::{Effect, Fault, Faults};
pub use latency::Latency;
pub use limits::RateLimits;
pub use recordings::RecordingsError;
pub use rows::Id;
pub use state::State;
pub use world::RequestRecord;

/// How a panel is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// An application key of user 1 that may read everything.
    pub application_key: String,
    /// A client key of user 1, a root admin in every state of this crate.
    pub client_key: String,
    /// Whether answers take time.
    pub latency: Latency,
    /// The rate limits; out of reach unless set.
    pub limits: RateLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            application_key: "ptla_simulatedApplicationKey".to_owned(),
            client_key: "ptlc_simulatedClientKey".to_owned(),
            latency: Latency::None,
            limits: RateLimits::unreachable(),
        }
    }
}

/// A running panel; dropping it stops it.
pub struct Panel {
    address: SocketAddr,
    options: Options,
    shared: Arc<serve::Shared>,
    server: ServerHandle,
}

impl Panel {
    /// Starts a panel on a thread of its own, from any runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(state: State, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let mut access = Access::default();
        access.add_application_key(&options.application_key, 1);
        access.add_client_key(&options.client_key, 1);
        let world = world::World::new(state, access, limits::Limiter::new(options.limits.clone()));
        let shared = Arc::new(serve::Shared::new(world, options.latency));
        let server = serve::start(listener, Arc::clone(&shared)).await?;
        Ok(Self {
            address,
            options,
            shared,
            server,
        })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens, to start another in its place.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The application key that may read everything.
    pub fn application_key(&self) -> &str {
        &self.options.application_key
    }

    /// The client key of a root admin.
    pub fn client_key(&self) -> &str {
        &self.options.client_key
    }

    /// Reads or changes the rows; no request is answered meanwhile.
    pub fn state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut world = self.shared.world();
        world.changed();
        work(&mut world.state)
    }

    /// Reads or changes the keys.
    pub fn access<T>(&self, work: impl FnOnce(&mut Access) -> T) -> T {
        work(&mut self.shared.world().access)
    }

    /// Reads or changes the faults.
    pub fn faults<T>(&self, work: impl FnOnce(&mut Faults) -> T) -> T {
        work(&mut self.shared.world().faults)
    }

    /// Sets the rate limits and begins all windows anew.
    pub fn set_limits(&self, limits: RateLimits) {
        self.shared.world().limiter = limits::Limiter::new(limits);
    }

    /// The requests since the start or the last [`Panel::clear_requests`], in order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.world().requests.clone()
    }

    /// Forgets the requests, and how many were open at once.
    pub fn clear_requests(&self) {
        self.shared.world().requests.clear();
        self.shared.open.forget();
    }

    /// Requests whose answer has not begun and whose asker has not hung up.
    pub fn open_requests(&self) -> usize {
        self.shared.open.now()
    }

    /// The most [`Panel::open_requests`] at any moment since the start or the last [`Panel::clear_requests`].
    pub fn most_open_requests(&self) -> usize {
        self.shared.open.most()
    }

    /// Stops the panel at once, open requests with it, and frees its address.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        // The order to stop is given by the call itself; the future only waits for its end.
        drop(self.server.stop(false));
    }
}
