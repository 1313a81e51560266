//! The vendor on the wire.

use std::{
    io,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    dev::ServerHandle,
    http::{StatusCode, header},
    web::{self, Bytes},
};

use super::{control, faults::Effect, form::Asked, reply::Reply, world::World};
use crate::serve::{self, header_text};

/// What the vendor's handle and its server share.
pub struct Shared {
    world: Mutex<World>,
}

impl Shared {
    /// A vendor about to be served.
    pub fn new(world: World) -> Self {
        Self {
            world: Mutex::new(world),
        }
    }

    /// The vendor, for as long as the guard lives.
    pub fn world(&self) -> MutexGuard<'_, World> {
        // A test's closure that panicked has said so already.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the vendor, until the handle stops it.
///
/// # Errors
/// The thread or its server did not start.
pub async fn start(listener: TcpListener, shared: Arc<Shared>) -> io::Result<ServerHandle> {
    let shared = web::Data::from(shared);
    serve::start("hytale", listener, KEEP_ALIVE, move |app| {
        app.app_data(shared.clone())
            .service(web::scope("/__simulator").configure(control::routes))
            .default_service(web::to(answer));
    })
    .await
}

/// Longer than clients keep an idle connection, so that none breaks in their hands.
const KEEP_ALIVE: Duration = Duration::from_secs(120);

async fn answer(request: HttpRequest, body: Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let arrival = shared.world().arrive(asked(&request, &body));
    let effect = arrival.effect.clone();
    let reply = if arrival.takes.is_zero() {
        shared.world().process(&arrival)
    } else {
        let shared = shared.clone();
        // A task of its own: what a client began happens even if it hangs up.
        let processing = actix_web::rt::spawn(async move {
            tokio::time::sleep(arrival.takes).await;
            shared.world().process(&arrival)
        });
        processing.await.unwrap_or_else(|_| Reply::empty(500))
    };
    deliver(&request, reply, effect).await
}

fn asked(request: &HttpRequest, body: &Bytes) -> Asked {
    let text = |name| header_text(request, name);
    Asked {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.query_string().to_owned(),
        authorization: text(header::AUTHORIZATION),
        content_type: text(header::CONTENT_TYPE),
        user_agent: text(header::USER_AGENT),
        body: body.to_vec(),
    }
}

async fn deliver(request: &HttpRequest, reply: Reply, effect: Option<Effect>) -> HttpResponse {
    let Reply {
        status,
        content_type,
        headers,
        mut body,
    } = reply;
    match effect {
        Some(Effect::Hang | Effect::ResponseHangs) => std::future::pending().await,
        Some(Effect::Closed | Effect::ResponseLost) => return serve::closed(request),
        Some(Effect::Late { seconds }) => {
            tokio::time::sleep(Duration::from_secs_f64(seconds.max(0.0))).await;
        }
        Some(Effect::Malformed) => body.truncate(body.len() / 2),
        Some(Effect::Huge { bytes }) => {
            // Blanks before the first field: readable for those who are patient.
            let place = usize::from(!body.is_empty());
            body.splice(place..place, std::iter::repeat_n(b' ', bytes));
        }
        _ => {}
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if let Some(content_type) = content_type {
        response.content_type(content_type);
    }
    for (name, value) in headers {
        response.insert_header((name, value));
    }
    response.body(body)
}
