//! Health and metrics over HTTP for services that serve nothing else.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use slog::{Logger, info};
use tokio::task::JoinHandle;

use crate::health::{self, Health};
use crate::http::{self, Observe};

/// A running server for `/health*` and `/metrics`.
pub struct OpsServer {
    address: SocketAddr,
    handle: ServerHandle,
    serving: JoinHandle<io::Result<()>>,
}

impl OpsServer {
    /// Serves on a listener that is already bound, so that the caller chose, and
    /// knows, the port. Needs a tokio runtime.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub fn start(listener: TcpListener, health: Arc<Health>, log: &Logger) -> io::Result<Self> {
        let address = listener.local_addr()?;
        info!(log, "serving health and metrics"; "address" => %address);
        let observe = Observe::new(log);
        let server = HttpServer::new(move || {
            App::new()
                .wrap(observe.clone())
                .configure(http::configure)
                .configure(|app| health::configure(app, &health))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?
        .run();
        let handle = server.handle();
        Ok(Self {
            address,
            handle,
            serving: tokio::spawn(server),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops, letting answers in hand go out.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        let _ = self.serving.await;
    }
}
