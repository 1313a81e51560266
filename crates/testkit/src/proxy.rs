//! A TCP connection that can be cut.

use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes connections on to a server; cut, it ends them and lets none through.
pub struct Proxy {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Proxy {
    /// Listens on a free port for `server` (`host:port`).
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, state) = watch::channel(true);
        tokio::spawn(serve(listener, server, state));
        Self { address, open }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections; new ones are closed at once.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

async fn serve(listener: TcpListener, server: String, mut open: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            changed = open.changed() => {
                if changed.is_err() {
                    return;
                }
                if !*open.borrow_and_update() {
                    connections.shutdown().await;
                }
            }
            Ok((client, _)) = listener.accept() => {
                if *open.borrow() {
                    connections.spawn(pass(client, server.clone()));
                }
            }
        }
    }
}

async fn pass(mut client: TcpStream, server: String) {
    if let Ok(mut server) = TcpStream::connect(server).await {
        // Either side may end it, in whichever way.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
