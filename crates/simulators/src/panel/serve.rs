//! The panel on the wire.

use std::{
    io,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    dev::ServerHandle,
    http::header,
    web::{self, Bytes},
};
use futures_util::{Stream, StreamExt, stream};

use super::{
    control,
    latency::{Latency, Processor},
    reply::Reply,
    world::{Asked, Decision, Delivery, World},
};
use crate::{
    open::Open,
    serve::{self, header_text},
};

/// What the panel's handle and its server share.
pub struct Shared {
    world: Mutex<World>,
    processor: Processor,
    latency: Latency,
    /// Requests that are being answered.
    pub open: Open,
}

impl Shared {
    /// A panel about to be served.
    pub fn new(world: World, latency: Latency) -> Self {
        Self {
            world: Mutex::new(world),
            processor: Processor::default(),
            latency,
            open: Open::default(),
        }
    }

    /// The panel, for as long as the guard lives.
    pub fn world(&self) -> MutexGuard<'_, World> {
        // A test's closure that panicked has said so already; the rows are still rows.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the panel, until the handle stops it.
///
/// # Errors
/// The thread or its server did not start.
pub async fn start(listener: TcpListener, shared: Arc<Shared>) -> io::Result<ServerHandle> {
    let shared = web::Data::from(shared);
    serve::start("panel", listener, KEEP_ALIVE, move |app| {
        app.app_data(shared.clone())
            .service(web::scope("/__simulator").configure(control::routes))
            .default_service(web::to(answer));
    })
    .await
}

/// As long as the web server before a real panel keeps an idle connection, so that none breaks in a client's hands.
const KEEP_ALIVE: Duration = Duration::from_secs(65);

async fn answer(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let _opened = shared.open.enter();
    let decision = {
        let asked = asked(&request);
        shared.world().decide(&asked)
    };
    if shared.latency == Latency::Measured {
        shared.processor.work(decision.work).await;
    }
    deliver(&request, decision).await
}

fn asked(request: &HttpRequest) -> Asked {
    let text = |name| header_text(request, name);
    let accept = text(header::ACCEPT)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let first = accept.split(',').next().unwrap_or_default();
    // The framework decodes everything but an encoded slash, which PHP decodes too.
    let path = request
        .match_info()
        .as_str()
        .replace("%2F", "/")
        .replace("%2f", "/");
    let path_and_query = match request.query_string() {
        "" => request.uri().path().to_owned(),
        query => format!("{}?{query}", request.uri().path()),
    };
    Asked {
        method: request.method().as_str().to_owned(),
        path,
        path_and_query,
        host: request.connection_info().host().to_owned(),
        authorization: text(header::AUTHORIZATION),
        service_token: text(header::HeaderName::from_static("cf-access-client-id")).zip(text(
            header::HeaderName::from_static("cf-access-client-secret"),
        )),
        wants_json: first.contains("/json") || first.contains("+json"),
    }
}

async fn deliver(request: &HttpRequest, decision: Decision) -> HttpResponse {
    let Decision {
        reply:
            Reply {
                status,
                content_type,
                headers,
                body,
            },
        delivery,
        ..
    } = decision;
    let mut response = HttpResponse::build(status);
    response.content_type(content_type);
    for (name, value) in headers {
        response.insert_header((name, value));
    }
    let body = Bytes::from(body);
    match delivery {
        Delivery::Whole => response.body(body),
        Delivery::Late(silence) => {
            tokio::time::sleep(silence).await;
            response.body(body)
        }
        Delivery::LateHalf(silence) => response.body(SizedStream::new(
            body.len() as u64,
            in_halves(body, Some(silence)),
        )),
        Delivery::ResetMidBody => {
            response.body(SizedStream::new(body.len() as u64, in_halves(body, None)))
        }
        Delivery::Reset => serve::reset(request),
    }
}

/// A body whose second half comes after a silence, or never.
fn in_halves(body: Bytes, silence: Option<Duration>) -> impl Stream<Item = io::Result<Bytes>> {
    let half = body.len() / 2;
    let (first, second) = (body.slice(..half), body.slice(half..));
    let rest = async move {
        let Some(silence) = silence else {
            // Lets the first half leave before the connection breaks.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        };
        tokio::time::sleep(silence).await;
        Ok(second)
    };
    stream::once(async move { Ok(first) }).chain(stream::once(rest))
}
