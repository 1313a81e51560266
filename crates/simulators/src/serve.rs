//! What every simulator needs of the wire: a server that can be stopped, and connections that can be broken.

use std::{
    any::Any,
    io::{self, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::{Extensions, ServerHandle},
    http::{StatusCode, header::AsHeaderName},
    web::ServiceConfig,
};
use socket2::SockRef;
use tokio::sync::oneshot;

/// A second handle to a client's connection, to break it.
struct Connection(TcpStream);

impl Connection {
    fn keep(connection: &dyn Any, extensions: &mut Extensions) {
        use std::os::fd::AsFd as _;
        let stream = connection.downcast_ref::<actix_web::rt::net::TcpStream>();
        if let Some(Ok(descriptor)) = stream.map(|stream| stream.as_fd().try_clone_to_owned()) {
            extensions.insert(Self(descriptor.into()));
        }
    }

    fn close(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Both)
    }

    fn reset(&self) -> io::Result<()> {
        // Without lingering, closing sends RST instead of FIN.
        SockRef::from(&self.0).set_linger(Some(Duration::ZERO))?;
        self.close()
    }
}

/// Serves what `configure` says on a thread with a runtime of its own, until the handle stops it.
///
/// # Errors
/// The thread or its server did not start.
pub async fn start(
    name: &str,
    listener: TcpListener,
    keep_alive: Duration,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<ServerHandle> {
    let (started, starting) = oneshot::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || App::new().configure(configure.clone()))
                    .on_connect(Connection::keep)
                    .workers(1)
                    .keep_alive(keep_alive)
                    // A client that hangs up is seen at once, and nobody works for it any longer.
                    .h1_allow_half_closed(false)
                    .disable_signals()
                    .shutdown_timeout(0)
                    .listen(listener);
                match server.map(HttpServer::run) {
                    Ok(server) => {
                        if started.send(Ok(server.handle())).is_ok() {
                            // How it ended no longer matters: whoever held the handle has let go of it.
                            let _ = server.await;
                        }
                    }
                    Err(error) => {
                        // Nobody waits any more when this cannot be said.
                        let _ = started.send(Err(error));
                    }
                }
            });
        })?;
    starting.await.map_err(io::Error::other)?
}

/// A header of a request, if it is a text.
pub fn header_text(request: &HttpRequest, name: impl AsHeaderName) -> Option<String> {
    let value = request.headers().get(name)?;
    value.to_str().ok().map(str::to_owned)
}

/// Writes onto the connection of a request, past the framework, which must not answer any more.
///
/// # Errors
/// The asker is gone, or does not read.
pub fn write(request: &HttpRequest, bytes: &[u8]) -> io::Result<()> {
    let connection = request.conn_data::<Connection>();
    let connection = connection.ok_or(io::ErrorKind::NotConnected)?;
    (&connection.0).write_all(bytes)
}

/// Closes the connection of a request instead of answering it.
pub fn closed(request: &HttpRequest) -> HttpResponse {
    broken(request, Connection::close)
}

/// Resets the connection of a request instead of answering it.
pub fn reset(request: &HttpRequest) -> HttpResponse {
    broken(request, Connection::reset)
}

fn broken(
    request: &HttpRequest,
    breaks: impl FnOnce(&Connection) -> io::Result<()>,
) -> HttpResponse {
    match request.conn_data::<Connection>().map(breaks) {
        // Nobody reads it.
        Some(Ok(())) => HttpResponse::new(StatusCode::OK),
        // A test that expects a broken connection sees from this answer that it was not.
        _ => HttpResponse::new(StatusCode::NOT_IMPLEMENTED),
    }
}
