//! A TCP connection that can be cut, or fall silent.

use std::net::SocketAddr;
use std::pin::pin;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes connections on to a server; cut, it ends them and lets none through.
pub struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    Silent,
    Cut,
}

impl Proxy {
    /// Listens on a free port for `server` (`host:port`).
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, state) = watch::channel(Line::Open);
        tokio::spawn(serve(listener, server, state));
        Self { address, line }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections; new ones are closed at once.
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Keeps all connections and takes new ones, but passes nothing on, as a network does
    /// that loses every packet.
    pub fn silence(&self) {
        self.line.send_replace(Line::Silent);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.line.send_replace(Line::Open);
    }
}

async fn serve(listener: TcpListener, server: String, mut line: watch::Receiver<Line>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            changed = line.changed() => {
                if changed.is_err() {
                    return;
                }
                if *line.borrow_and_update() == Line::Cut {
                    connections.shutdown().await;
                }
            }
            Ok((client, _)) = listener.accept() => {
                if *line.borrow() != Line::Cut {
                    connections.spawn(pass(client, server.clone(), line.clone()));
                }
            }
        }
    }
}

async fn pass(mut client: TcpStream, server: String, mut line: watch::Receiver<Line>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let mut passing = pin!(tokio::io::copy_bidirectional(&mut client, &mut server));
    loop {
        let is_open = *line.borrow_and_update() == Line::Open;
        tokio::select! {
            // Either side may end it, in whichever way.
            _ = &mut passing, if is_open => return,
            changed = line.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}
